"""docs/architecture.md: each step of the four ways exists and is called in the written order; the way is short."""

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
import time_machine
from django.core.management import call_command

from patients.entry.controls import CONTROLS
from patients.models import Query, Record
from tests.support import build
from tests.support.pages import event_forms, infusions
from tests.support.pages.entry_pages import WHOLE, address, opened, save
from tests.support.project.calls import ROOT, Call, calls_of
from tests.support.study import amended_protocol
from tests.support.study.bedside import INCLUDED

TEXT = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
WAYS = {
    title: re.findall(r"^\d+\. `([^`]+)`", section, re.MULTILINE)
    for title, section in re.findall(
        r"^## The way of ([^\n]+)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL
    )
}
MOST_FILES, MOST_RETURNS = 15, 8
# Not counted: code that every request passes, and modules that are only read and call no others.
PASSED_BY = ("config/", "accounts/", "audit/", "trials/", "patients/models/", "protocol/document/")


def in_order(way: str, calls: list[Call]) -> str:
    """Return the first step that was not called after the ones before it; empty if all were called in order."""
    made: Iterator[str] = iter([call.step for call in calls])
    return next((step for step in WAYS[way] if step not in made), "")


def files_and_returns(calls: list[Call]) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the files in the order of their first call, and the calls that return to an earlier file.

    Each pair of files counts once. docs/architecture.md lists the calls that are not counted.
    """
    files, pairs, back = [calls[0].file], set(), []
    for call in calls[1:]:
        before = next(file for file in call.waiting if not file.startswith(PASSED_BY))
        pair = (before, call.file)
        by_plumbing = call.waiting[0].startswith(PASSED_BY)
        inside_protocol = call.file.startswith("protocol/") and (
            by_plumbing or before.startswith("protocol/")
        )
        special = call.function.rpartition(".")[2].startswith("__")
        if (
            call.file.startswith(PASSED_BY)
            or inside_protocol
            or special
            or before == call.file
            or pair in pairs
        ):
            continue
        pairs.add(pair)
        if call.file in files:
            back.append(pair)
        else:
            files.append(call.file)
    return files, back


def test_four_ways_are_written() -> None:
    assert list(WAYS) == ["a vital sign", "an adverse event", "an infusion", "a protocol file"]
    assert min(len(steps) for steps in WAYS.values()) > 10


@pytest.mark.parametrize("step", sorted({step for steps in WAYS.values() for step in steps}))
def test_each_step_exists(step: str) -> None:
    file, _colon, function = step.partition(":")
    found: Any = import_module(file.removesuffix(".py").replace("/", "."))
    for name in function.split("."):
        found = getattr(found, name)
    assert callable(found)


@pytest.fixture
def vital_sign(desk, patient) -> list[Call]:
    """Return the calls that save an unusual heart rate as a draft."""
    # The first save of a process compiles its statements, which is no step of the way.
    first = build.patient(trial=patient.trial)
    build.consent(first)
    save(desk, first, WHOLE)
    control = opened(desk, patient)
    typed = {**control, **WHOLE, "hr": "190", CONTROLS.action: "draft"}
    calls = calls_of(WAYS["a vital sign"][0], lambda: desk.post(address(patient), typed))
    assert Record.objects.get(patient=patient).values["hr"] == "190"
    assert Query.objects.get().item == "hr"
    return calls


@pytest.mark.django_db
def test_a_vital_sign_follows_the_documented_steps(vital_sign: list[Call]) -> None:
    assert in_order("a vital sign", vital_sign) == ""


@pytest.mark.django_db
def test_a_vital_sign_passes_few_files(vital_sign: list[Call]) -> None:
    files, back = files_and_returns(vital_sign)
    assert len(files) <= MOST_FILES, "\n".join(files)
    assert len(back) <= MOST_RETURNS, back
    assert f"at most **{MOST_FILES}** files" in TEXT
    assert f"at most **{MOST_RETURNS}** times" in TEXT


@pytest.mark.django_db
def test_a_vital_sign_is_read_and_checked_once(vital_sign: list[Call]) -> None:
    steps = [call.step for call in vital_sign]
    for once in (
        "patients/entry/answers.py:read",
        "patients/casebook/edit_checks.py:check_answers",
        "patients/entry/saving.py:_stored",
    ):
        assert steps.count(once) == 1, once


@pytest.mark.django_db
def test_an_adverse_event_follows_the_documented_steps(web, patient) -> None:
    typed = event_forms.typed(patient)
    calls = calls_of(WAYS["an adverse event"][0], lambda: web.post(event_forms.new(patient), typed))
    assert patient.adverse_events.count() == 1
    assert in_order("an adverse event", calls) == ""


@pytest.mark.django_db
def test_an_infusion_follows_the_documented_steps(ward, trial, known_day) -> None:
    patient = build.enrolled(trial=trial, on=INCLUDED)
    calls = calls_of(WAYS["an infusion"][0], lambda: ward.post(infusions.page(patient), infusions.bedside()))
    assert infusions.stored(patient).state == "given"
    assert in_order("an infusion", calls) == ""


@pytest.mark.django_db
def test_a_protocol_file_follows_the_documented_steps(tmp_path) -> None:
    """The file is an amendment, so that it is also compared with the version before it."""
    with time_machine.travel(amended_protocol.NOW, tick=False):
        trial = amended_protocol.trial()
        file = tmp_path / "amended.toml"
        # A text that this process has not parsed yet, so that no cache shortens the way.
        file.write_text(f"{amended_protocol.text('1.1')}\n# a copy\n", encoding="utf-8")
        calls = calls_of(WAYS["a protocol file"][0], lambda: call_command("load_protocol", file))
        assert trial.versions.count() == 2
    assert in_order("a protocol file", calls) == ""
