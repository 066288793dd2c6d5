"""The steps of a patient through a trial: each is allowed only if its conditions are met (P11-06)."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from audit.context import acting
from audit.models import Signature
from patients.models import EligibilityDecision, Identity, Patient
from patients.participation import disposition, enrolment, screening, visits
from patients.participation.consents import consent
from patients.participation.eligibility_decisions import eligibility
from tests.support import build
from tests.support.study import eligible_answers

pytestmark = pytest.mark.django_db


def test_the_subject_code_says_nothing_about_the_person(trial):
    """PRV-02: the code is a running number; the identity is in a table of its own (PRV-01)."""
    patient = build.patient(trial=trial, name="Jeanne Dubois", hospital_number="0042-7")
    assert patient.code == "LIE-001"
    assert Identity.objects.get(patient=patient).hospital_number == "0042-7"
    stored = " ".join(str(value) for value in Patient.objects.filter(pk=patient.pk).values_list()[0])
    assert "Dubois" not in stored
    assert "0042" not in stored


def test_two_patients_never_share_a_number(trial):
    codes = [build.patient(trial=trial).code for _each in range(3)]
    assert codes == ["LIE-001", "LIE-002", "LIE-003"]


def test_nobody_is_screened_in_the_future(trial, doctor):
    with acting(user=doctor), pytest.raises(ValidationError) as refused:
        screening.screen(trial=trial, screened_on=trial.today + timedelta(days=2), identity={}, by=doctor)
    assert "screened_on" in refused.value.error_dict
    assert not Patient.objects.exists()


def test_a_trial_that_does_not_recruit_screens_nobody(trial, doctor):
    with acting(user=doctor):
        trial.recruiting = False
        trial.save()
        with pytest.raises(ValidationError, match="does not recruit"):
            screening.screen(trial=trial, screened_on=trial.today, identity={}, by=doctor)


def test_a_consent_of_the_wrong_kind_version_or_time_is_refused(trial, doctor):
    patient = build.patient(trial=trial)
    later = timezone.now() + timedelta(days=1)
    good = {
        "type": "patient",
        "version": "1.0",
        "given": eligible_answers.at(patient.screened_on, "09:00", "Europe/Brussels"),
    }
    for field, value in [
        ("type", "neighbour"),
        ("version", "0.9"),
        ("given", eligible_answers.at(later.date(), "12:00", "UTC")),
    ]:
        arguments = good | {field: value}
        arguments["given"] = build.Moment.from_iso(arguments["given"])
        with acting(user=doctor), pytest.raises(ValidationError) as refused:
            consent.record_consent(patient=patient, by=doctor, **arguments)
        assert list(refused.value.error_dict) == [field]
    assert not patient.consents.exists()


def test_the_patients_own_consent_is_due_when_capacity_is_regained(trial, doctor):
    """I5 of the Liège protocol: the patient confirms another person's consent after recovery."""
    patient = build.patient(trial=trial)
    build.consent(patient, type="legal_representative")
    assert consent.reconsent_due_since(patient) is None
    day = patient.screened_on + timedelta(days=9)
    with acting(user=doctor):
        consent.record_capacity(patient=patient, regained_on=day, by=doctor)
    patient = Patient.objects.get(pk=patient.pk)
    assert consent.reconsent_due_since(patient) == day
    build.consent(patient, on=day)
    assert consent.reconsent_due_since(Patient.objects.get(pk=patient.pk)) is None


def test_a_consent_of_the_patient_needs_no_confirmation(trial, doctor):
    patient = build.patient(trial=trial)
    build.consent(patient)
    with acting(user=doctor), pytest.raises(ValidationError, match="nothing needs confirming"):
        consent.record_capacity(patient=patient, regained_on=patient.screened_on, by=doctor)


def test_without_evidence_every_criterion_that_needs_it_is_undetermined(trial):
    """Undetermined is neither met nor unmet; the page names the missing inputs."""
    findings = {f.id: f for f in eligibility.evaluate(build.patient(trial=trial)).findings}
    assert findings["I1"].words == "Undetermined"
    assert findings["I1"].needs == ["Demography: Age at consent"]
    assert findings["E2"].words == "Undetermined"


def test_the_deferred_criterion_may_wait_and_says_until_when(trial):
    """I2b: the virus may be confirmed within fourteen days after inclusion."""
    patient = build.patient(trial=trial, screened_on=trial.today)
    build.consent(patient, on=patient.screened_on - timedelta(days=1))
    for form, values in eligible_answers.liege(patient.screened_on).items():
        if form == "virology":
            values = values | {"pcr_result": "NEG"}
        build.record(patient, form, values)
    findings = {f.id: f for f in eligibility.evaluate(patient).findings}
    assert findings["I2b"].forbids is False
    assert findings["I2b"].waits is True
    assert findings["I2b"].deferred_until == build.today(patient) + timedelta(days=14)


def test_an_eligible_patient_is_concluded_signed_and_grouped(trial):
    """SIG-01, P11-13: the decision carries name, role, meaning and the criteria with their inputs."""
    patient = build.eligible(trial=trial, screened_on=trial.today - timedelta(days=1))
    decision = EligibilityDecision.objects.get(patient=patient)
    signature = Signature.objects.get(target_id=decision.pk, target_type="patients.eligibilitydecision")
    assert (decision.conclusion, decision.group) == ("eligible", "A")
    assert {c["id"]: c["inputs"] for c in decision.criteria}["I1"] == {"demography.age": "54"}
    assert (signature.meaning, signature.role, signature.invalidated_at) == ("approval", "investigator", None)


def test_a_wrong_password_signs_nothing(trial, doctor):
    patient = build.patient(trial=trial, by=doctor)
    with acting(user=doctor, role="investigator"), pytest.raises(ValidationError):
        eligibility.sign_eligibility(
            patient=patient,
            conclusion="not_eligible",
            inclusion_on=patient.screened_on,
            password="guess",
            by=doctor,
        )
    assert not EligibilityDecision.objects.exists()
    assert not Signature.objects.exists()


def test_nobody_is_eligible_while_a_criterion_is_open(trial, doctor):
    patient = build.patient(trial=trial, by=doctor)
    build.consent(patient)
    with acting(user=doctor, role="investigator"), pytest.raises(ValidationError, match="do not allow"):
        eligibility.sign_eligibility(
            patient=patient,
            conclusion="eligible",
            inclusion_on=patient.screened_on,
            password=build.PASSWORD,
            by=doctor,
        )
    assert not EligibilityDecision.objects.exists()


def test_inclusion_names_everything_that_is_missing(trial, doctor):
    """P11-06: no inclusion without consent, evidence and a signed decision."""
    patient = build.patient(trial=trial, by=doctor)
    with acting(user=doctor), pytest.raises(ValidationError) as refused:
        enrolment.enrol(patient=patient, on=patient.screened_on, by=doctor)
    sentences = " ".join(refused.value.messages)
    assert "No consent" in sentences
    assert "signed the eligibility" in sentences
    assert "I1:" in sentences
    assert Patient.objects.get(pk=patient.pk).state == Patient.State.SCREENING


def test_inclusion_plans_the_visits_from_its_day(trial):
    day = trial.today - timedelta(days=30)
    patient = build.enrolled(trial=trial, on=day)
    planned = {
        visit.code: (visit.planned_on, visit.window_from, visit.window_to) for visit in patient.visits.all()
    }
    assert (patient.state, patient.group, patient.enrolled_on) == ("enrolled", "A", day)
    assert planned["D28"] == tuple(day + timedelta(days=days) for days in (28, 26, 30))
    assert planned["D90"][0] == day + timedelta(days=90)


def test_the_planning_is_the_systems_and_names_who_caused_it(trial):
    """AUD-10."""
    patient = build.enrolled(trial=trial)
    row = patient.visits.get(code="D28").history.first()
    assert row.history_user_name.startswith("system:schedule for investigator")


def test_a_change_of_the_decision_by_any_path_takes_the_signature_away(trial, doctor):
    """SIG-02: then inclusion is refused until the decision is signed again."""
    patient = build.eligible(trial=trial, screened_on=trial.today)
    with acting(user=doctor, reason="test"):
        EligibilityDecision.objects.filter(patient=patient).update(group="B")
    assert eligibility.decision_in_force(patient) is None
    with acting(user=doctor), pytest.raises(ValidationError, match="is no longer valid"):
        enrolment.enrol(patient=patient, on=patient.screened_on, by=doctor)


def test_evidence_that_changed_after_the_signature_blocks_inclusion(trial, doctor):
    patient = build.eligible(trial=trial, screened_on=trial.today)
    record = patient.records.get(form="demography")
    with acting(user=doctor, reason="age corrected"):
        record.values = record.values | {"age": "71"}
        record.save()
    with acting(user=doctor), pytest.raises(ValidationError, match="I1"):
        enrolment.enrol(patient=patient, on=patient.screened_on, by=doctor)


def test_inclusion_cannot_precede_the_consent(trial, doctor):
    day = trial.today - timedelta(days=2)
    patient = build.eligible(trial=trial, screened_on=day - timedelta(days=1))
    build.consent(patient, on=day)
    with acting(user=doctor), pytest.raises(ValidationError):
        enrolment.enrol(patient=patient, on=day - timedelta(days=1), by=doctor)


def test_nobody_is_included_twice(trial, doctor):
    patient = build.enrolled(trial=trial)
    with acting(user=doctor), pytest.raises(ValidationError, match="In follow-up"):
        enrolment.enrol(patient=patient, on=patient.enrolled_on, by=doctor)


def test_a_screen_failure_keeps_its_reason_and_closes_screening(trial, doctor):
    patient = build.patient(trial=trial, by=doctor)
    with acting(user=doctor):
        with pytest.raises(ValidationError, match="not included"):
            screening.fail_screening(patient=patient, on=patient.screened_on, reason="  ", by=doctor)
        screening.fail_screening(patient=patient, on=patient.screened_on, reason="On ECMO", by=doctor)
        with pytest.raises(ValidationError, match="Screen failure"):
            enrolment.enrol(patient=patient, on=patient.screened_on, by=doctor)
    patient = Patient.objects.get(pk=patient.pk)
    assert (patient.state, patient.failure_reason) == ("screen_failed", "On ECMO")


def test_a_study_is_completed_only_when_every_visit_is_held_or_missed(trial, doctor):
    patient = build.enrolled(trial=trial)
    with acting(user=doctor), pytest.raises(ValidationError, match="neither held nor missed"):
        disposition.end_study(
            patient=patient, on=build.today(patient), reason="completed", note="", by=doctor
        )


def test_a_withdrawal_says_what_from(trial, doctor):
    """PRV-03: data until then are kept, later collection is refused."""
    patient = build.enrolled(trial=trial)
    day = build.today(patient)
    with acting(user=doctor):
        with pytest.raises(ValidationError) as refused:
            disposition.end_study(patient=patient, on=day, reason="withdrawal", note=" ", by=doctor)
        assert "note" in refused.value.error_dict
        ended = disposition.end_study(
            patient=patient, on=day, reason="withdrawal", note="no more blood samples", by=doctor
        )
        assert ended.state == Patient.State.ENDED
        with pytest.raises(ValidationError, match="between the screening and today"):
            visits.add_unscheduled(patient=ended, on=day + timedelta(days=1), reason="check", by=doctor)


def test_an_unscheduled_visit_has_a_day_a_reason_and_its_own_number(trial, doctor):
    patient = build.enrolled(trial=trial)
    with acting(user=doctor):
        first = visits.add_unscheduled(patient=patient, on=build.today(patient), reason="Fever", by=doctor)
        second = visits.add_unscheduled(patient=patient, on=build.today(patient), reason="Cough", by=doctor)
        with pytest.raises(ValidationError, match="Say why"):
            visits.add_unscheduled(patient=patient, on=build.today(patient), reason=" ", by=doctor)
    assert (first.key, second.key) == ("UNS", "UNS-2")


def test_a_missed_visit_says_why_and_a_visit_with_data_was_not_missed(trial, doctor):
    patient = build.enrolled(trial=trial)
    later, screened = patient.visits.get(code="D60"), patient.visits.get(code="SCR")
    with acting(user=doctor):
        with pytest.raises(ValidationError, match="Say why"):
            visits.miss_visit(visit=later, reason="", by=doctor)
        with pytest.raises(ValidationError, match="took place"):
            visits.miss_visit(visit=screened, reason="forgotten", by=doctor)
        assert visits.miss_visit(visit=later, reason="Abroad", by=doctor).missed_reason == "Abroad"


def test_nothing_changes_in_a_locked_trial(trial, doctor):
    patient = build.enrolled(trial=trial)
    with acting(user=doctor):
        trial.locked_at = timezone.now()
        trial.save()
        with pytest.raises(ValidationError, match="locked"):
            visits.add_unscheduled(patient=patient, on=build.today(patient), reason="x", by=doctor)


@pytest.mark.parametrize("slug", [build.LIEGE, build.COVID_MSV])
def test_both_trials_go_the_same_way_from_their_files_alone(slug):
    patient = build.enrolled(trial=build.trial(slug))
    assert patient.state == Patient.State.ENROLLED
    assert patient.visits.filter(planned_on__isnull=False).count() >= 2
