"""Copies of a masked text elsewhere: reasons of invalid signatures, undone marks, queries, and unsaved input (AUD-12).

Rooms above register their columns and their drafts when they start. In such a copy only whole words of three or more
characters are masked: a short piece of a name would stand in many texts that are about something else.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from django.db import models
from django.db.models import TextField
from django.db.models.functions import Cast

from audit.redactions.masked_text import MASK
from audit.trail import history_model, model_labelled, trail_of

SHORTEST = 3
# A string of a JSON text, and the colon behind it if it is a key.
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?')
# Keys of JSON whose values name people who acted, not what somebody typed.
_ACTORS = frozenset({"by"})

Mask = Callable[[str], str]
MaskDrafts = Callable[[int, int, Mask], int]


class TextCopy(NamedTuple):
    """A column that holds the text: the table with its key column, the row, and what the column will hold."""

    model: type[models.Model]
    row: int
    column: str
    masked: str
    # The audited row that this one is, or is the history of.
    key: int


_columns: dict[str, tuple[str, ...]] = {"audit.signature": ("invalidated_reason",)}
_drafts: list[MaskDrafts] = []


def register(columns: dict[str, tuple[str, ...]], *drafts: MaskDrafts) -> None:
    """Add columns by label of an audited model, and functions that mask drafts of a trial's patient.

    A function gets the keys of trial and patient and the mask, and returns how many drafts it changed.
    """
    _columns.update(columns)
    _drafts.extend(each for each in drafts if each not in _drafts)


def mask_of(text: str) -> Mask | None:
    """Return the function that masks whole words of a text wherever they stand; None for a text that is too short."""
    if len(text) < SHORTEST:
        return None
    # As typed, in JSON as the program and as the databases write it, and in a stored text inside JSON.
    forms = {text}
    for _depth in range(2):
        forms |= {json.dumps(each, ensure_ascii=plain)[1:-1] for each in forms for plain in (True, False)}
    either = "|".join(re.escape(each) for each in sorted(forms, key=len, reverse=True))
    # An escape such as \n before the name is no letter of it.
    words = re.compile(rf"(?:(?<!\w)|(?<=\\[nrt]))(?:{either})(?!\w)")
    return lambda held: words.sub(MASK, held)


def mask_json(raw: str, mask: Mask) -> str:
    """Return a JSON text with the values masked; keys, numbers and names of actors stay, and so does the spacing."""
    last_key = ""

    def masked(found: re.Match[str]) -> str:
        nonlocal last_key
        held, colon = found[1], found[2]
        if colon:
            last_key = held
            return found[0]
        return found[0] if last_key in _ACTORS else f'"{mask(held)}"'

    return _STRING.sub(masked, raw)


def copies(patient: int, mask: Mask) -> Iterator[TextCopy]:
    """Yield the registered columns of a patient that hold the text, of rows and of histories. Two queries a column."""
    for label, names in _columns.items():
        model = model_labelled(label)
        if model is None:
            continue
        of_patient = {trail_of(model).patient: patient}
        past, key = history_model(model), model._meta.pk.attname
        for name in names:
            yield from _holding(model, of_patient, name, key, mask)
            yield from _holding(past, {"history_patient": patient}, name, key, mask)


def _holding(
    model: type[models.Model], of_patient: dict[str, int], name: str, key: str, mask: Mask
) -> Iterator[TextCopy]:
    field: Any = model._meta.get_field(name)
    # As it is stored: the database must find that nothing but the masks differs.
    rows = model._base_manager.filter(**of_patient).annotate(raw_text=Cast(name, TextField())).order_by("pk")
    for number, owner, raw in rows.values_list("pk", key, "raw_text"):
        if not raw:
            continue
        text = raw if isinstance(raw, str) else str(raw)
        masked = mask_json(text, mask) if isinstance(field, models.JSONField) else mask(text)
        if masked != text:
            yield TextCopy(model, number, str(field.column), masked, owner)


def mask_drafts(trial: int, patient: int, mask: Mask) -> int:
    """Mask what people typed and have not saved; return in how many drafts."""
    return sum(each(trial, patient, mask) for each in _drafts)
