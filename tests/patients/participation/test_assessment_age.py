"""An assessment holds for some hours before the inclusion, as the protocol file says (CEL-14)."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from audit.context import acting
from patients.models import EligibilityDecision, Patient
from patients.participation.eligibility_decisions.assessment_age import newer_than_decision
from patients.participation.eligibility_decisions.eligibility import evaluate
from patients.participation.enrolment import enrol, enrolment_refusals
from tests.support import build

pytestmark = pytest.mark.django_db
TOO_OLD = "more than 48 hours before the inclusion: assess the patient again"


def included(patient: Patient, doctor, days: int) -> Patient:
    with acting(user=doctor, role="investigator"):
        return enrol(patient=patient, on=patient.screened_on + timedelta(days=days), by=doctor)


@pytest.mark.parametrize("slug", [build.LIEGE, build.COVID_MSV])
class TestInclusion:
    def eligible(self, slug) -> tuple[Patient, object]:
        trial = build.trial(slug)
        doctor = build.user("investigator", trial=trial)
        return build.eligible(trial=trial, investigator=doctor), doctor

    def test_an_inclusion_within_the_hours_is_taken(self, slug):
        """Assessed at half past ten: the second day after begins 37.5 hours later."""
        patient, doctor = self.eligible(slug)
        assert included(patient, doctor, 2).state == Patient.State.ENROLLED

    def test_an_inclusion_after_them_asks_for_a_new_assessment(self, slug):
        patient, doctor = self.eligible(slug)
        with pytest.raises(ValidationError) as refused:
            included(patient, doctor, 3)
        assert TOO_OLD in " ".join(refused.value.messages)
        assert Patient.objects.get().state == Patient.State.SCREENING


@pytest.mark.at("2026-09-17T08:30Z")
class TestToday:
    """In Brussels it is half past ten: an assessment of 15 September, half past ten, is 48 hours old."""

    def test_the_present_time_counts_to_the_minute(self, trial, doctor):
        patient = build.eligible(
            trial=trial, screened_on=trial.today - timedelta(days=2), investigator=doctor
        )
        assert included(patient, doctor, 2).state == Patient.State.ENROLLED

    @pytest.mark.at("2026-09-17T08:31Z")
    def test_a_minute_later_it_is_too_old(self, trial, doctor):
        day = trial.today - timedelta(days=2)
        patient = build.assessable(trial=trial, screened_on=day, by=doctor)
        build.decision(patient, on=day, by=doctor)
        with pytest.raises(ValidationError, match="more than 48 hours"):
            included(patient, doctor, 2)


def test_a_decision_for_a_day_after_the_hours_is_refused_beside_the_day(trial, doctor):
    """A randomised trial allocates when the decision is signed."""
    patient = build.assessable(trial=trial, by=doctor)
    day = patient.screened_on + timedelta(days=3)
    with pytest.raises(ValidationError) as refused:
        build.decision(patient, on=day, by=doctor)
    assert TOO_OLD in refused.value.message_dict["inclusion_on"][0]
    assert not EligibilityDecision.objects.exists()
    assert build.decision(patient, "not_eligible", on=day, by=doctor)


@pytest.mark.parametrize(("minutes", "asks"), [(-1, True), (0, False), (1, False)])
def test_an_assessment_after_the_decision_needs_a_new_decision(minutes, asks):
    assessed = build.moment("14-Sep-2026 10:30")
    decided_at = assessed.earliest + timedelta(minutes=minutes)
    told = newer_than_decision(assessed, EligibilityDecision(decided_at=decided_at))
    assert ("after the decision: sign a new decision" in told) is asks


def test_the_page_says_to_which_moment_each_criterion_refers(desk):
    trial = build.trial(build.COVID_MSV)
    doctor = build.user("investigator", trial=trial)
    patient = build.assessable(trial=trial, by=doctor)
    found = {finding.id: finding.assessed_at_words for finding in evaluate(patient).findings}
    assert any(words.startswith("assessed at ") and "11:00" in words for words in found.values())
    page = (
        build.client(doctor)
        .get(reverse("patients:eligibility", args=[trial.slug, patient.code]))
        .content.decode()
    )
    assert "The assessment holds for an inclusion until" in page
    # Judged for today, forty days after the assessment.
    assert TOO_OLD in page
    assert "assessed at" in page


def test_a_trial_that_does_not_limit_it_judges_again_what_counts_days_from_inclusion():
    limit = '[assessment]\nitem = "eligibility.assessed_at"\nvalid_hours = 48\n'
    text = build.protocol_text(build.LIEGE)
    assert limit in text
    trial = build.version(text.replace(limit, "")).trial
    doctor = build.user("investigator", trial=trial)
    patient = build.eligible(trial=trial, investigator=doctor)
    told = enrolment_refusals(patient, patient.screened_on + timedelta(days=30))
    assert not any(TOO_OLD in each for each in told)
    found = {each.id: each.assessed_at_words for each in evaluate(patient).findings}
    assert any("assessed for inclusion on" in words for words in found.values())
