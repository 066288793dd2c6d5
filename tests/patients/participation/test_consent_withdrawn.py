"""Consent is withdrawn for a part of the trial; the rest goes on, what was collected is kept (PRV-03)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from accounts.models import User
from audit.trail import history_model
from dosing.filters import InfusionFilter
from dosing.infusions.administration import record_weight
from dosing.labels import is_overdue
from dosing.models import Infusion
from patients.casebook.casebook import Casebook
from patients.entry.entry_guard import entry_refusal
from patients.models import Patient, Visit
from patients.participation.consents.consent_withdrawal import PARTS, stops_treatment, withdraw_consent
from patients.participation.visit_status import due, overdue, required_of, visit_status
from patients.participation.visits import hold_visit
from reports.home.selection import SELECTIONS, OnDay
from tests.support import build
from tests.support.build import moment
from tests.support.study.bedside import give, on, stored
from tests.support.study.refusals import refused
from trials.models import Trial

NOW = datetime(2026, 3, 30, 10, 0, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW), pytest.mark.usefixtures("doctor_acts")]
INCLUDED, DAY, NEXT = date(2026, 3, 10), date(2026, 3, 17), date(2026, 3, 18)
TREATMENT, SAMPLES, FOLLOW_UP, DATA = PARTS


@pytest.fixture
def included(trial: Trial) -> Patient:
    return build.enrolled(trial=trial, on=INCLUDED)


def withdraw(patient: Patient, by: User, *parts: str, **changed: Any) -> Patient:
    told = {"parts": dict.fromkeys(parts, DAY), "note": "No more needles", **changed}
    return withdraw_consent(patient=patient, by=by, **told)


def refusal(patient: Patient, by: User, form: str, visit: str | None) -> str:
    casebook = Casebook.open(user=by, trial=patient.trial, code=patient.code)
    return entry_refusal(casebook, casebook.place(form, visit), None)


class TestRecording:
    def test_each_part_has_its_own_day(self, included, doctor):
        found = withdraw_consent(
            patient=included, parts={SAMPLES: DAY, DATA: NEXT}, note=" No more needles ", by=doctor
        )
        assert [getattr(found, name) for name in PARTS] == [None, DAY, None, NEXT]
        assert (found.withdrawal_note, found.state) == ("No more needles", "enrolled")

    @pytest.mark.parametrize(
        ("changed", "told"),
        [
            ({"parts": {}}, {"": ["Enter the day for at least one part that the patient withdrew from."]}),
            ({"note": " "}, {"note": ["Say what the patient withdrew from, in the patient's words."]}),
            ({"parts": {DATA: date(2026, 3, 31)}}, {DATA: ["This day has not come yet. Check the year."]}),
            ({"parts": {DATA: date(2026, 3, 9)}}, {DATA: ["This day is before the consent."]}),
        ],
    )
    def test_an_impossible_withdrawal_is_refused(self, included, doctor, changed, told):
        assert refused(withdraw, included, doctor, DATA, **changed) == told

    def test_it_may_be_on_the_day_of_the_consent(self, included, doctor):
        assert withdraw(included, doctor, parts={DATA: INCLUDED}).data_withdrawn_on == INCLUDED

    def test_without_a_consent_there_is_nothing_to_withdraw(self, trial, doctor):
        patient = build.patient(trial=trial, screened_on=INCLUDED)
        told = refused(withdraw, patient, doctor, DATA)
        assert told == {"": ["No consent is recorded: there is nothing to withdraw."]}

    def test_another_part_needs_no_reason_and_a_correction_does(self, included, doctor):
        withdraw(included, doctor, SAMPLES)
        withdraw(included, doctor, SAMPLES, DATA)
        for changed in (
            {"parts": {SAMPLES: NEXT, DATA: DAY}},
            {"parts": {SAMPLES: DAY}},
            {"note": "Other words"},
        ):
            told = refused(withdraw, included, doctor, SAMPLES, DATA, **changed)
            assert told == {"reason": ["Say why this is changed."]}
        found = withdraw(included, doctor, parts={}, reason="Another patient")
        assert [getattr(found, name) for name in PARTS] == [None] * 4
        assert found.withdrawal_note == ""
        last = history_model(Patient).objects.order_by("history_id").last()
        assert last.history_change_reason == "Another patient"


class TestWhatItStillAllows:
    def test_no_new_form_after_consent_for_data(self, included, doctor):
        record = build.record(included, "vitals", {"hr": "72"}, visit="D7", draft=True)
        found = withdraw(included, doctor, DATA)
        told = "Consent for new data was withdrawn on 17-Mar-2026: no new form is entered."
        assert refusal(found, doctor, "vital_status", "D7") == told
        assert refusal(found, doctor, "medication", None) == told
        casebook = Casebook.open(user=doctor, trial=found.trial, code=found.code)
        assert entry_refusal(casebook, casebook.place("vitals", "D7"), record) == ""

    def test_no_sample_after_consent_for_samples(self, included, doctor):
        hold_visit(visit=included.visits.get(code="D7"), on=DAY, by=doctor)
        hold_visit(visit=included.visits.get(code="D14"), on=NEXT, by=doctor)
        found = withdraw(included, doctor, SAMPLES)
        told = "Consent for samples was withdrawn on 17-Mar-2026: no sample is taken after it."
        assert refusal(found, doctor, "haematology", "D7") == ""
        assert refusal(found, doctor, "haematology", "D14") == told
        assert refusal(found, doctor, "vitals", "D14") == ""

    def test_a_sample_form_is_not_asked_for_any_more(self, included, doctor):
        found = withdraw(included, doctor, SAMPLES)
        rules = found.protocol.rules
        before, after = (required_of(found, rules, "D14", day) for day in (DAY, NEXT))
        assert "haematology" in before
        assert after == {form for form in before if not rules.form(form).samples}
        assert required_of(withdraw(found, doctor, SAMPLES, DATA), rules, "D14", DAY) == set()

    def test_no_visit_after_consent_for_follow_up(self, included, doctor):
        found = withdraw(included, doctor, FOLLOW_UP)
        visit = found.visits.get(code="D7")
        told = "Consent for follow-up was withdrawn on 17-Mar-2026: there is no visit after it."
        assert refused(hold_visit, visit=visit, on=NEXT, by=doctor) == {"on": [told]}
        assert "record its day first" in refusal(found, doctor, "vitals", "D7")
        hold_visit(visit=visit, on=DAY, by=doctor)
        assert refusal(found, doctor, "vitals", "D7") == ""
        assert refusal(found, doctor, "medication", None) == ""

    @pytest.mark.parametrize("part", [FOLLOW_UP, DATA])
    def test_only_visits_that_begin_until_then_are_due(self, included, doctor, part):
        visit = included.visits.get(code="D14")
        first, last = visit.window_from, visit.window_to
        for days, waits in ((0, True), (1, False)):
            day = first - timedelta(days=days)
            Patient.objects.update(**{part: day})
            for condition in (due(first, None), overdue(last + timedelta(days=1), None)):
                assert Visit.objects.filter(condition, pk=visit.pk).exists() == waits
            told = {"state": "planned", "window": (first, last), "begun": "not_started", "open_patient": True}
            status = visit_status(**told, today=first, last_day=day)
            assert status == (("not_started", ["due"]) if waits else ("not_applicable", []))

    @pytest.mark.parametrize("part", [TREATMENT, FOLLOW_UP, DATA])
    def test_no_infusion_after_consent_for_the_treatment(self, included, doctor, part):
        give(included, 1, on("12-Mar-2026"), doctor)
        found = withdraw(included, doctor, part)
        assert stops_treatment(found) == DAY
        row = stored(included, 2)
        weigh = {"weight_kg": on("18-Mar-2026")["weight_kg"], "weight_measured": moment("18-Mar-2026 08:00")}
        told = "Consent was withdrawn on 17-Mar-2026: nothing is given after it."
        assert refused(record_weight, infusion=row, version=row.version, by=doctor, **weigh) == {"": [told]}
        late = on("18-Mar-2026", timing_deviation_reason="Late")
        assert refused(give, included, 2, late, doctor)["started"] == [told]
        # What was given until then is recorded late.
        assert give(included, 2, on("17-Mar-2026", timing_deviation_reason="Late"), doctor).state == "given"

    @pytest.mark.parametrize(("part", "late"), [(TREATMENT, 0), (SAMPLES, 1)])
    def test_no_infusion_is_due_after_consent_for_the_treatment(self, included, doctor, trial, part, late):
        found = withdraw(included, doctor, part)
        rows = Infusion.objects.filter(patient=found)
        listed = InfusionFilter({"overdue": "yes"}, queryset=rows, trial=trial).qs
        assert sum(is_overdue(row, date(2026, 3, 30)) for row in rows) == len(listed) == late
        due = SELECTIONS["infusions"].narrow(Patient.objects.all(), OnDay(date(2026, 3, 30), None))
        assert due.exists() == bool(late)

    def test_an_infusion_goes_on_without_consent_for_samples(self, included, doctor):
        found = withdraw(included, doctor, SAMPLES)
        assert stops_treatment(found) is None
        late = on("18-Mar-2026", timing_deviation_reason="Late")
        assert give(included, 1, late, doctor).state == "given"

    def test_an_adverse_event_is_always_reported(self, included, doctor):
        found = withdraw(included, doctor, *PARTS)
        assert build.event(patient=found, by=doctor, onset=moment("20-Mar-2026")).term == "Fever"
