"""What was never asked, and a visit that the patient did not live to see, are not missing (DAT-02)."""

from datetime import date, timedelta

import pytest

from audit.context import acting
from exports.exporting import tables_of
from exports.tables.study_columns import end_before_visit
from patients.models import Patient, Record, Visit
from tests.support import build
from tests.support.study import amended_protocol
from trials.models import Trial

pytestmark = pytest.mark.django_db
DAY = date(2026, 3, 20)


def rows_of(trial: Trial, name: str) -> list[dict[str, object]]:
    table = next(each for each in tables_of(trial, sees_treatment=False) if each.name == name)
    return [dict(zip(table.header, row, strict=True)) for row in table.rows()]


def test_an_item_that_the_version_of_the_row_does_not_ask_is_named_in_it(walking):
    """A blank cell of an item that an amendment added or removed is not missing.

    A record that was edited under the later version keeps the answers to items that it has no more: they stand there.
    """
    doctor = build.user("investigator", trial=walking)
    patient = amended_protocol.enrolled(walking, by=doctor)
    screening = Record.objects.filter(patient=patient, form="vitals", visit__code="SCR")
    if not screening.exists():
        amended_protocol.vitals(patient, "SCR", by=doctor)
    new = amended_protocol.amendment()
    with acting(system="test", reason="arranged"):
        visits = Visit.objects.filter(patient=patient).exclude(records__form="vitals").order_by("position")
        for visit, values in zip(visits, ({"pulse": "72"}, {"pulse": "72", "steps": "4000"}), strict=False):
            Record.objects.create(
                patient=patient, protocol=new, form="vitals", state="complete", values=values, visit=visit
            )
    found = [(row["protocol_version"], row["not_asked"]) for row in rows_of(walking, "forms/vitals")]
    assert found == [("1.0", "spo2"), ("1.1", "steps"), ("1.1", "")]


def test_a_visit_after_the_death_of_the_patient_is_not_missing(trial):
    """P11-02: the reason of the end stands in its row; a visit whose window had passed is missing."""
    patient = build.enrolled(trial=trial, on=trial.today - timedelta(days=42))
    visits = {visit.code: visit for visit in patient.visits.all()}
    died = visits["D14"].window_to
    with acting(system="test", reason="arranged"):
        Patient.objects.filter(pk=patient.pk).update(state="ended", ended_on=died, end_reason="death")
    found = {
        row["visit"]: row["not_held_because"]
        for row in rows_of(trial, "visits")
        if row["status"] == "planned"
    }
    assert found["D7"] == ""
    assert found["D14"] == found["D28"] == found["D90"] == "death"


@pytest.mark.parametrize(
    ("state", "window_to", "planned_on", "ended_on", "told"),
    [
        ("planned", DAY, DAY, DAY, "lost"),
        ("planned", DAY, DAY, DAY + timedelta(days=1), None),
        ("cancelled", DAY, DAY, DAY, "lost"),
        ("planned", None, DAY, DAY, "lost"),
        ("planned", None, None, DAY, None),
        ("planned", DAY, DAY, None, None),
        ("held", DAY, DAY, DAY, None),
        ("missed", DAY, DAY, DAY, None),
    ],
)
def test_only_a_visit_that_could_still_come_was_prevented_by_the_end(
    state, window_to, planned_on, ended_on, told
):
    """The last day of the window counts, else the planned day."""
    assert end_before_visit(state, window_to, planned_on, ended_on, "lost") == told
