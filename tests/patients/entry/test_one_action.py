"""One action takes a value that another form holds, or answers the rest of a group with No; nothing is stored by it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from audit.stored_text import code_of
from patients.entry.controls import CONTROLS
from patients.entry.group_reasons import reason_with_group
from patients.models import Patient, Record
from protocol.checking.mistakes import problems
from tests.support.pages.entry_pages import WHOLE, address, hidden, opened, save
from tests.support.protocols.shipped import BOTH, path_of, protocol
from tests.support.study.entered_forms import included

pytestmark = pytest.mark.one_engine
HISTORY = {"form": "medical_history"}


def pressed(desk: Client, patient: Patient, button: str, values: dict[str, Any], **where: Any) -> Any:
    control = opened(desk, patient, **where)
    return desk.post(address(patient, **where), {**control, **values, CONTROLS.action: button})


def group_of(patient: Patient) -> int:
    groups = patient.protocol.rules.form("medical_history").groups
    return next(number for number, group in enumerate(groups) if group.all_no)


def test_a_known_value_is_taken_without_scripts(desk: Client, patient: Patient) -> None:
    """DAT-01: the button changes only the page, and is gone where something is answered."""
    save(desk, patient, {"weight": "82,4", "weight-unit": "kg"}, form="demography")
    page = pressed(desk, patient, "take-weight", {"hr": "72"})
    shown = page.content.decode()
    assert page.status_code == 200
    assert 'name="weight" value="82.4"' in shown
    assert 'name="hr" value="72"' in shown
    assert 'value="take-weight"' not in shown
    assert not Record.objects.filter(form="vitals").exists()
    kept = pressed(desk, patient, "take-weight", {"weight": "80"}).content.decode()
    assert 'name="weight" value="80"' in kept


def test_a_value_that_nobody_holds_cannot_be_taken(desk: Client, patient: Patient) -> None:
    assert pressed(desk, patient, "take-hr", {}).status_code == 400
    assert pressed(desk, patient, "take-colour", {}).status_code == 400


def test_a_draft_is_offered_the_known_value_too(desk: Client, patient: Patient) -> None:
    """DAT-01: until the form is complete."""
    save(desk, patient, {"weight": "82,4", "weight-unit": "kg"}, form="demography")
    save(desk, patient, {"hr": "72"})
    assert 'value="take-weight"' in desk.get(address(patient)).content.decode()
    save(desk, patient, WHOLE, CONTROLS.next)
    assert 'value="take-weight"' not in desk.get(address(patient)).content.decode()


def test_all_others_are_answered_no(desk: Client, patient: Patient) -> None:
    """DAT-02: what was answered stays, typed or missing; undoing takes back what the button answered."""
    number = group_of(patient)
    typed = {"hypertension": "Y", "diabetes-missing": "UNK"}
    page = pressed(desk, patient, f"all-no-{number}", typed, **HISTORY)
    shown = page.content.decode()
    assert "10 items are answered No." in shown
    assert 'name="hypertension" value="Y" checked' in shown
    assert 'name="malignancy" value="N" checked' in shown
    assert 'name="diabetes" value="N" checked' not in shown
    assert f'value="some-no-{number}"' in shown
    assert not Record.objects.filter(form="medical_history").exists()
    answered = {"malignancy": "N", "allergy": "N", CONTROLS.grouped: ["malignancy"]}
    undone = pressed(desk, patient, f"some-no-{number}", typed | answered, **HISTORY).content.decode()
    assert "1 answer is removed." in undone
    assert 'name="malignancy" value="N" checked' not in undone
    assert 'name="allergy" value="N" checked' in undone


@pytest.mark.parametrize("button", ["all-no-0", "all-no-9", "all-no-x", "some-no-0"])
def test_only_groups_that_the_protocol_names_are_answered_at_once(desk, patient, button) -> None:
    assert pressed(desk, patient, button, {}, **HISTORY).status_code == 400


def test_the_trail_says_what_was_answered_as_a_group(desk: Client, patient: Patient) -> None:
    """AUD-04: an answer that a person changed since is not among them; a later change keeps its own reason as well."""
    given = {"malignancy": "N", "allergy": "N", "diabetes": "Y"}
    values = {**given, CONTROLS.grouped: ["malignancy", "diabetes"]}
    save(desk, patient, values, **HISTORY)
    record = Record.objects.get(form="medical_history")
    first = record.history.latest()
    assert str(first.history_change_reason) == "Answered as a group: malignancy"
    save(desk, patient, {**given, CONTROLS.grouped: ["malignancy"], "lung_disease": "N"}, **HISTORY)
    assert not record.history.latest().history_change_reason


def test_a_change_of_a_complete_form_names_its_group_and_its_reason() -> None:
    """AUD-04: both are told."""
    reason = reason_with_group(["malignancy"], "seen in the letter")
    assert str(reason) == "seen in the letter (answered as a group: malignancy)"
    assert code_of(reason) == "entry.amended_as_group"
    assert str(reason_with_group(["malignancy"], None)) == "Answered as a group: malignancy"


def test_the_check_while_typing_answers_the_group(desk: Client, patient: Patient) -> None:
    """DAT-02: the script of the page sets the same inputs."""
    control = hidden(desk.get(address(patient, **HISTORY)))
    action = {CONTROLS.action: f"all-no-{group_of(patient)}"}
    response = desk.post(address(patient, end="check/", **HISTORY), {**control, "allergy": "Y", **action})
    assert '"malignancy": "N"' in response["HX-Trigger"]
    assert '"allergy": "N"' not in response["HX-Trigger"]


def test_neither_criteria_nor_infusion_events_are_answered_at_once() -> None:
    """DAT-02: the protocol file is refused that allows it."""
    for slug in BOTH:
        rules = protocol(slug)
        named = [(code, group) for code, form in rules.forms.items() for group in form.groups if group.all_no]
        assert [code for code, _group in named] == ["medical_history"]


@pytest.mark.parametrize(
    ("form", "number", "why"),
    [
        ("eligibility", 4, "a criterion of eligibility reads"),
        ("infusion_monitoring", 2, "is asked at an infusion"),
    ],
)
def test_a_file_that_answers_what_decides_at_once_is_refused(form: str, number: int, why: str) -> None:
    """DAT-02: criteria, and what happened at an infusion, are answered one by one."""
    head = f"[[forms.{form}.groups]]\n"
    parts = path_of("nct04361942").read_text(encoding="utf-8").split(head)
    parts[number] = f"all_no = true\n{parts[number]}"
    found = [str(problem) for problem in problems(head.join(parts))]
    assert any(each.startswith(f"forms.{form}.groups.{number}.all_no: ") and why in each for each in found)


def test_a_time_alone_is_on_the_day_of_the_visit(desk: Client, patient: Patient) -> None:
    """DAT-03: nobody types the day of the visit again."""
    save(desk, patient, {"measured_at": "9:05"})
    assert Record.objects.get(form="vitals").values["measured_at"].startswith(f"{patient.screened_on}T09:05")


def test_a_series_goes_on_after_midnight(desk: Client, patient: Patient) -> None:
    """DAT-03: a time alone is on the day of the visit, a date says another; a point in two rows is named."""
    included(patient)
    where = {"form": "infusion_monitoring", "visit": "INF1"}
    day = patient.screened_on + timedelta(days=1)
    cells = {"series-0-time_point": "START", "series-0-measured_at": "23:50"}
    cells |= {"series-1-time_point": "MIN15", "series-1-measured_at": f"{day:%d%b%Y} 0:05"}
    save(desk, patient, cells, **where)
    before, after = (
        row["measured_at"][:16] for row in Record.objects.get(form=where["form"]).values["series"]
    )
    assert (before[11:], after) == ("23:50", f"{day}T00:05")
    page = save(desk, patient, {**cells, "series-1-time_point": "START"}, CONTROLS.next, **where)
    assert page.status_code == 422
    assert "One time point stands in two rows: keep each time point once." in page.content.decode()


def test_the_moment_of_another_form_of_the_visit_is_taken(desk: Client, patient: Patient) -> None:
    """DAT-01: forms that are filled in together have one date and time."""
    save(desk, patient, {"measured_at": "9:05"})
    page = pressed(desk, patient, "take-assessed_at", {}, form="respiratory_support").content.decode()
    assert re.search(r'name="assessed_at" value="\d\d-\w{3}-\d{4} 09:05"', page)
