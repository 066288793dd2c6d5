"""An infusion waits for the one before it: until that is recorded it can be entered nowhere, so it is due nowhere."""

from datetime import UTC, date, datetime

import pytest

from audit.context import acting
from dosing.infusions.administration import mark_not_given
from dosing.models import Infusion
from patients.models import Patient
from reports.casebook.page_parts import tree_of
from reports.home.selection import SELECTIONS, OnDay
from reports.home.workload import Workload
from tests.support import build
from tests.support.pages.infusions import listing
from tests.support.study.bedside import stored
from trials.access import access_to

# All three windows are over: the patient was included on 10 March.
pytestmark = [pytest.mark.django_db, pytest.mark.at(datetime(2026, 4, 10, 10, 0, tzinfo=UTC))]


@pytest.fixture
def patient(trial) -> Patient:
    return build.enrolled(trial=trial, on=date(2026, 3, 10))


def skip(patient: Patient, number: int, by) -> None:
    row = stored(patient, number)
    with acting(user=by, role="investigator"):
        mark_not_given(infusion=row, reason="The patient was too unstable", version=row.version, by=by)


def overdue_numbers(client, trial) -> list[int]:
    rows = client.get(listing(trial), {"overdue": "yes"}).context["listing"].rows
    return [row.object.number for row in rows]


class TestOneInfusionIsDueAtATime:
    def test_the_listing_says_so(self, patient, doctor, trial):
        client = build.client(doctor)
        for number in (1, 2, 3):
            assert overdue_numbers(client, trial) == [number]
            skip(patient, number, doctor)
        assert overdue_numbers(client, trial) == []

    def test_the_home_page_counts_one(self, patient, doctor, trial):
        def counted() -> dict[str, int]:
            return Workload(access_to(user=doctor, slug=trial.slug)).infusions

        for number in (1, 2, 3):
            assert counted() == {"due": 1, "late": 1}
            assert SELECTIONS["infusions"].narrow(Patient.objects.all(), OnDay(trial.today, None)).exists()
            skip(patient, number, doctor)
        assert counted() == {"due": 0, "late": 0}
        assert not SELECTIONS["infusions"].narrow(Patient.objects.all(), OnDay(trial.today, None)).exists()

    def test_the_laboratory_has_one_to_prepare(self, patient, doctor, trial):
        laboratory = build.user("cell_laboratory", trial=trial)
        assert Workload(access_to(user=laboratory, slug=trial.slug)).preparations["next"] == 1
        skip(patient, 1, doctor)
        assert Workload(access_to(user=laboratory, slug=trial.slug)).preparations["next"] == 1
        for number in (2, 3):
            skip(patient, number, doctor)
        assert Workload(access_to(user=laboratory, slug=trial.slug)).preparations["next"] == 0

    def test_the_steps_and_the_tree_of_the_patient_mark_one(self, patient, doctor, trial):
        client, address = build.client(doctor), f"/trials/{trial.slug}/patients/{patient.code}/"

        def marked() -> tuple[list[bool], list[bool]]:
            shown = client.get(address).context
            left, tree = shown["left"], tree_of(shown["dossier"], shown["navigation"], address)
            steps = [step for step in left.steps if str(step.title).startswith("Infusion")]
            links = [each.infusion for each in tree if each.infusion]
            return ["overdue" in step.flags for step in steps], ["overdue" in each.flags for each in links]

        assert marked() == ([True, False, False], [True, False, False])
        skip(patient, 1, doctor)
        assert marked() == ([False, True, False], [False, True, False])

    def test_the_matrix_of_all_patients_marks_one(self, patient, doctor, trial):
        client = build.client(doctor)

        def marked() -> list[bool]:
            row = client.get(f"/trials/{trial.slug}/").context["rows"][0]
            cells = [cell.infusion for cell in row.cells if cell and cell.infusion]
            return ["overdue" in cell.flags for cell in cells]

        assert marked() == [True, False, False]
        skip(patient, 1, doctor)
        assert marked() == [False, True, False]


def test_a_row_that_was_not_annotated_asks_the_database(patient, doctor, django_assert_num_queries):
    rows = Infusion.objects.select_related("patient__protocol")
    row = rows.get(patient=patient, number=2)
    with django_assert_num_queries(1):
        assert row.is_awaited is False
        assert row.is_awaited is False
    skip(patient, 1, doctor)
    assert Infusion.objects.get(patient=patient, number=2).is_awaited is True
