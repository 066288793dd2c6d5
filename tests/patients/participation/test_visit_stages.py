"""The stage of a visit: computed from its forms, shown in its cell, with a link to the next form."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.models import Signature
from patients.casebook.navigation import stage_of
from patients.models import Patient, Query, Record, Visit
from patients.participation import disposition, visits
from patients.participation.visit_status import (
    STAGE,
    STAGES,
    due,
    first_unfinished,
    forms_at,
    last_day_of,
    overdue,
    required_at,
    visit_stage,
    visit_status,
)
from protocol.document.design import VisitForm
from tests.support import build
from tests.support.pages.home import HOME, TODAY, page, rows_of
from tests.support.study import cohort

pytestmark = pytest.mark.django_db

FORMS = [VisitForm(form="vitals"), VisitForm(form="labs"), VisitForm(form="scan", when="available")]
REQUIRED = frozenset({"vitals", "labs"})


def test_a_visit_nobody_began_is_not_started():
    assert visit_stage(REQUIRED, {}) == "not_started"


def test_a_visit_that_lacks_a_required_form_is_a_draft():
    assert visit_stage(REQUIRED, {"vitals": 4}) == "draft"


def test_a_form_asked_only_when_available_does_not_hold_a_visit_back():
    assert visit_stage(REQUIRED, {"vitals": 1, "labs": 1}) == "complete"


def test_an_optional_form_that_was_begun_counts():
    assert visit_stage(REQUIRED, {"vitals": 1, "labs": 1, "scan": 0}) == "draft"


@given(st.dictionaries(st.sampled_from(["vitals", "labs", "scan"]), st.integers(0, 4), min_size=1))
def test_a_visit_is_never_further_than_its_least_advanced_form(stages):
    shown = STAGES.index(visit_stage(REQUIRED, stages))
    assert shown <= min(stages.values())
    assert shown == min(stages.values()) or not stages.keys() >= REQUIRED


@given(st.dictionaries(st.sampled_from(["vitals", "labs", "scan"]), st.integers(0, 4)))
def test_a_visit_leads_to_a_form_with_work_left_if_there_is_one(stages):
    found = first_unfinished(FORMS, stages)
    left = [form for form in REQUIRED if stages.get(form, 0) == 0] + [
        f for f, stage in stages.items() if stage == 0
    ]
    assert found in left or (not left and found == "vitals")


@pytest.mark.parametrize(
    ("state", "window", "begun", "open_patient", "expected"),
    [
        ("planned", (1, 3), "not_started", True, ("not_started", [])),
        ("planned", (-1, 1), "not_started", True, ("not_started", ["due"])),
        ("planned", (-3, 0), "draft", True, ("draft", ["due"])),
        ("planned", (-3, -1), "not_started", True, ("not_started", ["overdue"])),
        ("planned", (-3, -1), "not_started", False, ("not_applicable", [])),
        ("planned", (None, None), "not_started", True, ("not_started", [])),
        ("held", (-3, -1), "not_started", True, ("not_started", ["due"])),
        ("held", (-3, -1), "draft", True, ("draft", ["due"])),
        ("held", (-3, -1), "draft", False, ("draft", [])),
        ("held", (-3, -1), "complete", True, ("complete", [])),
        ("missed", (-3, -1), "not_started", True, ("missed", [])),
    ],
)
def test_a_visit_is_due_inside_its_window_and_overdue_after_it(state, window, begun, open_patient, expected):
    days = tuple(None if day is None else TODAY + timedelta(days=day) for day in window)
    found = visit_status(state=state, window=days, begun=begun, open_patient=open_patient, today=TODAY)
    assert found == expected


@pytest.mark.parametrize(
    ("stages", "form"),
    [
        ({}, "vitals"),
        ({"vitals": 0}, "vitals"),
        ({"vitals": 0, "labs": 0, "scan": 0}, "vitals"),
        ({"vitals": 1}, "labs"),
        ({"vitals": 1, "scan": 0}, "labs"),
        ({"vitals": 4, "labs": 1}, "vitals"),
        ({"vitals": 1, "labs": 1, "scan": 0}, "scan"),
        ({"vitals": 1, "labs": 1, "scan": 0, "imaging": 0}, "scan"),
        ({"vitals": 1, "labs": 1, "scan": 1, "imaging": 0}, "imaging"),
    ],
)
def test_a_visit_leads_to_its_forms_in_their_order_and_last_to_those_asked_when_available(stages, form):
    forms = [*FORMS, VisitForm(form="imaging", when="available")]
    assert first_unfinished(forms, stages) == form


def test_database_and_page_agree_on_the_stage_of_a_record(trial, as_test):
    patient = cohort.patients(trial, 1)[0]
    records = list(Record.objects.filter(patient=patient).order_by("pk")[:5])
    Record.objects.filter(pk=records[0].pk).update(state="draft")
    Record.objects.filter(pk=records[2].pk).update(verified_at=cohort.at(TODAY))
    sign(records[3])
    Record.objects.filter(pk=records[4].pk).update(locked_at=cohort.at(TODAY))
    found = Record.objects.with_marks().annotate(stage=STAGE).filter(patient=patient)
    assert {stage_of(record) for record in found} == set(STAGES)
    assert [STAGES[record.stage] for record in found] == [stage_of(record) for record in found]


def sign(record: Record, target_type: str = "patients.record") -> None:
    Signature.objects.create(
        target_type=target_type, target_id=record.pk, trial_id=record.patient.trial_id,
        patient_id=record.patient_id, meaning="review", signer_id=1, signer_name="x", printed_name="X",
        role="investigator", signed_at=cohort.at(TODAY), zone="Europe/Brussels", content_hash="0" * 64,
        manifest_hash="0" * 64,
    )  # fmt: skip


def test_a_cell_leads_to_the_first_form_that_is_not_complete(trial, as_test):
    patient = cohort.patients(trial, 1)[0]
    vitals = Record.objects.get(patient=patient, visit__code="SCR", form="vitals")
    Record.objects.filter(pk=vitals.pk).update(state="draft")
    cell = rows_of(trial)[patient.code]["SCR"]
    assert (cell.state, cell.url) == ("draft", f"{HOME}patients/{patient.code}/visits/SCR/vitals/")


def test_a_cell_says_how_many_forms_are_complete(trial):
    patient = cohort.patients(trial, 1)[0]
    asked = len(trial.rules.visit("SCR").forms)
    assert f"{asked} of {asked} forms" in rows_of(trial)[patient.code]["SCR"].of


def test_every_cell_leads_to_a_page(trial):
    cohort.patients(trial, 2, days_ago=10)
    browser = build.client(build.user("coordinator", trial=trial))
    cells = [cell for row in rows_of(trial).values() for cell in row.values()]
    assert {browser.get(cell.url).status_code for cell in cells} == {200}


def test_an_open_query_flags_its_visit(trial):
    patient = cohort.patients(trial, 1)[0]
    asked = Query.objects.get(patient=patient).record.visit
    flagged = {code for code, cell in rows_of(trial)[patient.code].items() if "query" in cell.flags}
    assert flagged == {asked.code}


def test_a_missed_visit_is_shown_as_missed(trial, as_test):
    patient = build.enrolled(trial=trial)
    by = build.user("coordinator", trial=trial)
    visits.miss_visit(visit=patient.visits.get(code="D7"), reason="Too ill to be moved", by=by)
    assert rows_of(trial)[patient.code]["D7"].state == "missed"


def test_visits_after_the_end_of_the_study_are_not_applicable(trial, as_test):
    patient = build.enrolled(trial=trial)
    by = build.user("coordinator", trial=trial)
    disposition.end_study(patient=patient, on=build.today(patient), reason="withdrawal", note="Left", by=by)
    assert rows_of(trial)[patient.code]["D90"].state == "not_applicable"
    assert "Withdrawal" in page(HOME, trial)


def test_a_screen_failure_has_no_visits_to_come(trial, as_test):
    patient = build.patient(trial=trial)
    Patient.objects.filter(pk=patient.pk).update(
        state="screen_failed", failed_on=build.today(patient), failure_reason="Transferred"
    )
    assert rows_of(trial)[patient.code]["SCR"].state == "not_applicable"


@pytest.mark.parametrize(
    ("state", "window", "begun", "open_patient", "expected"),
    [
        ("planned", (0, 2), "not_started", True, ("not_started", ["due"])),
        ("planned", (-3, -1), "draft", False, ("draft", [])),
        ("cancelled", (-3, -1), "not_started", True, ("not_applicable", [])),
        ("cancelled", (-3, 1), "draft", True, ("draft", [])),
    ],
)
def test_what_was_begun_is_shown_though_the_visit_is_over(state, window, begun, open_patient, expected):
    days = tuple(TODAY + timedelta(days=day) for day in window)
    found = visit_status(state=state, window=days, begun=begun, open_patient=open_patient, today=TODAY)
    assert found == expected


def test_a_visit_without_forms_leads_nowhere():
    assert first_unfinished([], {}) == ""


def test_only_the_required_forms_of_a_visit_are_required(trial):
    """A visit that no plan knows has the forms of an unscheduled one."""
    rules = trial.rules
    available = {each.form for each in rules.visit("SCR").forms if each.when != "required"}
    assert available
    assert required_at(rules, "SCR") == {each.form for each in rules.visit("SCR").forms} - available
    assert forms_at(rules, "UNS") == rules.unscheduled.forms
    assert forms_at(rules, "SCR") == rules.visit("SCR").forms


def test_only_the_valid_signature_of_the_form_itself_makes_it_signed(trial, as_test):
    patient = cohort.patients(trial, 1)[0]
    withdrawn, another = Record.objects.filter(patient=patient, state="complete").order_by("pk")[:2]
    Record.objects.filter(patient=patient).update(verified_at=None)
    sign(withdrawn)
    Signature.objects.update(invalidated_at=cohort.at(TODAY), invalidated_reason="Changed")
    sign(another, target_type="patients.visit")
    found = Record.objects.filter(pk__in=[withdrawn.pk, another.pk]).annotate(stage=STAGE)
    assert [STAGES[row.stage] for row in found] == ["complete", "complete"]


def test_visits_are_due_in_their_window_and_overdue_after_its_last_day(trial, as_test):
    """Of an open patient: D28 is planned from the 26th to the 30th day."""
    patient = build.enrolled(trial=trial)
    visit = patient.visits.get(code="D28")
    first, last = visit.window_from, visit.window_to
    day = timedelta(days=1)

    def found(condition, on) -> bool:
        return Visit.objects.filter(condition(on, trial.rules.profile.died_on), pk=visit.pk).exists()

    assert [found(due, on) for on in (first - day, first, last, last + day)] == [False, True, True, False]
    assert [found(overdue, on) for on in (last, last + day)] == [False, True]
    visits.miss_visit(visit=visit, reason="Abroad", by=build.user("coordinator", trial=trial))
    assert not found(due, first)
    assert not found(overdue, last + day)


@pytest.mark.parametrize(("days_before", "waits"), [(0, True), (1, False)])
def test_only_a_visit_that_began_before_the_end_of_the_study_is_still_due(trial, as_test, days_before, waits):
    """It was left for later at the end of study; what would begin after it never takes place."""
    patient = build.enrolled(trial=trial)
    visit = patient.visits.get(code="D28")
    by = build.user("coordinator", trial=trial)
    last = visit.window_from - timedelta(days=days_before)
    ended = disposition.end_study(patient=patient, on=last, reason="withdrawal", note="Left", by=by)
    assert last_day_of(ended) == last
    died_on = trial.rules.profile.died_on
    for condition in (due(visit.window_from, died_on), overdue(visit.window_to + timedelta(days=1), died_on)):
        assert Visit.objects.filter(condition, pk=visit.pk).exists() == waits
