"""A decision on eligibility whose inputs change is marked; an investigator decides again (CEL-14)."""

from datetime import date, timedelta

import pytest
from django.test import Client

from accounts.models import User
from audit.context import acting
from audit.models import Signature
from dosing.infusions.infusion_checks import infusion_refusal
from dosing.models import AllocationSlot, Infusion
from patients.entry.saving import Entry, complete
from patients.models import Deviation, EligibilityDecision, Patient, Record, Visit
from patients.participation.deviation_log.deviation_decisions import classify_deviation
from patients.participation.eligibility_decisions.eligibility import decision_in_force, evaluate
from patients.participation.eligibility_decisions.eligibility_data import latest_complete
from patients.participation.visits import hold_visit
from protocol.values.moments import Moment
from tests.support import build
from tests.support.study import eligible_answers
from tests.support.study.amending import changed
from tests.support.study.bedside import give, on
from tests.support.study.entered_forms import at
from tests.support.study.refusals import refused
from trials.models import Trial

pytestmark = pytest.mark.django_db
INCLUDED = date(2026, 8, 10)


@pytest.fixture
def included(trial: Trial, doctor: User) -> Patient:
    return build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)


def form(patient: Patient, code: str) -> Record:
    return Record.objects.get(patient=patient, form=code, visit__code="SCR")


def ventilate(patient: Patient, by: User) -> None:
    """Correct the screening: the patient was ventilated in intensive care, since the morning."""
    machine = {"mode": "VOLUME", "vt": "420", "plateau": "24", "paralysed": "Y", "prone": "N"}
    changed(form(patient, "respiratory_support"), by, support="IMV", fio2="60", peep="10", **machine)
    began = eligible_answers.at(INCLUDED, "08:00", "Europe/Brussels")
    changed(form(patient, "eligibility"), by, ward="ICU", imv_started_at=began)


def decision(patient: Patient) -> EligibilityDecision:
    return EligibilityDecision.objects.filter(patient=patient).latest("pk")


def changes(patient: Patient) -> list[tuple[str, object, object]]:
    return [(each["id"], each["before"], each["now"]) for each in decision(patient).changes]


class TestMarked:
    @pytest.mark.parametrize(("age", "marked"), [("70", False), ("71", True), ("18", False), ("17", True)])
    def test_an_age_outside_the_limits_marks_the_decision(self, included, doctor, age, marked) -> None:
        """I1 of Liège: 18 to 70 years."""
        changed(form(included, "demography"), doctor, age=age)
        assert changes(included) == ([("I1", True, False)] if marked else [])
        assert bool(decision(included).changed_at) is marked

    def test_a_correction_back_takes_the_mark_away(self, included, doctor) -> None:
        changed(form(included, "demography"), doctor, age="71")
        changed(form(included, "demography"), doctor, age="47")
        assert changes(included) == []
        assert decision(included).changed_at is None

    def test_an_input_that_is_taken_away_marks_it(self, included, doctor) -> None:
        """Undetermined is neither met nor not met: it does not allow inclusion."""
        build.struck_out(form(included, "demography"), by=doctor)
        assert ("I1", True, None) in changes(included)

    def test_neither_the_conclusion_nor_the_signature_changes(self, included, doctor) -> None:
        before = decision(included)
        changed(form(included, "demography"), doctor, age="71")
        after = decision(included)
        assert (after.conclusion, after.criteria) == (before.conclusion, before.criteria)
        assert decision_in_force(included) == after

    def test_the_group_is_compared(self, included, doctor) -> None:
        """Group A (oxygen) becomes group B (ventilated in intensive care)."""
        ventilate(included, doctor)
        assert ("group", "A", "B") in changes(included)

    def test_the_criteria_read_a_value_where_it_is_asked(self, included, doctor) -> None:
        """E2 reads ECMO from the respiratory support of screening: no form asks it a second time."""
        assert "ecmo" not in included.protocol.rules.form("eligibility")
        changed(form(included, "respiratory_support"), doctor, ecmo="Y")
        assert changes(included) == [("E2", True, False)]

    def test_ventilation_after_the_inclusion_does_not_move_the_patient_to_another_group(
        self, included, doctor
    ) -> None:
        worse = {**form(included, "respiratory_support").values, "support": "NIV", "ecmo": "Y"}
        with acting(user=doctor, role="investigator"):
            hold_visit(visit=included.visits.get(code="INF1"), on=INCLUDED, by=doctor)
        build.record(included, "respiratory_support", worse, visit="INF1", by=doctor)
        assert changes(included) == []
        assert evaluate(included).group == "A"

    def test_an_unscheduled_visit_before_the_inclusion_is_the_newest_evidence(self, included, doctor) -> None:
        with acting(user=doctor, role="investigator"):
            for number, on, support in ((1, INCLUDED - timedelta(days=1), "HIGH_FLOW"), (2, INCLUDED, "IMV")):
                visit = Visit.objects.create(
                    patient=included,
                    code="UNS",
                    number=number,
                    position=9000 + number,
                    held_on=on,
                    state="held",
                )
                Record.objects.create(
                    patient=included,
                    visit=visit,
                    protocol=included.protocol,
                    form="respiratory_support",
                    state="complete",
                    values={"support": support},
                )
        assert latest_complete(included)["respiratory_support"] == {"support": "HIGH_FLOW"}

    def test_a_later_visit_says_nothing_about_the_inclusion(self, included, doctor) -> None:
        """Of a form that screening and follow-up have, the answers at screening count."""
        with acting(user=doctor, role="investigator"):
            for visit, spo2 in (("SCR", "88"), ("D7", "97")):
                Record.objects.create(
                    patient=included,
                    visit=Visit.objects.get(patient=included, code=visit),
                    protocol=included.protocol,
                    form="vitals",
                    state="complete",
                    values={"spo2": spo2},
                )
        assert latest_complete(included)["vitals"] == {"spo2": "88"}

    def test_a_draft_counts_when_it_is_completed(self, included, doctor, nurse) -> None:
        """The form is struck out, entered again as a draft, and completed without another change."""
        demography = form(included, "demography")
        values = {**demography.values, "age": "71"}
        del values["bmi"]
        build.struck_out(demography, by=doctor)
        draft = build.record(included, "demography", values, draft=True, by=nurse)
        assert ("I1", True, None) in changes(included)
        place = at(Patient.objects.get(pk=included.pk), nurse, "demography")
        with acting(user=nurse, role="coordinator"):
            complete(Entry(place=place, values=values, base_version=draft.version), by=nurse)
        assert changes(included) == [("I1", True, False)]

    def test_before_the_inclusion_it_is_marked_too(self, trial, doctor) -> None:
        patient = build.eligible(trial=trial, screened_on=INCLUDED, investigator=doctor)
        changed(form(patient, "demography"), doctor, age="71")
        assert changes(patient) == [("I1", True, False)]

    def test_a_decision_not_eligible_is_not_reviewed(self, trial, doctor) -> None:
        patient = build.assessable(trial=trial, screened_on=INCLUDED, by=doctor)
        build.decision(patient, "not_eligible", by=doctor)
        changed(form(patient, "demography"), doctor, age="71")
        assert changes(patient) == []

    def test_the_patients_own_consent_after_a_representatives_changes_nothing(self, trial, doctor) -> None:
        """The first consent covers what was done until the patient could decide."""
        unable = {"patient_can_consent": "N", "representative_available": "Y"}
        patient = build.enrolled(
            trial=trial,
            on=INCLUDED,
            investigator=doctor,
            consent_by="legal_representative",
            eligibility=unable,
        )
        build.consent(patient, on=date(2026, 8, 20), by=doctor)
        assert changes(patient) == []


class TestDecidedAgain:
    def test_an_investigator_decides_again_for_the_day_of_inclusion(self, included, doctor) -> None:
        changed(form(included, "demography"), doctor, age="71")
        again = build.decision(included, "not_eligible", by=doctor)
        assert again.inclusion_on == INCLUDED
        assert not EligibilityDecision.objects.resting_on_changes().exists()
        assert Patient.objects.get(pk=included.pk).state == "enrolled"

    def test_a_classified_deviation_settles_it_too(self, included, doctor) -> None:
        changed(form(included, "demography"), doctor, age="71")
        deviation = Deviation.objects.get(patient=included, place="eligibility")
        assert (deviation.place_key, deviation.category) == ("I1", "eligibility")
        assert EligibilityDecision.objects.resting_on_changes().count() == 1
        with acting(user=doctor, role="investigator"):
            classify_deviation(
                deviation=deviation, classification="major", version=deviation.version, by=doctor
            )
        assert not EligibilityDecision.objects.resting_on_changes().exists()

    def test_a_correction_back_takes_the_deviation_back(self, included, doctor) -> None:
        changed(form(included, "demography"), doctor, age="71")
        changed(form(included, "demography"), doctor, age="47")
        assert Deviation.objects.get(patient=included, place="eligibility").struck_out

    def test_eligible_is_refused_while_a_criterion_does_not_allow_it(self, included, doctor) -> None:
        changed(form(included, "demography"), doctor, age="71")
        told = refused(build.decision, included, by=doctor)
        assert told == {"conclusion": ["This criterion does not allow inclusion: I1."]}

    def test_without_a_change_nothing_is_decided_again(self, included, doctor) -> None:
        told = refused(build.decision, included, "not_eligible", by=doctor)
        assert "cannot be assessed for eligibility" in told[""][0]

    def test_the_new_decision_sets_the_group(self, included, doctor) -> None:
        ventilate(included, doctor)
        build.decision(included, by=doctor)
        assert Patient.objects.get(pk=included.pk).group == "B"
        assert Signature.objects.filter(invalidated_at=None).exists()

    def test_a_mis_stratified_patient_keeps_the_slot(self, doctor) -> None:
        """RND-03: a slot is never freed or exchanged; the page says what the stratum would be."""
        from tests.dosing.test_allocation_strata import with_knee

        knees = build.trial("third")
        patient = with_knee(knees, grade="G2", surgery="N")
        by = build.user("investigator", trial=knees)
        build.decision(patient, by=by)
        slot = AllocationSlot.objects.get(patient=patient)
        changed(Record.objects.get(patient=patient, form="knee"), by, grade="G3")
        assert ("knee.grade", "G2", "G3") in changes(patient)
        assert AllocationSlot.objects.get(patient=patient) == slot


class TestShown:
    @pytest.fixture
    def marked(self, included: Patient, doctor: User) -> Patient:
        changed(form(included, "demography"), doctor, age="71")
        return included

    def page(self, web: Client, patient: Patient, end: str = "") -> str:
        where = f"/trials/{patient.trial.slug}/patients/{patient.code}/{end}"
        return web.get(where, follow=True).content.decode()

    def test_the_page_says_what_changed_and_offers_the_decision(self, marked, web) -> None:
        text = self.page(web, marked, "eligibility/")
        assert "The decision rests on inputs that changed since" in text
        assert "I1: allowed inclusion at the decision, does not allow it now" in text
        assert 'name="conclusion"' in text
        assert 'name="inclusion_on"' not in text

    def test_the_decision_is_posted_without_a_day(self, marked, web) -> None:
        where = f"/trials/{marked.trial.slug}/patients/{marked.code}/eligibility/"
        answer = web.post(where, {"conclusion": "not_eligible", "password": build.PASSWORD})
        assert answer.status_code == 302
        assert decision(marked).conclusion == "not_eligible"

    def test_the_casebook_home_quality_and_checklist_tell_it(self, marked, web, manager) -> None:
        assert "rests on inputs that changed since" in self.page(web, marked)
        home = web.get(f"/trials/{marked.trial.slug}/?show=decisions").content.decode()
        assert "Eligibility to decide again" in home
        assert marked.code in home
        desk = build.client(manager)
        quality = desk.get(f"/trials/{marked.trial.slug}/quality/?kind=decision")
        (row,) = quality.context["listing"].rows
        assert row.object.url(marked.trial.slug).endswith(f"/patients/{marked.code}/eligibility/")
        points = {
            each.point.code: each.total
            for each, _url in desk.get(f"/trials/{marked.trial.slug}/lock/").context["points"]
        }
        assert points["decisions"] == 1

    def test_the_bedside_is_warned_and_not_refused(self, marked, web) -> None:
        text = self.page(web, marked, "infusions/1/")
        assert "Ask an investigator before you give the infusion" in text
        assert 'name="started' in text

    def test_a_patient_found_not_eligible_is_given_nothing_more(self, marked, doctor) -> None:
        """CEL-14."""
        build.decision(marked, "not_eligible", by=doctor)
        infusion = Infusion.objects.select_related("patient__trial", "patient__protocol").get(
            patient=marked, number=1
        )
        told = infusion_refusal(infusion)
        assert told.startswith("An investigator concluded at ")
        assert told.endswith("is not eligible: only an infusion that began before can be recorded.")

    def test_an_infusion_given_before_the_patient_was_found_not_eligible_is_recorded(
        self, marked, doctor, nurse, web
    ) -> None:
        """What was given stays a fact, however late it is entered."""
        decided = build.decision(marked, "not_eligible", by=doctor)
        text = self.page(web, marked, "infusions/1/")
        assert "only an infusion that began before can be recorded" in text
        assert 'name="started' in text
        assert "infusions/1/weight/" not in text
        given = on(f"{INCLUDED:%d-%b-%Y}")
        after = Moment.from_datetime(decided.decided_at + timedelta(minutes=1), "Europe/Brussels")
        late = {**given, "weight_measured": after, "started": after, "ended": after}
        assert "not eligible" in refused(give, marked, 1, late, nurse)[""][0]
        with acting(user=nurse, role="coordinator"):
            assert give(marked, 1, given, nurse).state == "given"
