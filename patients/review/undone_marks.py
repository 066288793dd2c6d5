"""Why a mark was undone, as text: on an item of a form, on a fact outside the forms, on a whole form or row."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from audit.stored_text import Text
from patients.casebook.facts import Fact, Words, patient_of_row, with_columns
from patients.casebook.item_history import moment_words
from patients.models import Mark, MarkRow, Record
from protocol.document.items import Form
from protocol.values.parsing import display
from trials.reader import reader_language


@dataclass(frozen=True, slots=True)
class UndoneMark:
    """Why a mark was undone, as text: when, by whom, why, and (label, old, new) of each changed item."""

    when: str
    who: str
    reason: Text
    changes: tuple[tuple[str, str, str], ...]


def undone_mark_words(mark: Mark | None, record: Record, item: str = "") -> UndoneMark | None:
    """Return why a mark was undone, as text; None if it is valid, or undone by a change that left `item` as it was.

    item: keep only the change of this item.
    """
    if mark is None or mark.undone_at is None:
        return None
    form, zone = record.protocol.rules.form(record.form), record.protocol.rules.trial.site.time_zone
    changes = _changes(mark, form)
    if item and changes:
        label = form.item(item).label.in_language(reader_language())
        changes = tuple(change for change in changes if change[0] == label)
        if not changes:
            return None
    detail = mark.undone_detail
    return UndoneMark(
        moment_words(mark.undone_at, zone), detail.get("by", ""), detail.get("because", ""), changes
    )


def _changes(mark: Mark, form: Form) -> tuple[tuple[str, str, str], ...]:
    """Return label, old and new value of each item that the undoing change affected."""
    old, new, language = (
        mark.undone_detail.get("old") or {},
        mark.undone_detail.get("new") or {},
        reader_language(),
    )
    return tuple(
        (
            item.label.in_language(language),
            display(old.get(item.name), item, language, _),
            display(new.get(item.name), item, language, _),
        )
        for item in form.items
        if old.get(item.name) != new.get(item.name)
    )


def undone_fact_words(mark: MarkRow | None, fact: Fact) -> UndoneMark | None:
    """Return why a mark outside the forms was undone, as text; None if it is valid. Reads patient and protocol."""
    if mark is None or mark.undone_at is None:
        return None
    detail, zone = mark.undone_detail, patient_of_row(fact.row).protocol.rules.trial.site.time_zone
    before, after = (_facts_then(fact, detail.get(side) or {}) for side in ("old", "new"))
    changes = tuple(
        (str(label), str(before[item][1] or ""), str(after[item][1] or ""))
        for item, (label, _value) in after.items()
        if item in before and mark.item in ("", item) and str(before[item][1]) != str(after[item][1])
    )
    return UndoneMark(
        moment_words(mark.undone_at, zone), detail.get("by", ""), detail.get("because", ""), changes
    )


def _facts_then(fact: Fact, values: Mapping[str, Any]) -> Mapping[str, Words]:
    """Return the facts of the row as it was with these values of its columns; none without values."""
    if not values:
        return {}
    return fact.kind.facts(with_columns(copy.copy(fact.row), values))
