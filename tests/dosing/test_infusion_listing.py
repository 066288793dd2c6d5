"""The listing of infusions: overdue ones, filters, CSV, and its number of queries."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.context import acting
from audit.models import AccessEvent
from dosing.infusions.administration import mark_not_given
from patients.participation.disposition import end_study
from tests.support import build
from tests.support.pages.infusions import bedside, listing, page, stored, text_of
from tests.support.study import cohort
from tests.support.study.bedside import INCLUDED

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]


@pytest.fixture
def patient(trial, known_day):
    return build.enrolled(trial=trial, on=INCLUDED)


class TestTheListing:
    def rows(self, response) -> list[tuple[str, int]]:
        return [(row.object.patient.code, row.object.number) for row in response.context["listing"].rows]

    def test_every_infusion_of_the_trial_is_listed_in_order(self, ward, patient, trial):
        build.enrolled(trial=build.trial(build.COVID_MSV), on=INCLUDED)
        assert self.rows(ward.get(listing(trial))) == [(patient.code, number) for number in (1, 2, 3)]

    def test_the_overdue_are_marked_and_found(self, ward, patient, trial):
        ward.post(page(patient), bedside())
        response = ward.get(listing(trial), {"overdue": "yes"})

        assert self.rows(response) == [(patient.code, 2)]
        assert text_of(response).count("Overdue") >= 2
        assert self.rows(ward.get(listing(trial), {"overdue": "no"})) == [
            (patient.code, number) for number in (1, 3)
        ]

    @pytest.mark.parametrize(("day", "late"), [(12, 0), (13, 1)])
    def test_an_infusion_is_overdue_from_the_day_after_its_last_day(self, ward, patient, trial, day, late):
        """The first infusion is due within two days of the inclusion on the tenth."""
        with time_machine.travel(datetime(2026, 3, day, 12, tzinfo=UTC), tick=False):
            response = build.client(build.user("monitor", trial=trial)).get(
                listing(trial), {"overdue": "yes"}
            )
        assert len(self.rows(response)) == late

    def test_a_patient_who_left_has_no_overdue_infusion(self, ward, patient, trial):
        by = build.user("investigator", trial=trial)
        with acting(user=by, role="investigator"):
            end_study(patient=patient, on=INCLUDED, reason="death", note="", by=by)
        assert self.rows(ward.get(listing(trial), {"overdue": "yes"})) == []

    def test_the_status_filters(self, ward, patient, trial):
        by = build.user("coordinator", trial=trial)
        row = stored(patient)
        row.patient = patient
        with acting(user=by, role="coordinator"):
            mark_not_given(infusion=row, reason="Fever", version=1, by=by)
        assert self.rows(ward.get(listing(trial), {"state": "not_given"})) == [(patient.code, 1)]

    @pytest.mark.parametrize(
        "asked", [{"state": "x"}, {"overdue": "maybe"}, {"sort": "started"}, {"after": "forged"}]
    )
    def test_what_cannot_be_asked_is_a_bad_request(self, ward, trial, patient, asked):
        assert ward.get(listing(trial), asked).status_code == 400

    def test_product_columns_are_there_only_for_those_who_may_know(self, trial, patient):
        """BLD-01: in the masked trial not even the column headings."""
        masked = build.trial(build.COVID_MSV)
        build.enrolled(trial=masked, on=INCLUDED)
        product_columns = {"donor", "lot", "viable_cells", "cells_per_kg", "dose"}
        seen = {}
        for each, role in ((trial, "monitor"), (masked, "monitor"), (masked, "statistician")):
            browser = build.client(build.user(role, trial=each))
            seen[each.slug, role] = {c.name for c in browser.get(listing(each)).context["listing"].columns}

        assert product_columns <= seen[trial.slug, "monitor"]
        assert product_columns <= seen[masked.slug, "statistician"]
        assert not product_columns & seen[masked.slug, "monitor"]

    def test_the_csv_holds_every_row_and_is_recorded(self, ward, patient, trial):
        """AUD-08."""
        ward.post(page(patient), bedside())
        response = ward.get(listing(trial), {"format": "csv"})
        lines = b"".join(response.streaming_content).decode("utf-8-sig").splitlines()

        assert len(lines) == 4
        assert lines[1].startswith(f"{patient.code},1,")
        assert "2026-03-10T10:00+01:00[Europe/Brussels]" in lines[1]
        assert AccessEvent.objects.filter(kind="exported").count() == 1

    def queries(self, role: str, trial) -> int:
        browser = build.client(build.user(role, trial=trial))
        browser.get(listing(trial))
        with CaptureQueriesContext(
            connection,
        ) as found:
            assert browser.get(listing(trial)).status_code == 200
        return len(found)

    @pytest.mark.parametrize("slug", [build.LIEGE, build.COVID_MSV])
    @pytest.mark.parametrize("role", ["coordinator", "statistician"])
    def test_three_rows_cost_as_many_queries_as_one(self, slug, role):
        trial = build.trial(slug)
        cohort.patients(trial, 1)
        few = self.queries(role, trial)
        cohort.patients(trial, 2)

        assert self.queries(role, trial) == few
        assert few <= 14


def test_the_days_of_the_next_infusion_follow_the_one_that_was_given(ward, patient):
    """CEL-11: three to four days after it."""
    ward.post(page(patient), bedside("11-Mar-2026"))
    second = stored(patient, 2)

    assert (second.window_from, second.window_to) == (INCLUDED + timedelta(4), INCLUDED + timedelta(5))
    assert "14-Mar-2026 – 15-Mar-2026" in text_of(ward.get(page(patient, number=2)))
