"""Two versions of one form brought together: per item the stored value or the typed one, as the person chooses."""

from collections.abc import Mapping, Set
from dataclasses import replace
from typing import Any

from django.http import QueryDict

from patients.entry.answers import Answers
from patients.entry.controls import CONTROLS
from protocol.values.parsing import Value


def resolved(answers: Answers, stored: Mapping[str, Value], taken: Set[str]) -> Answers:
    """Return the answers with the stored value of the items in `taken`, whatever was typed there."""
    return replace(
        answers,
        values=values_resolved(answers.values, stored, taken),
        refused=without(answers.refused, taken),
        confirmed=without(answers.confirmed, taken),
        rows=without(answers.rows, taken),
    )


def values_resolved(
    typed: Mapping[str, Value], stored: Mapping[str, Value], taken: Set[str]
) -> dict[str, Value]:
    """Return the typed values with the stored one of the items in `taken`; an item that is stored blank is left out."""
    values = {name: value for name, value in typed.items() if name not in taken}
    return values | {name: stored[name] for name in taken if name in stored}


def without_choices(inputs: QueryDict) -> QueryDict:
    """Return what was typed without the choices: they were made between other values."""
    fresh = inputs.copy()
    for name in list(fresh):
        if name.startswith(CONTROLS.choose) or name == CONTROLS.differs:
            del fresh[name]
    return fresh


def without(found: Mapping[str, Any], taken: Set[str]) -> dict[str, Any]:
    """Return what is said by path, without the paths of the items in `taken`."""
    return {path: each for path, each in found.items() if path.partition("-")[0] not in taken}
