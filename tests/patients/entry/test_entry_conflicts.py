"""Two people on one form: both values are shown, one is chosen, nothing is overwritten."""

import json
import re
from typing import Any

import pytest
from django.test import Client

from patients.entry.controls import CONTROLS
from patients.models import Patient, Record
from tests.support import build
from tests.support.pages.entry_pages import address, hidden, opened, save, words
from trials.models import Trial

pytestmark = pytest.mark.django_db


def test_a_conflict_shows_both_values_and_keeps_what_was_typed(
    desk: Client, patient: Patient, trial: Trial
) -> None:
    """DAT-11."""
    control = opened(desk, patient)
    colleague = build.user("investigator", trial=trial, full_name="Ada Colleague")
    save(build.client(colleague), patient, {"hr": "90", "rr": "18"})
    response = desk.post(address(patient), {**control, "hr": "72", "rr": "18", "temp": "warm"})
    assert response.status_code == 409
    assert Record.objects.get().values == {"hr": "90", "rr": "18"}
    answer = words(response)
    assert "by Ada Colleague. Nothing was overwritten" in answer
    assert "Heart rate Stored 90 beats/min You typed 72 beats/min" in answer
    assert "Temperature Stored blank You typed warm" in answer
    assert "Respiratory rate Stored" not in answer
    assert 'name="hr" value="72"' in response.content.decode()


def conflicting(
    desk: Client, patient: Patient, trial: Trial, sent: dict[str, Any]
) -> tuple[dict[str, Any], str]:
    """Return the data that a conflict page sends when nothing is chosen, and the page itself."""
    control = opened(desk, patient)
    save(build.client(build.user("investigator", trial=trial)), patient, {"hr": "90", "rr": "18"})
    response = desk.post(address(patient), {**control, **sent})
    page = response.content.decode()
    differs = re.findall(r'name="_differs" value="([^"]*)"', page)
    return {**hidden(response), **sent, CONTROLS.differs: differs, CONTROLS.action: "draft"}, page


def test_in_a_conflict_one_value_is_chosen_for_each_item(
    desk: Client, patient: Patient, trial: Trial
) -> None:
    """DAT-11: the colleague's value or the person's own, both shown."""
    sent, page = conflicting(desk, patient, trial, {"hr": "72", "rr": "20", "temp": "36,7"})
    assert sent[CONTROLS.differs] == ["temp", "hr", "rr"]
    assert not re.search(r'name="_choose-\w+"[^>]*checked', page)
    chosen = {f"{CONTROLS.choose}hr": "stored", f"{CONTROLS.choose}temp": "mine"}
    halfway = desk.post(address(patient), {**sent, **chosen})
    assert halfway.status_code == 422
    assert "Choose one of the two values for each item that differs." in words(halfway)
    assert 'name="_choose-hr" value="stored" checked' in halfway.content.decode()
    assert Record.objects.get().values == {"hr": "90", "rr": "18"}
    assert desk.post(address(patient), {**sent, **chosen, f"{CONTROLS.choose}rr": "mine"}).status_code == 302
    assert Record.objects.get().values == {"hr": "90", "rr": "20", "temp": "36.7"}


def test_choosing_the_stored_value_passes_over_a_slip_of_the_hand(
    desk: Client, patient: Patient, trial: Trial
) -> None:
    sent, _page = conflicting(desk, patient, trial, {"hr": "fast", "rr": "18"})
    assert desk.post(address(patient), {**sent, f"{CONTROLS.choose}hr": "mine"}).status_code == 422
    answer = desk.post(address(patient, end="check/"), {**sent, f"{CONTROLS.choose}hr": "stored"})
    assert "The stored value is used." in words(answer)
    judged = json.loads(answer["HX-Trigger"])["stroma:checked"]
    assert (judged["stored_chosen"], judged["invalid"], "hr" in judged["echo"]) == (["hr"], [], False)
    assert desk.post(address(patient), {**sent, f"{CONTROLS.choose}hr": "stored"}).status_code == 302
    assert Record.objects.get().values["hr"] == "90"


def test_a_third_save_asks_again(desk: Client, patient: Patient, trial: Trial) -> None:
    """DAT-11: a choice between two values does not apply to a third."""
    sent, _page = conflicting(desk, patient, trial, {"hr": "72", "rr": "18"})
    save(build.client(build.user("investigator", trial=trial)), patient, {"hr": "95", "rr": "18"})
    again = desk.post(address(patient), {**sent, f"{CONTROLS.choose}hr": "mine"})
    assert again.status_code == 409
    assert "Heart rate Stored 95 beats/min You typed 72 beats/min" in words(again)
    assert " checked" not in again.content.decode().partition('id="conflict"')[2].partition("</section>")[0]
    assert Record.objects.get().values["hr"] == "95"


def test_a_refused_page_never_takes_over_the_version_of_a_colleague(
    desk: Client, patient: Patient, trial: Trial
) -> None:
    """DAT-11: correcting a slip after a colleague saved must not overwrite what the colleague saved."""
    control = opened(desk, patient)
    save(build.client(build.user("investigator", trial=trial)), patient, {"hr": "90"})
    for slip in ({"temp": "warm"}, {CONTROLS.action: "next"}, {CONTROLS.action: "add-series"}):
        response = desk.post(address(patient), {**control, "hr": "72", **slip})
        assert response.status_code == 409
        assert "Heart rate Stored 90 beats/min You typed 72 beats/min" in words(response)
