"""The pre-screening log: rows without identity, corrections with a reason, the totals of the flow diagram."""

import csv
import io
from datetime import date

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from audit.context import acting
from audit.trail import history_model
from patients.models import PrescreeningRow
from patients.participation.logs.prescreening import (
    PrescreeningFacts,
    add_prescreening,
    correct_prescreening,
    flow_counts,
    strike_out_prescreening,
)
from tests.support import build
from tests.support.pages.infusions import errors_of, text_of
from tests.support.study.bedside import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW), pytest.mark.one_engine]

TYPED = {
    "considered_on": "10-Mar-2021", "people": "3", "outcome": "not_approached", "reason": "criteria",
    "note": "", "save_key": "k1",
}  # fmt: skip


@pytest.fixture
def coordinator(trial):
    return build.user("coordinator", trial=trial)


@pytest.fixture
def ward(coordinator):
    return build.client(coordinator)


def facts(**changed) -> PrescreeningFacts:
    given = {
        "considered_on": date(2021, 3, 10), "people": 3, "outcome": "not_approached", "reason": "criteria",
        "note": "",
    }  # fmt: skip
    return PrescreeningFacts(**{**given, **changed})


def entered(trial, by, *, save_key="", **changed) -> PrescreeningRow:
    with acting(user=by, role="coordinator", origin="web"):
        return add_prescreening(trial=trial, facts=facts(**changed), by=by, save_key=save_key)


def corrected(row, by, reason="Counted again", *, version=None, **changed) -> PrescreeningRow:
    with acting(user=by, role="coordinator", origin="web"):
        return correct_prescreening(
            row=row, facts=facts(**changed), change_reason=reason, version=version or row.version, by=by
        )


def struck(row, by, reason="Entered twice") -> PrescreeningRow:
    with acting(user=by, role="coordinator", origin="web"):
        return strike_out_prescreening(row=row, change_reason=reason, version=row.version, by=by)


def refused(call, *args, **options) -> set[str]:
    with pytest.raises(ValidationError) as refusal:
        call(*args, **options)
    return set(getattr(refusal.value, "error_dict", {"": None}))


def page(trial, step="", *number) -> str:
    name = f"patients:prescreening-{step}" if step else "patients:prescreening"
    return reverse(name, args=[trial.slug, *number])


class TestCounts:
    def test_the_flow_begins_with_who_was_considered(self, trial, coordinator):
        """Those screened count as considered, rows struck out do not."""
        build.patient(trial=trial, by=coordinator)
        entered(trial, coordinator)
        entered(trial, coordinator, people=2, reason="other", note="No bed")
        entered(trial, coordinator, people=4, outcome="declined", reason="risk")
        struck(entered(trial, coordinator, people=50), coordinator)
        counts = flow_counts(trial)
        assert (counts.considered, counts.not_approached, counts.declined, counts.screened) == (10, 5, 4, 1)
        assert counts.reasons == {"not_approached": {"criteria": 3, "other": 2}, "declined": {"risk": 4}}

    def test_another_trial_is_not_counted(self, trial, coordinator):
        other = build.twin()
        entered(other, build.user(trial=other))
        assert flow_counts(trial).considered == 0


class TestEntering:
    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"considered_on": date(2100, 1, 1)}, "considered_on"),
            ({"people": 0}, "people"),
            ({"people": 1001}, "people"),
            ({"outcome": "screened"}, "outcome"),
            ({"reason": "risk"}, "reason"),
            ({"outcome": "declined", "reason": "criteria"}, "reason"),
            ({"reason": "other", "note": " "}, "note"),
        ],
    )
    def test_what_cannot_be_is_refused_beside_its_field(self, trial, coordinator, changed, field):
        assert refused(entered, trial, coordinator, **changed) == {field}
        assert not PrescreeningRow.objects.exists()

    def test_today_and_the_limits_are_taken(self, trial, coordinator):
        entered(trial, coordinator, considered_on=trial.today, people=1)
        entered(trial, coordinator, people=1000)
        assert [row.number for row in PrescreeningRow.objects.order_by("pk")] == [1, 2]

    def test_a_second_click_makes_no_second_row(self, trial, coordinator):
        first, second = (entered(trial, coordinator, save_key="page") for _each in range(2))
        assert first.pk == second.pk

    @pytest.mark.parametrize("column", ["frozen_at", "locked_at"])
    def test_nothing_is_entered_under_a_freeze_or_lock(self, trial, coordinator, column):
        row = entered(trial, coordinator)
        with acting(system="test"):
            type(trial).objects.filter(pk=trial.pk).update(**{column: row.recorded_at})
        refused(entered, trial, coordinator)
        refused(corrected, row, coordinator, people=5)
        refused(struck, row, coordinator)


class TestCorrecting:
    def test_a_correction_keeps_its_reason_in_the_trail(self, trial, coordinator):
        row = corrected(entered(trial, coordinator), coordinator, people=5)
        latest = history_model(PrescreeningRow).objects.filter(id=row.pk).order_by("-history_id")[0]
        assert (latest.people, str(latest.history_change_reason)) == (5, "Counted again")

    def test_no_reason_no_change_or_an_older_page_store_nothing(self, trial, coordinator):
        row = entered(trial, coordinator)
        assert refused(corrected, row, coordinator, " ", people=5) == {"change_reason"}
        refused(corrected, row, coordinator)
        corrected(row, coordinator, people=5)
        refused(corrected, row, coordinator, people=6, version=1)
        row.refresh_from_db()
        assert (row.people, row.version) == (5, 2)

    def test_a_row_struck_out_stays_as_it_is(self, trial, coordinator):
        row = entered(trial, coordinator)
        assert refused(struck, row, coordinator, " ") == {"change_reason"}
        row = struck(row, coordinator)
        refused(corrected, row, coordinator, people=5)
        assert flow_counts(trial).considered == 0


class TestPages:
    @pytest.mark.parametrize("count", [1, 3])
    def test_each_row_costs_no_query(self, trial, coordinator, ward, django_assert_num_queries, count):
        for _each in range(count):
            entered(trial, coordinator)
        ward.get(page(trial))
        with django_assert_num_queries(7):
            shown = ward.get(page(trial))
        assert len(shown.context["listing"].rows) == count

    def test_the_page_shows_the_totals_and_the_reasons(self, trial, coordinator, ward):
        entered(trial, coordinator)
        text = text_of(ward.get(page(trial)))
        assert "Considered 3" in text
        assert "A criterion was clearly not met: 3" in text

    def test_its_filters(self, trial, coordinator, ward):
        entered(trial, coordinator)
        entered(trial, coordinator, outcome="declined", reason="risk")
        struck(entered(trial, coordinator, reason="died"), coordinator)
        found = {
            query: [row.object.number for row in ward.get(f"{page(trial)}?{query}").context["listing"].rows]
            for query in ("outcome=declined", "reason=criteria", "state=in_force", "state=struck_out")
        }
        assert found == {
            "outcome=declined": [2], "reason=criteria": [1], "state=in_force": [2, 1], "state=struck_out": [3],
        }  # fmt: skip

    def test_the_file_has_every_column_and_no_formula(self, trial, coordinator, ward):
        """SEC-15."""
        entered(trial, coordinator, note="=1+1")
        sent = ward.get(f"{page(trial)}?format=csv")
        (line,) = csv.DictReader(io.StringIO(sent.getvalue().decode("utf-8-sig")))
        assert (line["people"], line["reason"], line["note"]) == ("3", "criteria", "'=1+1")

    def test_entered_corrected_and_struck_out_by_the_pages(self, trial, ward):
        assert ward.post(page(trial, "new"), TYPED).status_code == 302
        changed = {**TYPED, "people": "4", "change_reason": "Counted again", "version": "1"}
        assert ward.post(page(trial, "correct", 1), changed).status_code == 302
        assert PrescreeningRow.objects.get().people == 4
        gone = {"change_reason": "Entered twice", "version": "2"}
        assert ward.post(page(trial, "strike", 1), gone).status_code == 302
        assert PrescreeningRow.objects.get().struck_out

    @pytest.mark.parametrize("people", ["", "x", "1.5", "-1", "0", "１２x"])
    def test_a_number_that_cannot_be_read_keeps_what_was_typed(self, trial, ward, people):
        answer = ward.post(page(trial, "new"), {**TYPED, "people": people, "note": "Kept"})
        assert answer.status_code == 422
        assert set(errors_of(answer)) == {"people"}
        assert "Kept" in answer.content.decode()

    def test_an_older_page_is_told_and_loses_nothing(self, trial, coordinator, ward):
        row = entered(trial, coordinator)
        corrected(row, coordinator, people=5)
        changed = {**TYPED, "people": "7", "change_reason": "Counted again", "version": "1"}
        answer = ward.post(page(trial, "correct", 1), changed)
        assert answer.status_code == 422
        assert "It was changed while you typed" in text_of(answer)

    def test_the_trail_names_the_row(self, trial, coordinator, ward):
        entered(trial, coordinator)
        assert "Row 1 of the pre-screening log" in text_of(
            ward.get(reverse("audit:trail", args=[trial.slug]))
        )

    def test_a_reader_sees_no_steps(self, trial, coordinator):
        entered(trial, coordinator)
        shown = build.client(build.user("monitor", trial=trial)).get(page(trial)).content.decode()
        assert page(trial, "new") not in shown
        assert page(trial, "correct", 1) not in shown
