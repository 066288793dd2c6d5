"""A patient who leaves the ordinary way is led to the lock: a representative, a wrong date, a death; a withdrawal.

Every step is sent as a browser sends it. The ordinary way is walked in tests/config/test_posted_patient.py.
"""

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from dosing.allocation.lists import generate_list
from patients.entry.controls import CONTROLS
from patients.models import Patient, Visit
from patients.participation.questions import CONFIRMED
from tests.support import build
from tests.support.pages.entry_pages import address, words
from tests.support.pages.event_forms import new, typed
from tests.support.pages.html_forms import form_with
from trials.models import Trial

pytestmark = [pytest.mark.django_db, pytest.mark.one_engine]
LATER, DIED, CALLED = 5, 20, 22


class Walk:
    """One patient, and a browser for each role."""

    def __init__(self, trial: Trial, consent_by: str, **answers: dict[str, Any]) -> None:
        self.trial = trial
        self.start = trial.today - timedelta(days=30)
        self.patient = build.enrolled(trial=trial, on=self.start, consent_by=consent_by, **answers)
        roles = ("coordinator", "investigator", "data_manager")
        self.desks: dict[str, Client] = {role: build.client(build.user(role, trial=trial)) for role in roles}

    def day(self, number: int) -> str:
        return f"{self.start + timedelta(days=number):%d-%b-%Y}"

    def page(self, name: str, *more: Any) -> str:
        return reverse(name, args=[self.trial.slug, self.patient.code, *more])

    def send(self, role: str, to: str, **data: Any) -> Any:
        """Send a step and confirm what it asks; return the page that follows."""
        desk = self.desks[role]
        answer = desk.post(to, data)
        if answer.status_code == 422 and answer.context["form"].questions:
            answer = desk.post(to, {**data, CONFIRMED: answer.context["form"].token})
        assert answer.status_code == 302, answer.context["form"].errors
        return desk.get(answer["Location"])

    def settled(self, on: date) -> dict[str, str]:
        """Return the answers about every visit until a day: only one with forms was held."""
        rows = Visit.objects.filter(patient=self.patient, state="planned", window_from__lte=on)
        found: dict[str, str] = {}
        for visit in rows:
            name = f"visit-{visit.key}"
            if visit.records.exists():
                found |= {name: "held", f"{name}-day": self.day(0)}
            else:
                found |= {name: "missed", f"{name}-reason": "The patient was elsewhere"}
        return found

    def skip_infusions(self) -> None:
        for row in self.patient.infusions.order_by("number"):
            page = self.page("dosing:not-given", row.number)
            self.send("coordinator", page, reason="The patient did not come", version=str(row.version))

    def lock(self) -> Any:
        """Lock the patient as the data manager; return the page of a form, which then says so."""
        target = reverse("patients:lock", args=[self.trial.slug, "patient", self.patient.pk])
        self.send("data_manager", target, action="lock", reason="Clean")
        return self.desks["coordinator"].get(address(self.patient, form="demography"))


def test_a_death_after_a_representative_s_consent_and_a_wrong_date_is_led_to_the_lock(trial):
    """DAT-07, DAT-08, SIG-03."""
    unable = {"patient_can_consent": "N", "representative_available": "Y"}
    walk = Walk(trial, "legal_representative", eligibility=unable)
    walk.send("coordinator", walk.page("patients:capacity"), regained_on=walk.day(LATER))
    own = {"type": "patient", "version": "1.0", "given": f"{walk.day(LATER)} 9:00"}
    assert "Consent" in words(walk.send("coordinator", walk.page("patients:consent"), **own))

    # A wrong date: the day of screening is recorded one day late, and corrected with its reason.
    hold = walk.page("patients:visit-hold", "SCR")
    walk.send("coordinator", hold, on=walk.day(1))
    walk.send("coordinator", hold, on=walk.day(0), reason="transcription")
    assert walk.patient.visits.get(code="SCR").held_on == walk.start
    walk.skip_infusions()

    # The call that tells of the death asks for nothing but the vital status.
    walk.send("coordinator", walk.page("patients:visit-new"), on=walk.day(CALLED), reason="The family called")
    called = walk.desks["coordinator"].get(walk.page("patients:visit", "UNS"))
    assert [each["form"].code for each in called.context["forms"] if each["when"] == "required"] == [
        "vital_status"
    ]
    answers = {
        "survival_status": "DEAD", "died_on": walk.day(DIED), "contact_by": "RECORD", "death_cause": "CARDIAC",
    }  # fmt: skip
    desk, form = walk.desks["coordinator"], address(walk.patient, form="vital_status", visit="UNS")
    entry = form_with(desk.get(form).content.decode(), id="entry")
    complete = desk.post(form, entry.sent(**answers) | {CONTROLS.action: CONTROLS.next})
    assert complete.status_code == 302, words(complete)
    assert desk.get(complete["Location"]).status_code == 200

    fatal = typed(
        walk.patient, term="Cardiac arrest", onset=f"{walk.day(DIED)} 8:00", end=walk.day(DIED), grade="5",
        seriousness=["results_in_death"], aware=f"{walk.day(CALLED)} 9:00", outcome="fatal",
    )  # fmt: skip
    event = walk.send("investigator", new(walk.patient), **fatal)
    assert "End of study: not recorded yet" in words(event)

    end = walk.page("patients:end")
    assert f"died on {walk.day(DIED)}" in words(walk.desks["investigator"].get(end))
    died = walk.start + timedelta(days=DIED)
    walk.send("investigator", end, on=walk.day(DIED), reason="death", note="", **walk.settled(died))
    found = Patient.objects.get(pk=walk.patient.pk)
    assert (found.state, found.end_reason, found.ended_on) == ("ended", "death", died)
    assert "This patient has been locked since" in words(walk.lock())


def test_a_withdrawal_is_led_to_the_lock(trial):
    """PRV-03, SIG-03: what is no longer allowed waits for nobody."""
    walk = Walk(trial, "patient")
    walk.skip_infusions()
    withdrawn = walk.send(
        "coordinator",
        walk.page("patients:consent-withdraw"),
        follow_up_withdrawn_on=walk.day(LATER),
        note="No more visits",
    )
    assert "record the end of study" in words(withdrawn)
    on = walk.start + timedelta(days=LATER)
    walk.send(
        "investigator", walk.page("patients:end"), on=walk.day(LATER), reason="withdrawal",
        note="No more visits", **walk.settled(on),
    )  # fmt: skip
    assert "This patient has been locked since" in words(walk.lock())


def test_the_masked_trial_is_walked_the_same_way():
    """CEL-18: nothing on the way depends on the arm."""

    trial = build.trial(build.COVID_MSV)
    generate_list(trial=trial, seed="once", by=build.user("administrator", trial=trial))
    test_a_withdrawal_is_led_to_the_lock(trial)
