"""Two versions of one form brought together: per item the stored value or the typed one, as the person chooses."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.http import QueryDict

from patients.entry.answers import Answers
from protocol.document.items import Form
from protocol.values.parsing import NotOffered, Value
from protocol.values.refusals import gettext_noop

CHOOSE, DIFFERS = "_choose-", "_differs"
STORED, MINE = "stored", "mine"


def choices_made(form: Form, data: QueryDict | None) -> dict[str, str]:
    """Return by item which value was chosen. Raises NotOffered for an item or a choice that no page offers."""
    found = {}
    for name in data or ():
        if name.startswith(CHOOSE) and data is not None:
            item, choice = name.removeprefix(CHOOSE), data[name]
            if item not in form or choice not in (STORED, MINE):
                raise NotOffered(gettext_noop("“%(code)s” cannot be chosen here."), code=f"{item}: {choice}")
            found[item] = choice
    return found


def is_resolving(data: QueryDict | None) -> bool:
    """Tell whether the page that was sent asked to choose."""
    return data is not None and DIFFERS in data


def unresolved(form: Form, data: QueryDict) -> list[str]:
    """Return the items that differ and for which nothing was chosen yet."""
    choices = choices_made(form, data)
    return [name for name in data.getlist(DIFFERS) if name not in choices]


def resolved(answers: Answers, stored: Mapping[str, Value], choices: Mapping[str, str]) -> Answers:
    """Return the answers with the stored value wherever that was chosen, whatever was typed there."""
    taken = {name for name, choice in choices.items() if choice == STORED}
    values = {name: value for name, value in answers.values.items() if name not in taken}
    return replace(
        answers,
        values=values | {name: stored[name] for name in taken if name in stored},
        refused=_without(answers.refused, taken),
        confirmed=_without(answers.confirmed, taken),
        rows=_without(answers.rows, taken),
    )


def without_choices(data: QueryDict) -> QueryDict:
    """Return what was typed without the choices: they were made between other values."""
    fresh = data.copy()
    for name in list(fresh):
        if name.startswith(CHOOSE) or name == DIFFERS:
            del fresh[name]
    return fresh


def _without(found: Mapping[str, Any], taken: set[str]) -> dict[str, Any]:
    return {path: each for path, each in found.items() if path.partition("-")[0] not in taken}
