"""A posted page is read once into one value: its controls have one list, its answers are read and checked once."""

import re
from collections import Counter
from dataclasses import FrozenInstanceError, asdict
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import BadRequest
from django.http import HttpResponse, QueryDict
from django.test import Client

from accounts.models import User
from audit.context import acting
from patients.entry.controls import CONTROLS
from patients.entry.posted import Action, PostedPage, kept_page, read_page
from patients.models import Patient, Record
from tests.support import build
from tests.support.pages.entry_pages import WHOLE, address, opened, save
from tests.support.project.calls import ROOT, calls_of
from tests.support.study.entered_forms import at
from trials.reader import shown_day

pytestmark = pytest.mark.django_db

NAMES = {name: text for name, text in asdict(CONTROLS).items() if text.startswith("_")}
READ, CHECK = "patients/entry/answers.py:read", "patients/casebook/edit_checks.py:check_answers"


def read(patient: Patient, nurse: User, sent: str) -> PostedPage:
    return read_page(at(patient, nurse), QueryDict(sent))


def test_a_posted_page_is_one_value_that_nothing_changes(patient: Patient, nurse: User) -> None:
    page = read(
        patient,
        nurse,
        "hr=72&_version=3&_key=k&_state=complete&_listed=1&_reason=source&_note=Chart&_differs=hr&_choose-hr=mine",
    )
    assert page.typed.values == {"hr": "72"}
    assert (page.base_version, page.key, page.was_complete, page.listed) == (3, "k", True, True)
    assert str(page.reason_text) == "The source was corrected: Chart"
    assert (page.differs, dict(page.choices), page.unresolved) == (("hr",), {"hr": "mine"}, False)
    with pytest.raises(FrozenInstanceError):
        page.key = "another"  # type: ignore[misc]


def test_the_stored_value_that_was_chosen_is_left_to_the_verb(patient: Patient, nurse: User) -> None:
    """DAT-11: what is stored is known under the lock only."""
    page = read(patient, nurse, "hr=fast&hr-confirm=seen&rr=18&_differs=hr&_choose-hr=stored")
    assert page.refused == {}
    assert (page.entry.stored_chosen, dict(page.entry.values)) == (frozenset({"hr"}), {"rr": "18"})
    assert page.entry.confirmed == {}


@pytest.mark.parametrize("sent", ["_version=one", "_version=-1", "_choose-hr=both", "hr-unit=stone&hr=1"])
def test_a_page_that_is_not_ours_is_refused_but_given_back_when_it_was_kept(
    patient: Patient, nurse: User, sent: str
) -> None:
    """DAT-04, ACC-05: 400 for what is sent; what was kept is shown as far as the form takes it."""
    with pytest.raises(BadRequest):
        read(patient, nurse, sent)
    kept = kept_page(at(patient, nurse), QueryDict(sent))
    assert (kept is not None) == sent.startswith(CONTROLS.version)


def test_every_control_is_on_a_page_under_the_name_that_is_read(
    desk: Client, patient: Patient, nurse: User
) -> None:
    """One list: templates and scripts write no name of their own, and none is in the list for nothing."""
    save(desk, patient, WHOLE, "next")
    control = opened(desk, patient)
    dead = build.enrolled(trial=patient.trial)
    build.event(patient=dead)
    with acting(system="test"):
        dead.visits.filter(code="D28").update(state="held", held_on=dead.trial.today)
    last = {"form": "vital_status", "visit": "D28"}
    death = {"survival_status": "DEAD", "died_on": shown_day(dead.enrolled_on), "contact_by": "RECORD"}
    colleague = build.client(build.user("investigator", trial=patient.trial))
    save(colleague, patient, {**WHOLE, "hr": "80", CONTROLS.reason: "source"})
    shown = [
        desk.post(address(patient), {**control, **WHOLE, "hr": "90"}),
        desk.post(
            address(patient, "haematology"),
            {**opened(desk, patient, form="haematology"), CONTROLS.action: "not-done-0"},
        ),
        desk.post(
            address(patient, "medical_history"),
            {**opened(desk, patient, form="medical_history"), CONTROLS.action: "all-no-1"},
        ),
        save(desk, dead, {**death, "death_cause": "CARDIAC"}, "next", **last),
        desk.get(f"/trials/{patient.trial.slug}/patients/{patient.code}/logs/procedure/?row=1"),
        _page_that_asks(desk),
    ]
    sent = {name for page in shown for name in re.findall(r'name="(_[\w-]*)"', page.content.decode())}
    assert {re.sub(r"(?<=_choose-)\w+", "", name) for name in sent} == set(NAMES.values())


def _page_that_asks(desk: Client) -> HttpResponse:
    """A date of death after which an adverse event begins."""
    patient = build.enrolled(trial=build.trial(build.LIEGE))
    later = build.moment(f"{patient.trial.today:%d-%b-%Y}")
    build.event(patient=patient, onset=later)
    where = {"form": "vital_status", "visit": "D7"}
    died = f"{patient.trial.today - timedelta(days=1):%d-%b-%Y}"
    answers = {"survival_status": "DEAD", "died_on": died, CONTROLS.action: CONTROLS.draft}
    return desk.post(address(patient, **where), {**opened(desk, patient, **where), **answers})


def test_no_template_and_no_script_names_a_control_itself() -> None:
    written = [*ROOT.glob("templates/**/*.html"), *ROOT.glob("static/*.js")]
    assert len(written) > 100
    literal = re.compile("|".join(rf"[\"']{re.escape(name)}" for name in NAMES.values()))
    assert {path.name: found for path in written if (found := literal.findall(path.read_text()))} == {}


# Buttons of a group and of an offered value that vital signs do not have: test_one_action.py.
ELSEWHERE = {Action.ALL_NO, Action.UNDO_ALL_NO, Action.TAKE}


@pytest.mark.parametrize("action", [action for action in Action if action not in ELSEWHERE])
def test_each_button_is_read(action: Action, desk: Client, patient: Patient) -> None:
    target = "" if action.saves else "0"
    typed = {**opened(desk, patient), **WHOLE, CONTROLS.action: f"{action}{target}"}
    answer = desk.post(address(patient), typed)
    if action.saves:
        assert Record.objects.get().state == ("draft" if action == Action.DRAFT else "complete")
    else:
        assert 'name="hr" value="72"' in answer.content.decode()
        assert not Record.objects.exists()


@pytest.mark.parametrize(
    ("first", "end", "told", "status", "times"),
    [
        ("patients/views/entry.py:form", "", {}, 302, (1, 1)),
        ("patients/views/entry.py:form", "", {CONTROLS.action: "next", "hr": ""}, 422, (1, 1)),
        ("patients/views/entry.py:form", "", {"hr": "fast"}, 422, (1, 1)),
        # The marks change the answers, which are read and checked anew.
        ("patients/views/entry.py:form", "", {CONTROLS.action: "not-done-0"}, 200, (2, 2)),
        ("patients/views/live_checks.py:check", "check/", {"hr": "190"}, 200, (1, 1)),
        ("patients/views/live_checks.py:keep", "keep/", {}, 200, (1, 0)),
    ],
)
def test_what_is_posted_is_read_once_and_checked_once(
    first: str,
    end: str,
    told: dict[str, Any],
    status: int,
    times: tuple[int, int],
    desk: Client,
    patient: Patient,
) -> None:
    """What the verb found out under the lock is what the refused page shows."""
    sent, answers = {**opened(desk, patient), **WHOLE, **told}, []
    calls = calls_of(first, lambda: answers.append(desk.post(address(patient, end=end), sent)))
    counted = Counter(call.step for call in calls)
    assert answers[0].status_code == status
    assert (counted[READ], counted[CHECK]) == times


def test_opening_a_form_checks_it_once(desk: Client, patient: Patient) -> None:
    save(desk, patient, {"hr": "190"})
    calls = calls_of("patients/views/entry.py:form", lambda: desk.get(address(patient)))
    assert Counter(call.step for call in calls)[CHECK] == 1
