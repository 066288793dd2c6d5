"""While a trial is on hold nobody is included, allocated or treated, until site and sponsor have signed (CEL-16)."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse

from audit.context import acting
from audit.models import Signature
from dosing.models import AllocationSlot, Infusion
from patients.models import Patient, TreatmentHold
from safety.reporting import amend_event
from tests.support import build
from tests.support.pages import infusions
from tests.support.study.bedside import FIRST, INCLUDED, SECOND, give, on
from trials.models import Trial, TrialHold

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]
REASON = "Two deaths in another trial of the product"


@pytest.fixture
def people(trial):
    roles = ("investigator", "sponsor_representative", "coordinator", "sponsor_safety", "monitor")
    return {role: build.user(role, trial=trial) for role in roles}


@pytest.fixture
def browsers(people):
    return {role: build.client(person) for role, person in people.items()}


def address(name: str, trial: Trial, *more) -> str:
    return reverse(f"reports:{name}", args=[trial.slug, *more])


def held(browser, trial, reason: str = REASON):
    return browser.post(address("hold-new", trial), {"reason": reason})


def released(browser, trial, number: int = 1, **changed):
    typed = {"reason": "The board agrees", "password": build.PASSWORD, **changed}
    return browser.post(address("hold", trial, number), typed)


def now(trial) -> Trial:
    return Trial.objects.get(pk=trial.pk)


def text_of(answer) -> str:
    return infusions.text_of(answer)


class TestAHoldSetByAPerson:
    def test_it_is_on_home_and_on_the_page_of_holds_for_every_role(self, trial, browsers):
        assert held(browsers["sponsor_safety"], trial).status_code == 302
        for browser in browsers.values():
            assert "The trial is on hold since" in text_of(
                browser.get(reverse("reports:home", args=[trial.slug]))
            )
            assert REASON in text_of(browser.get(address("holds", trial)))

    def test_it_needs_a_reason_and_the_right(self, trial, browsers):
        assert held(browsers["investigator"], trial, " ").status_code == 422
        assert held(browsers["coordinator"], trial).status_code == 403
        assert now(trial).held_since is None

    def test_an_inclusion_is_refused_also_when_the_form_is_bypassed(self, trial, browsers):
        patient = build.eligible(trial=trial, screened_on=INCLUDED)
        held(browsers["investigator"], trial)
        answer = browsers["coordinator"].post(
            reverse("patients:enrol", args=[trial.slug, patient.code]), {"on": "10-Mar-2026"}
        )
        assert answer.status_code == 422
        assert "The trial is on hold since" in text_of(answer)
        assert Patient.objects.get(pk=patient.pk).state == "screening"

    def test_an_infusion_and_its_weight_are_refused_also_when_the_form_is_bypassed(self, trial, browsers):
        patient = build.enrolled(trial=trial, on=trial.today)
        held(browsers["investigator"], trial)
        today = "30-Mar-2026"
        typed = infusions.weighed(today, weight_measured=f"{today} 08:00")
        answer = browsers["coordinator"].post(infusions.page(patient, "weight"), typed)
        assert answer.status_code == 422
        assert "The trial is on hold since" in text_of(answer)
        assert Infusion.objects.get(patient=patient, number=1).weight_kg is None

    def test_no_product_is_recorded_for_an_infusion_not_given(self, trial, browsers):
        patient = build.enrolled(trial=trial, on=trial.today)
        laboratory = build.client(build.user("cell_laboratory", trial=trial))
        today = "30-Mar-2026"
        browsers["coordinator"].post(infusions.page(patient, "weight"), infusions.weighed(today))
        held(browsers["investigator"], trial)
        answer = laboratory.post(infusions.page(patient, "preparation"), infusions.product(thawed=""))
        assert answer.status_code == 422
        assert "The trial is on hold since" in text_of(answer)

    def test_an_infusion_that_began_before_the_hold_is_recorded(self, trial, browsers, people):
        patient = build.enrolled(trial=trial, on=INCLUDED)
        held(browsers["investigator"], trial)
        with acting(user=people["coordinator"], role="coordinator"):
            assert give(patient, FIRST, on("10-Mar-2026"), people["coordinator"]).state == "given"

    def test_it_ends_with_two_signatures_of_site_and_sponsor(self, trial, browsers):
        held(browsers["sponsor_safety"], trial)
        assert released(browsers["investigator"], trial).status_code == 302
        assert now(trial).held_since is not None
        assert "signed already" in text_of(released(browsers["investigator"], trial))
        assert released(browsers["sponsor_representative"], trial).status_code == 302
        assert now(trial).held_since is None
        hold = TrialHold.objects.get()
        assert hold.released_at is not None
        signed = Signature.objects.filter(target_type="trials.holdrelease")
        assert sorted(signed.values_list("role", flat=True)) == ["investigator", "sponsor_representative"]
        assert build.enrolled(trial=trial, on=INCLUDED).state == "enrolled"

    def test_a_wrong_password_and_a_role_of_neither_side_release_nothing(self, trial, browsers):
        held(browsers["sponsor_safety"], trial)
        assert released(browsers["investigator"], trial, password="wrong").status_code == 422
        assert released(browsers["investigator"], trial, reason=" ").status_code == 422
        answer = released(browsers["sponsor_safety"], trial)
        assert "by an investigator and a representative of the sponsor" in text_of(answer)
        assert released(browsers["monitor"], trial).status_code == 403
        assert not Signature.objects.filter(target_type="trials.holdrelease").exists()

    def test_a_second_hold_keeps_the_trial_held(self, trial, browsers):
        held(browsers["investigator"], trial)
        held(browsers["sponsor_safety"], trial, "Another")
        for role in ("investigator", "sponsor_representative"):
            released(browsers[role], trial, 1)
        assert now(trial).held_since == TrialHold.objects.get(number=2).set_at


def test_no_slot_is_allocated_while_the_trial_is_held():
    """RND-01, CEL-16: signing the eligibility is refused, and no slot is taken."""
    trial = build.trial(build.COVID_MSV)
    investigator = build.user("investigator", trial=trial)
    patient = build.assessable(trial=trial, screened_on=INCLUDED, by=investigator)
    doctor = build.client(investigator)
    held(doctor, trial)
    answer = doctor.post(
        reverse("patients:eligibility", args=[trial.slug, patient.code]),
        {"conclusion": "eligible", "inclusion_on": "10-Mar-2026", "password": build.PASSWORD},
    )
    assert answer.status_code == 422
    assert "The trial is on hold since" in text_of(answer)
    assert not AllocationSlot.objects.filter(patient=patient).exists()


DEATH = {
    "term": "Shock", "grade": 5, "seriousness": frozenset({"results_in_death"}), "causality": "possible",
    "outcome": "fatal", "ongoing": "N",
}  # fmt: skip


def dead(patient, **changed):
    """Report a fatal event two days after screening."""
    day = patient.screened_on + timedelta(days=2)
    at = build.moment(f"{day:%d-%b-%Y} 10:00")
    return build.event(patient=patient, **{**DEATH, "end": at, "aware": at, **changed})


class TestAStoppingRule:
    @pytest.fixture
    def patient(self, trial):
        return build.enrolled(trial=trial, on=INCLUDED)

    def test_a_related_death_holds_the_trial(self, trial, patient):
        event = dead(patient)
        hold = TrialHold.objects.get()
        assert (hold.rule, hold.events, hold.set_by) == ("SR1", [f"{patient.code} AE {event.number}"], None)
        assert now(trial).held_since == hold.set_at

    def test_an_unrelated_death_does_not_and_one_that_becomes_related_does(self, trial, patient, people):
        event = dead(patient, causality="unrelated")
        assert now(trial).held_since is None
        with acting(user=people["investigator"], role="investigator"):
            build.confirming(
                amend_event,
                event=event,
                changes={"causality": "probable"},
                reason="Autopsy",
                version=event.version,
                by=people["investigator"],
            )
        assert TrialHold.objects.get().rule == "SR1"

    def test_after_the_release_the_same_death_holds_nothing_and_another_does(
        self, trial, patient, browsers, people
    ):
        event = dead(patient)
        for role in ("investigator", "sponsor_representative"):
            released(browsers[role], trial)
        with acting(user=people["investigator"], role="investigator"):
            build.confirming(
                amend_event,
                event=event,
                changes={"description": "More is known"},
                reason="Letter",
                version=event.version,
                by=people["investigator"],
            )
        assert now(trial).held_since is None
        dead(build.enrolled(trial=trial, on=INCLUDED))
        assert TrialHold.objects.filter(released_at=None).count() == 1

    def test_two_patients_with_a_reaction_within_72_hours_hold_the_trial(self, trial, patient, people):
        other = build.enrolled(trial=trial, on=INCLUDED)
        with acting(user=people["coordinator"], role="coordinator"):
            for each in (patient, other):
                give(each, FIRST, on("10-Mar-2026"), people["coordinator"])
        reaction = {"grade": 3, "causality": "probable", "aesi": "INFUSION_REACTION"}
        build.event(patient=patient, onset=build.moment("10-Mar-2026 12:00"), **reaction)
        assert not TrialHold.objects.exists()
        build.event(patient=other, onset=build.moment("14-Mar-2026 12:00"), **reaction)
        assert not TrialHold.objects.exists()
        build.event(patient=other, onset=build.moment("13-Mar-2026 09:59"), **reaction)
        assert TrialHold.objects.get().rule == "SR2"


class TestTheTreatmentOfOnePatient:
    """Liège: the next infusion waits after a related event of grade 3 or more."""

    @pytest.fixture
    def patient(self, trial, people):
        patient = build.enrolled(trial=trial, on=INCLUDED)
        with acting(user=people["coordinator"], role="coordinator"):
            give(patient, FIRST, on("10-Mar-2026"), people["coordinator"])
        build.event(patient=patient, grade=3, causality="possible", onset=build.moment("10-Mar-2026 15:00"))
        return Patient.objects.get(pk=patient.pk)

    def typed(self, **changed):
        return {"decision": "continue", "reason": "Transient", "password": build.PASSWORD, **changed}

    def decide(self, browser, trial, patient, **changed):
        return browser.post(address("treatment-hold", trial, patient.code, 1), self.typed(**changed))

    def test_the_next_infusion_is_refused_until_an_investigator_signs(self, trial, patient, browsers, people):
        hold = TreatmentHold.objects.get()
        assert (hold.rule, hold.events) == ("SR3", ["AE 1"])
        answer = browsers["coordinator"].get(infusions.page(patient, number=SECOND))
        assert "on hold since" in text_of(answer)
        times = {"started": "30-Mar-2026 14:00", "ended": "30-Mar-2026 15:00"}
        typed = infusions.bedside("30-Mar-2026", timing_deviation_reason="Fever", **times)
        # The form is bypassed: its page shows none. The hold is set at noon at the site.
        with time_machine.travel(datetime(2026, 3, 30, 15, 0, tzinfo=UTC), tick=False):
            ward = build.client(people["coordinator"])
            refused = ward.post(infusions.page(patient, number=SECOND), typed)
        assert refused.status_code == 422
        assert "on hold since" in text_of(refused)
        assert Infusion.objects.get(patient=patient, number=SECOND).state == "planned"
        assert self.decide(browsers["coordinator"], trial, patient).status_code == 403
        assert self.decide(browsers["investigator"], trial, patient).status_code == 302
        assert Patient.objects.get(pk=patient.pk).treatment_held_since is None
        signature = Signature.objects.get(target_type="patients.treatmenthold")
        assert signature.role == "investigator"
        assert "on hold since" not in text_of(
            browsers["coordinator"].get(infusions.page(patient, number=SECOND))
        )

    def test_the_decision_to_stop_keeps_the_treatment_held(self, trial, patient, browsers):
        assert self.decide(browsers["investigator"], trial, patient, decision="stop").status_code == 302
        assert Patient.objects.get(pk=patient.pk).treatment_held_since is not None
        assert "decided on this hold already" in text_of(
            self.decide(browsers["investigator"], trial, patient)
        )

    @pytest.mark.parametrize("changed", [{"decision": ""}, {"reason": " "}, {"password": "wrong"}])
    def test_nothing_is_decided_without_decision_reason_or_password(self, trial, patient, browsers, changed):
        assert self.decide(browsers["investigator"], trial, patient, **changed).status_code == 422
        assert TreatmentHold.objects.get().decision == ""

    def test_an_unrelated_event_or_a_milder_one_holds_nothing(self, trial):
        other = build.enrolled(trial=trial, on=INCLUDED)
        build.event(patient=other, grade=4, causality="unlikely")
        build.event(patient=other, grade=2, causality="definite")
        assert not TreatmentHold.objects.filter(patient=other).exists()
