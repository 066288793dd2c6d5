"""Decisions on eligibility: what they need, which of several counts, and what each exclusion criterion says."""

from datetime import UTC, date, datetime

import pytest
import time_machine
from django.core.exceptions import ValidationError

from audit.context import acting
from audit.models import Signature
from patients.models import EligibilityDecision, Patient, Record
from patients.participation.eligibility_decisions.eligibility import decision_in_force, decisions, evaluate
from patients.participation.enrolment import enrol, enrolment_refusals
from tests.support import build
from tests.support.study import amended_protocol, eligible_answers
from tests.support.study.refusals import refused

NOW = datetime(2026, 3, 30, 10, 0, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW)]
SCREENED = date(2026, 3, 10)
SIGNED_NO = "The investigator concluded that the patient is not eligible."
UNSIGNED = "No investigator has signed the eligibility, or the signature is no longer valid."


@pytest.fixture
def patient(trial):
    """A patient in screening with consent and complete evidence."""
    return build.assessable(trial=trial, screened_on=SCREENED)


class TestConsent:
    def test_nobody_is_concluded_eligible_without_a_consent(self, trial):
        """P11-06: the consent comes before the judgement, whatever the evidence says."""
        patient = build.patient(trial=trial, screened_on=SCREENED)
        told = refused(build.decision, patient)
        assert told == {"": ["There is no consent yet: record it before assessing eligibility."]}
        assert not EligibilityDecision.objects.exists()

    def test_the_consent_of_another_patient_is_none(self, trial, patient):
        other = build.patient(trial=trial, screened_on=SCREENED)
        told = refused(build.decision, other)
        assert told == {"": ["There is no consent yet: record it before assessing eligibility."]}

    def test_a_patient_who_never_consented_can_be_concluded_not_eligible(self, trial):
        patient = build.patient(trial=trial, screened_on=SCREENED)
        assert build.decision(patient, "not_eligible").conclusion == "not_eligible"


class TestTheNewestCounts:
    """Of several decisions the newest is in force; the earlier ones stay, with their signatures."""

    def decided(self, patient, *conclusions: str) -> list[EligibilityDecision]:
        found = []
        for hour, conclusion in enumerate(conclusions):
            with time_machine.travel(NOW.replace(hour=11 + hour), tick=False):
                found.append(build.decision(patient, conclusion))
        return found

    def test_not_eligible_after_eligible_prevents_the_inclusion(self, patient, doctor):
        _first, second = self.decided(patient, "eligible", "not_eligible")

        assert decision_in_force(patient) == second
        assert enrolment_refusals(patient, SCREENED) == [SIGNED_NO]
        with acting(user=doctor), pytest.raises(ValidationError, match="not eligible"):
            enrol(patient=patient, on=SCREENED, by=doctor)

    def test_eligible_after_not_eligible_allows_it(self, patient, doctor):
        _first, second = self.decided(patient, "not_eligible", "eligible")

        assert decision_in_force(patient) == second
        assert enrolment_refusals(patient, SCREENED) == []

    def test_an_earlier_decision_does_not_come_back_when_the_newest_loses_its_signature(
        self, patient, doctor
    ):
        first, second = self.decided(patient, "eligible", "eligible")
        with acting(user=doctor, reason="test"):
            EligibilityDecision.objects.filter(pk=second.pk).update(group="B")

        assert decision_in_force(patient) is None
        assert enrolment_refusals(patient, SCREENED) == [UNSIGNED]
        assert EligibilityDecision.objects.filter(pk=first.pk).exists()

    def test_of_two_at_one_instant_the_one_stored_last_counts(self, patient):
        build.decision(patient, "eligible")
        last = build.decision(patient, "not_eligible")

        assert decision_in_force(patient) == last
        assert decisions(patient)[0] == last

    def test_the_page_lists_the_newest_first_each_with_its_own_signature(self, patient):
        first, second = self.decided(patient, "not_eligible", "eligible")
        found = decisions(patient)

        assert found == [second, first]
        assert [row.signature.target_id for row in found] == [second.pk, first.pk]

    def test_the_decision_on_another_patient_decides_nothing(self, trial, patient):
        build.eligible(trial=trial, screened_on=SCREENED)

        assert decision_in_force(patient) is None
        assert decisions(patient) == []
        assert enrolment_refusals(patient, SCREENED) == [UNSIGNED]

    def test_the_day_of_the_newest_decision_is_the_one_offered(self, trial, doctor):
        """I2: the criteria count days from inclusion."""
        patient = build.assessable(trial=trial, screened_on=SCREENED)
        with time_machine.travel(NOW.replace(hour=11), tick=False):
            build.decision(patient, "not_eligible", on=date(2026, 3, 29))
        with time_machine.travel(NOW.replace(hour=12), tick=False):
            build.decision(patient, on=date(2026, 3, 11))

        assert enrolment_refusals(patient) == []


class TestDeferred:
    """I2b of Liège: the virus may be confirmed within fourteen days after inclusion."""

    @pytest.fixture
    def unconfirmed(self, trial):
        return build.assessable(trial=trial, screened_on=SCREENED, virology={"pcr_result": "NEG"})

    def test_it_waits_forbids_nothing_and_is_stored_with_its_day(self, unconfirmed):
        evaluation = evaluate(unconfirmed, inclusion_on=SCREENED)
        waiting = [each for each in evaluation.findings if each.waits]

        assert [each.id for each in waiting] == ["I2b"]
        assert (waiting[0].deferred_until, waiting[0].css) == (date(2026, 3, 24), "tone-draft")
        assert evaluation.blocking_criteria == []
        count = len(evaluation.findings)
        assert evaluation.summary == f"{count - 1} of {count} criteria allow inclusion"
        stored = {each["id"]: each for each in build.decision(unconfirmed).criteria}
        assert stored["I2b"]["deferred_until"] == "2026-03-24"
        assert {each["deferred_until"] for id, each in stored.items() if id != "I2b"} == {None}

    def test_the_days_count_from_the_inclusion_and_not_from_today(self, unconfirmed, doctor):
        build.decision(unconfirmed, by=doctor)
        with acting(user=doctor, role="investigator"):
            enrol(patient=unconfirmed, on=SCREENED, by=doctor)
        included = Patient.objects.get(pk=unconfirmed.pk)

        for day in (None, date(2026, 3, 20)):
            (waiting,) = (each for each in evaluate(included, inclusion_on=day).findings if each.waits)
            assert waiting.deferred_until == date(2026, 3, 24)

    def test_without_a_day_those_of_a_patient_in_screening_count_from_today(self, unconfirmed):
        (waiting,) = (each for each in evaluate(unconfirmed).findings if each.waits)
        assert waiting.deferred_until == date(2026, 4, 13)

    def test_one_that_is_met_waits_no_more(self, patient):
        found = {each.id: each for each in evaluate(patient, inclusion_on=SCREENED).findings}
        assert (found["I2b"].waits, found["I2b"].deferred_until, found["I2b"].css) == (
            False,
            None,
            "tone-done",
        )


class TestRefusals:
    def test_a_conclusion_that_is_none_is_refused(self, patient):
        assert refused(build.decision, patient, "perhaps") == {
            "conclusion": ["Choose eligible or not eligible."]
        }

    def test_nobody_is_assessed_after_inclusion(self, trial):
        patient = build.enrolled(trial=trial, on=SCREENED)
        assert refused(build.decision, patient) == {
            "": ["LIE-001 cannot be assessed for eligibility: the status is “In follow-up”."]
        }

    def test_an_inclusion_criterion_that_fails_is_not_met(self):
        patient = build.patient(trial=amended_protocol.trial(), screened_on=SCREENED)
        build.consent(patient)
        build.record(patient, "intake", {"age": "17", "weight": "60"})
        (finding,) = evaluate(patient, inclusion_on=SCREENED).findings

        assert (finding.words, finding.css, finding.forbids) == ("Not met", "tone-late", True)
        assert finding.as_stored()["inputs"] == {"intake.age": "17"}
        assert refused(build.decision, patient) == {
            "conclusion": ["This criterion does not allow inclusion: I1."]
        }

    def test_what_is_undetermined_is_marked_as_open(self, trial):
        patient = build.patient(trial=trial, screened_on=SCREENED)
        (age,) = (each for each in evaluate(patient).findings if each.id == "I1")
        assert (age.words, age.css, age.forbids) == ("Undetermined", "tone-draft", True)
        evaluation = evaluate(patient)
        assert (evaluation.group, evaluation.group_title) == ("", "")
        assert evaluation.group_needs

    def test_the_group_is_named_when_it_is_known(self, patient):
        evaluation = evaluate(patient, inclusion_on=SCREENED)
        assert (evaluation.group, evaluation.group_needs) == ("A", [])
        assert evaluation.group_title


WOMAN = {"demography": {"sex": "F"}}
FERTILE = {"childbearing_potential": "Y", "test_on": "2026-03-10", "specimen": "SERUM"}
LIEGE = {
    "E1": WOMAN | {"pregnancy_test": FERTILE | {"result": "NEG", "contraception": "N"}},
    "E2": {"respiratory_support": {"ecmo": "Y"}},
    "E3": {"eligibility": {"care_limited": "Y"}},
    "E4": {"eligibility": {"life_expectancy_24h": "Y"}},
    "E5": {"eligibility": {"allergy_to_product": "Y"}},
    "E6": {"eligibility": {"immunosuppressed_before": "Y"}},
    "E7": {"eligibility": {"secondary_infection": "Y"}},
    "E8": {"eligibility": {"malignancy": "Y", "only_skin_carcinoma": "N", "malignancy_on": "2025-03-10"}},
    "E9": {"eligibility": {"thromboembolic_disease": "Y"}},
    "E10": {"eligibility": {"compliance_risk": "Y"}},
    "E11": {"eligibility": {"safety_risk": "Y"}},
    "E12": {"eligibility": {"other_trial": "Y"}},
}
COVID_MSV = {
    "E1": {"eligibility": {"active_tumour": "Y"}},
    "E2": {"pregnancy_test": FERTILE | {"result": "POS"}},
    "E3": {"eligibility": {"other_trial": "Y"}},
    "E4": {"eligibility": {"investigator_objects": "Y", "objection": "Frail"}},
    "E5": {"eligibility": {"consent_signed": "N"}},
}
EXCLUDED = [(build.LIEGE, id, each) for id, each in LIEGE.items()]
EXCLUDED += [(build.COVID_MSV, id, each) for id, each in COVID_MSV.items()]


class TestExclusion:
    """One answer differs from those of an eligible patient."""

    @pytest.mark.parametrize(("slug", "id", "answers"), EXCLUDED)
    def test_an_exclusion_criterion_that_is_present_says_so_and_forbids(self, slug, id, answers):
        patient = build.assessable(trial=build.trial(slug), screened_on=SCREENED, **answers)
        findings = evaluate(patient, inclusion_on=SCREENED).findings
        exclusions = {each.id: each.words for each in findings if each.kind_words == "Exclusion"}

        assert exclusions.pop(id) == "Present"
        assert set(exclusions.values()) == {"Absent"}
        assert {each.words for each in findings if each.kind_words == "Inclusion"} == {"Met"}
        told = refused(build.decision, patient)
        assert told == {"conclusion": [f"This criterion does not allow inclusion: {id}."]}
        assert build.decision(patient, "not_eligible").conclusion == "not_eligible"

    @pytest.mark.parametrize("slug", [build.LIEGE, build.COVID_MSV])
    def test_every_exclusion_criterion_has_its_example(self, slug):
        rules = build.trial(slug).rules
        asked = [each.id for each in rules.eligibility if each.kind == "exclusion"]
        assert asked == [id for of, id, _answers in EXCLUDED if of == slug]


class TestWhatIsRead:
    def test_a_form_entered_in_error_is_no_evidence(self, patient):
        build.struck_out(Record.objects.get(patient=patient, form="demography"))
        findings = {each.id: each for each in evaluate(patient, inclusion_on=SCREENED).findings}

        assert findings["I1"].words == "Undetermined"
        assert "I1" in refused(build.decision, patient)["conclusion"][0]

    def test_a_draft_is_no_evidence(self, trial):
        patient = build.patient(trial=trial, screened_on=SCREENED)
        build.consent(patient)
        build.record(patient, "demography", {"age": "54"}, draft=True)
        findings = {each.id: each for each in evaluate(patient, inclusion_on=SCREENED).findings}

        assert findings["I1"].words == "Undetermined"

    def test_the_evidence_of_another_patient_is_not_read(self, trial, patient):
        other = build.patient(trial=trial, screened_on=SCREENED)
        build.consent(other)
        findings = {each.id: each for each in evaluate(other, inclusion_on=SCREENED).findings}

        assert findings["I1"].words == "Undetermined"
        assert findings["E2"].words == "Undetermined"

    def test_an_included_patient_is_evaluated_for_the_day_of_inclusion(self, trial):
        """The scan is two days before inclusion; months later it still is."""
        patient = build.enrolled(trial=trial, on=SCREENED)
        with time_machine.travel(datetime(2026, 9, 1, tzinfo=UTC), tick=False):
            assert evaluate(Patient.objects.get(pk=patient.pk)).blocking_criteria == []

    def test_the_inclusion_is_not_before_the_screening(self, patient):
        told = refused(build.decision, patient, on=date(2026, 3, 9))
        assert told == {"inclusion_on": ["The inclusion cannot be before the screening."]}


class TestWhatIsStored:
    def test_a_criterion_is_stored_with_its_inputs_and_shown_with_their_labels(self):
        """P11-13."""
        patient = build.patient(trial=amended_protocol.trial(), screened_on=SCREENED)
        (open_,) = evaluate(patient, inclusion_on=SCREENED).findings
        assert (open_.inputs, open_.needs) == ([], ["Intake: Age"])
        assert open_.as_stored()["needs"] == ["intake.age"]
        build.consent(patient)
        build.record(patient, "intake", {"age": "54", "weight": "80"})

        assert evaluate(patient, inclusion_on=SCREENED).findings[0].inputs == [
            {"label": "Intake: Age", "value": "54"}
        ]
        assert build.decision(patient).criteria == [
            {
                "id": "I1",
                "kind": "inclusion",
                "allows": True,
                "needs": [],
                "inputs": {"intake.age": "54"},
                "deferred_until": None,
            }
        ]

    def test_a_criterion_that_is_not_met_yet_but_may_be_is_marked_as_open(self):
        old = 'met = "intake.age >= 18.0"'
        text = amended_protocol.text("1.0").replace(old, f"{old}\ndeferred_days = 14")
        patient = build.patient(trial=build.version(text).trial, screened_on=SCREENED)
        build.consent(patient)
        build.record(patient, "intake", {"age": "17", "weight": "60"})
        (finding,) = evaluate(patient, inclusion_on=SCREENED).findings

        assert (finding.words, finding.waits, finding.forbids) == ("Not met", True, False)
        assert finding.css == "tone-draft"

    def test_a_signature_of_another_row_with_this_number_is_not_that_of_the_decision(self, patient, doctor):
        decision = build.decision(patient)
        with acting(system="test", reason="test"):
            EligibilityDecision.objects.filter(pk=decision.pk).update(group="B")
            Signature.objects.create(
                target_type="patients.record", target_id=decision.pk, trial_id=patient.trial_id,
                patient_id=patient.pk, meaning="review", signer_id=doctor.pk, signer_name="x",
                printed_name="X", role="investigator", signed_at=NOW, zone="Europe/Brussels",
                content_hash="0" * 64, manifest_hash="0" * 64,
            )  # fmt: skip

        assert decision_in_force(patient) is None
        assert decisions(patient)[0].signature.target_type == "patients.eligibilitydecision"

    def test_only_a_patient_concluded_eligible_is_randomised(self):
        """RND-01."""
        trial = build.trial(build.COVID_MSV)
        excluded, found = (build.assessable(trial=trial, screened_on=SCREENED) for _each in range(2))
        build.decision(excluded, "not_eligible")
        build.decision(found)

        assert not hasattr(Patient.objects.get(pk=excluded.pk), "allocation")
        assert Patient.objects.get(pk=found.pk).allocation.arm


class TestGroup:
    """Liège treats in two groups; here the criterion that asks for one of them asks only for the age."""

    UNASKED = (
        'met = "definition.oxygen_group || definition.ventilated_group"',
        'met = "demography.age >= 18.0"',
    )

    @pytest.mark.parametrize(
        ("member", "needs"),
        [
            ("vital_status.survival_status == 'DEAD'", "Vital status: Status"),
            ("demography.age > 100.0", "the inputs of the groups"),
        ],
    )
    def test_nobody_is_eligible_without_a_group(self, member, needs):
        change = ('member = "definition.oxygen_group"', f'member = "{member}"')
        trial = build.twin(build.LIEGE, self.UNASKED, change)
        answers = eligible_answers.OF[build.LIEGE](SCREENED)
        patient = build.patient(trial=trial, screened_on=SCREENED)
        build.consent(patient)
        for form, values in answers.items():
            build.record(patient, form, values)

        assert refused(build.decision, patient) == {
            "conclusion": [f"The group is not determined yet. It needs: {needs}."]
        }
        assert build.decision(patient, "not_eligible").group == ""
