"""A patient who is included and never infused stays in follow-up: visits get their days without the infusion."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from audit.context import acting
from dosing.allocation.lists import generate_list
from dosing.infusions.administration import mark_not_given
from dosing.models import Infusion
from patients.models import Patient, Visit
from patients.participation import disposition
from patients.participation.consents.consent_withdrawal import withdraw_consent
from patients.participation.protocol_amendments.amendments import preview
from patients.participation.visit_status import overdue
from patients.participation.visits import replan, visits_due
from protocol.document.schedule import planned_visits
from tests.support import build
from tests.support.study.bedside import give, on, stored
from trials.models import Trial

NOW = datetime(2026, 3, 30, 10, 0, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW), pytest.mark.usefixtures("doctor_acts")]
INCLUDED = date(2026, 3, 10)


@pytest.fixture
def trial(db: None) -> Trial:
    """The masked trial: its visits, that of day 28 included, are counted from the only infusion."""
    return build.trial(build.COVID_MSV)


@pytest.fixture
def doctor(trial: Trial) -> Any:
    return build.user("investigator", trial=trial)


@pytest.fixture
def included(trial: Trial) -> Patient:
    administrator = build.user("administrator", trial=trial)
    generate_list(trial=trial, seed="once", by=administrator)
    return build.enrolled(trial=trial, on=INCLUDED)


def planned(patient: Patient, code: str) -> date | None:
    return Visit.objects.get(patient=patient, code=code).planned_on


def not_given(patient: Patient, by: Any) -> Infusion:
    row = stored(patient, 1)
    with acting(user=by, role="investigator"):
        return mark_not_given(infusion=row, reason="Died before", version=row.version, by=by)


def test_day_28_has_no_day_while_the_infusion_may_still_be_given(included):
    assert planned(included, "D28") is None


def test_an_infusion_marked_as_not_given_counts_the_visits_from_inclusion(included, doctor):
    not_given(included, doctor)
    assert planned(included, "D28") == date(2026, 4, 7)
    late = Visit.objects.filter(overdue(date(2026, 4, 10), None), patient=included)
    assert "D28" in late.values_list("code", flat=True)


def test_an_infusion_given_after_all_counts_them_from_its_day(included, doctor):
    not_given(included, doctor)
    facts = on("11-Mar-2026", weight_kg=Decimal("70"))
    give(included, 1, facts, doctor, reason="It was given")
    assert planned(included, "D28") == date(2026, 4, 8)


@pytest.mark.parametrize("part", ["treatment_withdrawn_on", "follow_up_withdrawn_on", "data_withdrawn_on"])
def test_consent_withdrawn_for_the_treatment_counts_them_from_inclusion(included, doctor, part):
    withdraw_consent(patient=included, parts={part: INCLUDED}, note="No cells", by=doctor)
    assert planned(included, "D28") == date(2026, 4, 7)


def test_consent_withdrawn_for_samples_leaves_the_infusion_planned(included, doctor):
    withdraw_consent(patient=included, parts={"samples_withdrawn_on": INCLUDED}, note="No blood", by=doctor)
    assert planned(included, "D28") is None


def ended(patient: Patient, day: date, by: Any) -> Patient:
    return disposition.end_study(patient=patient, on=day, reason="withdrawal", note="Left", by=by)


@pytest.mark.parametrize("afterwards", [False, True])
@pytest.mark.parametrize("slug", [build.COVID_MSV, build.LIEGE])
def test_the_end_before_the_infusion_makes_no_visit_due_that_had_no_day(slug, doctor, afterwards):
    """P11-06: nobody could hold them in time, or was asked about them at the end; nor when the infusion is settled."""
    trial = build.trial(slug)
    if slug == build.COVID_MSV:
        generate_list(trial=trial, seed="once", by=build.user("administrator", trial=trial))
    person = build.user("investigator", trial=trial)
    patient = build.enrolled(trial=trial, on=INCLUDED)
    before = dict(patient.visits.values_list("code", "planned_on"))
    assert before["D1"] is None
    asked = {visit.code for visit in visits_due(patient, date(2026, 3, 20))}
    ended(patient, date(2026, 3, 20), person)
    if afterwards:
        not_given(patient, person)
    assert dict(patient.visits.values_list("code", "planned_on")) == before
    late = Visit.objects.filter(overdue(NOW.date(), None), patient=patient)
    assert set(late.values_list("code", flat=True)) == asked


def test_a_visit_that_was_counted_from_inclusion_keeps_its_day_at_the_end(included, doctor):
    """P11-06: it was planned while the patient was in follow-up, so the end asks about it."""
    not_given(included, doctor)
    ended(Patient.objects.get(pk=included.pk), date(2026, 3, 20), doctor)
    replan(Patient.objects.get(pk=included.pk), doctor)
    assert planned(included, "D7") == date(2026, 3, 17)


def test_an_infusion_recorded_after_the_end_counts_its_visits(included, doctor):
    ended(included, date(2026, 3, 20), doctor)
    give(included, 1, on("11-Mar-2026", weight_kg=Decimal("70")), doctor)
    assert planned(included, "D7") == date(2026, 3, 18)


def test_a_study_that_is_reopened_waits_for_the_infusion_again(included, doctor):
    patient = ended(included, date(2026, 3, 20), doctor)
    disposition.reopen_study(patient=patient, reason="He came back", by=doctor)
    assert planned(included, "D7") is None
    not_given(included, doctor)
    assert planned(included, "D7") == date(2026, 3, 17)


def test_an_amendment_keeps_the_days_counted_from_inclusion(included, doctor):
    """The visits would otherwise lose their days when the patient moves to another version."""
    not_given(included, doctor)
    moves = preview([Patient.objects.get(pk=included.pk)], included.protocol)
    assert {change.kind for change in moves[0].visits} == {"kept"}


def test_the_protocol_names_another_anchor(trial):
    rules = trial.rules
    days = {"screening": date(2026, 3, 8), "inclusion": INCLUDED}
    visits = tuple(
        visit.model_copy(update={"anchor_without_infusion": "screening"}) if visit.code == "D28" else visit
        for visit in rules.visits
    )
    plans = {
        each.code: each for each in planned_visits(rules.model_copy(update={"visits": visits}), days, {1})
    }
    assert (plans["D28"].planned_on, plans["D14"].planned_on) == (date(2026, 4, 5), date(2026, 3, 24))
    # An infusion that was given counts, whatever else is told of it.
    given = planned_visits(rules, {**days, "infusion_1": date(2026, 3, 12)}, {1})
    assert {each.code: each.planned_on for each in given}["D28"] == date(2026, 4, 9)


class TestSeveralInfusions:
    """The open trial gives three: the second and third are counted from the one before."""

    @pytest.fixture
    def trial(self, db: None) -> Trial:
        return build.trial(build.LIEGE)

    @pytest.fixture
    def included(self, trial: Trial) -> Patient:
        return build.enrolled(trial=trial, on=INCLUDED)

    def test_the_next_infusion_is_counted_from_the_planned_day_of_one_not_given(self, included, doctor):
        not_given(included, doctor)
        assert planned(included, "INF2") == date(2026, 3, 13) == stored(included, 2).window_from
        assert planned(included, "INF3") is None

    def test_the_visit_of_an_infusion_that_will_not_be_given_waits_for_no_day(self, included, doctor):
        withdraw_consent(
            patient=included, parts={"treatment_withdrawn_on": INCLUDED}, note="No cells", by=doctor
        )
        assert (planned(included, "INF2"), planned(included, "INF3")) == (None, None)
        assert planned(included, "D1") == date(2026, 3, 11)

    def test_two_infusions_in_a_row_that_are_not_given(self, trial):
        days = {"screening": INCLUDED, "inclusion": INCLUDED}
        plans = {each.code: each.planned_on for each in planned_visits(trial.rules, days, {1, 2})}
        assert (plans["INF2"], plans["INF3"]) == (None, date(2026, 3, 16))
