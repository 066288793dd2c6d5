"""Requests at once: each waits for its locks and reads what others stored; none blocks another for ever (SEC-16)."""

from collections.abc import Callable
from datetime import timedelta
from time import sleep
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from accounts.models import User
from audit.context import acting
from patients.models import Patient, Record, Visit
from patients.participation.eligibility_decisions.eligibility import sign_eligibility
from patients.participation.lifecycle import lock_patients, lock_trial_rows
from patients.participation.visits import miss_visit
from patients.review.locks import lock, lock_trial
from protocol.values.moments import Moment
from safety.assessment import assess_and_sign
from safety.course.grade_changes import change_grade
from safety.models import AdverseEvent
from safety.reporting import mark_entered_in_error, report_event, review_events
from tests.support import build
from tests.support.meanwhile import PATIENCE_SECONDS, Meanwhile
from tests.support.study import eligible_answers
from tests.support.study.entered_forms import BLOOD_PRESSURE, at, draft, included
from trials.models import Trial
from trials.versions.loading import put_in_force

pytestmark = [
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite lets one writer in at a time"),
    pytest.mark.django_db(transaction=True),
]
A_WHILE = 0.5


@pytest.fixture
def ready() -> Patient:
    """A patient in screening with consent, in a trial of its own."""
    patient = build.patient(trial=build.trial())
    build.consent(patient)
    return patient


def user_of(patient: Patient, role: str = "coordinator") -> User:
    return build.user(role, trial=patient.trial)


def test_a_save_that_waits_while_its_visit_is_missed_is_refused(ready: Patient) -> None:
    """The visits are read after the lock, not with it."""
    included(ready)
    nurse = user_of(ready)
    place, visit = at(ready, nurse, visit="D7"), Visit.objects.get(patient=ready, code="D7")
    with Meanwhile(lambda: miss_visit(visit=visit, reason="Abroad", by=nurse)) as other:
        other.ends_in(A_WHILE)
        with pytest.raises(ValidationError, match="was missed"):
            draft(place, nurse, BLOOD_PRESSURE)
    assert not Record.objects.filter(visit=visit).exists()


def test_a_save_that_waits_while_the_trial_is_locked_is_refused_in_words(ready: Patient) -> None:
    nurse, manager = user_of(ready), user_of(ready, "data_manager")
    place, trial = at(ready, nurse), ready.trial
    told: dict[str, Any] = {"open_points": {}, "overridden": {}, "reason": "Closed", "by": manager}
    with Meanwhile(lambda: lock_trial(trial=trial, **told)) as other:
        other.ends_in(A_WHILE)
        with pytest.raises(ValidationError, match="The trial is locked"):
            draft(place, nurse, BLOOD_PRESSURE)


def test_a_save_that_waits_for_a_consent_knows_it() -> None:
    """The patient's consent is read after the lock."""
    patient = build.patient(trial=build.trial())
    nurse = user_of(patient)
    place = at(patient, nurse)
    with Meanwhile(lambda: build.consent(patient, by=nurse)) as other:
        other.ends_in(A_WHILE)
        assert draft(place, nurse, BLOOD_PRESSURE).record.state == "draft"


def test_an_event_is_not_changed_while_its_patient_is_being_locked(ready: Patient) -> None:
    """The change waits for the lock of the patient, and is then refused."""
    doctor, manager = user_of(ready, "investigator"), user_of(ready, "data_manager")
    event = build.event(patient=ready, by=doctor)
    with Meanwhile(lambda: lock(target=ready, reason="Closed", by=manager)) as other:
        other.ends_in(A_WHILE)
        with acting(user=doctor, role="investigator"), pytest.raises(ValidationError, match="is locked"):
            mark_entered_in_error(event=event, reason="Another patient", version=1, by=doctor)
    assert AdverseEvent.objects.get().in_error_reason == ""


def test_a_review_that_waits_while_its_patient_is_being_locked_is_refused(ready: Patient) -> None:
    """SIG-02: the events are read again under the lock of the patient."""
    doctor, manager = user_of(ready, "investigator"), user_of(ready, "data_manager")
    event = build.event(patient=ready, by=doctor)
    told: dict[str, Any] = {"versions": {event.pk: 1}, "password": build.PASSWORD, "meaning": "review"}
    with Meanwhile(lambda: lock(target=ready, reason="Closed", by=manager)) as other:
        other.ends_in(A_WHILE)
        with acting(user=doctor, role="investigator"), pytest.raises(ValidationError, match="is locked"):
            review_events(events=[event], by=doctor, **told)


@pytest.mark.parametrize("form_first", [True, False])
def test_the_database_lets_in_a_form_or_a_missed_visit_but_not_both(ready: Patient, form_first: bool) -> None:
    """Two statements that take no lock of their own: the second waits, and is refused."""
    included(ready)
    visit = Visit.objects.get(patient=ready, code="D7")

    def form() -> None:
        Record.objects.create(
            patient=ready, visit=visit, protocol=ready.protocol, form="vitals", state="draft", values={}
        )

    def miss() -> None:
        Visit.objects.filter(pk=visit.pk).update(state="missed", missed_reason="Abroad")

    first, second = (form, miss) if form_first else (miss, form)
    with Meanwhile(first) as other:
        other.ends_in(A_WHILE)
        with (
            acting(system="test"),
            pytest.raises(IntegrityError, match="in force below a row"),
            transaction.atomic(),
        ):
            second()
    assert Record.objects.filter(visit=visit).exists() is form_first


def test_an_assessment_and_an_amendment_do_not_wait_for_each_other() -> None:
    """Both lock the trial before the patient: with opposite orders one of them would be cancelled as a deadlock."""
    trial = build.trial(build.COVID_MSV)
    doctor = build.user("investigator", trial=trial)
    patient = build.patient(trial=trial, by=doctor)
    build.consent(patient, by=doctor)
    for form, values in eligible_answers.OF[trial.slug](patient.screened_on).items():
        build.record(patient, form, values, by=doctor)
    amendment = Meanwhile(
        lambda: put_in_force(trial), at_the_end=lambda: lock_patients(Patient.objects.filter(pk=patient.pk))
    )
    with amendment:
        amendment.ends_in(A_WHILE)
        with acting(user=doctor, role="investigator"):
            decision = sign_eligibility(
                patient=patient, conclusion="eligible", inclusion_on=patient.screened_on,
                password=build.PASSWORD, by=doctor,
            )  # fmt: skip
    assert decision.conclusion == "eligible"
    assert patient.allocation.arm


RULED = build.protocol_text(build.LIEGE)
UNRULED = RULED.replace('scope = "trial"', 'scope = "patient"').replace('counts = "patients"', "")


def test_a_report_and_a_step_of_the_whole_trial_do_not_wait_for_each_other() -> None:
    """The report holds the patient and refers to the trial; the step holds the trial and asks for the patient.

    No rule of this trial counts the events of several patients: the report does not lock the trial.
    """
    ready = build.patient(trial=build.version(UNRULED).trial)
    build.consent(ready)
    doctor = user_of(ready, "investigator")
    event = build.event(patient=ready, by=doctor)
    trial: Trial = ready.trial
    step = Meanwhile(lambda: put_in_force(trial), at_the_end=lambda: lock_trial_rows(trial))
    told = {name: getattr(event, name) for name in ("term", "ongoing", "grade", "causality", "outcome")}
    onset = build.moment(f"{ready.screened_on + timedelta(days=3):%d-%b-%Y}")
    with acting(user=doctor, role="investigator"), transaction.atomic():
        lock_patients(Patient.objects.filter(pk=ready.pk))
        step.start()
        assert step.written.wait(PATIENCE_SECONDS)
        step.finish.set()
        sleep(A_WHILE)  # the step now waits for the patient
        report_event(
            patient=ready, by=doctor, onset=onset, seriousness=frozenset({"none_of_these"}),
            action_taken="none", aesi="none", **told,
        )  # fmt: skip
    step.join(PATIENCE_SECONDS)
    assert step.failure is None
    assert AdverseEvent.objects.count() == 2


def reported(event: AdverseEvent, doctor: User) -> None:
    told = {name: getattr(event, name) for name in ("ongoing", "grade", "outcome")}
    report_event(
        patient=event.patient, term="Rash", by=doctor, onset=Moment.from_iso(event.onset), action_taken="none",
        aesi="none", causality="unlikely", seriousness=frozenset({"none_of_these"}), **told,
    )  # fmt: skip


def regraded(event: AdverseEvent, doctor: User) -> None:
    since = Moment.from_date(event.patient.screened_on + timedelta(days=3), event.patient.trial.time_zone)
    change_grade(event=event, grade=3, since=since, by=doctor, version=event.version)


def assessed(event: AdverseEvent, doctor: User) -> None:
    assess_and_sign(
        event=event, version=event.version, password=build.PASSWORD, by=doctor, causality="unlikely"
    )


@pytest.mark.parametrize("write", [reported, regraded, assessed])
def test_what_a_rule_of_the_trial_counts_locks_the_trial_before_the_patient(
    ready: Patient, write: Callable[[AdverseEvent, User], None]
) -> None:
    """CEL-16: a step of the whole trial takes the same order, so neither is cancelled as a deadlock."""
    doctor = user_of(ready, "investigator")
    event = build.event(patient=ready, by=doctor, causality="")
    event.patient = Patient.objects.select_related("trial__protocol", "protocol").get(pk=ready.pk)
    step = Meanwhile(
        lambda: put_in_force(ready.trial),
        at_the_end=lambda: lock_patients(Patient.objects.filter(pk=ready.pk)),
    )
    with step:
        step.ends_in(A_WHILE)
        with acting(user=doctor, role="investigator"):
            write(event, doctor)
    assert AdverseEvent.objects.get(pk=event.pk).grade == (3 if write is regraded else event.grade)
