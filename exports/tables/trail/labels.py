"""Subject, visit, form and field labels of the rows of the audit trail (AUD-02)."""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils.translation import gettext, override

from audit.events import AccessKind
from audit.stored_text import StoredText, read
from audit.system_texts import actor_words
from patients.models import Patient, Record, Visit
from protocol.document.items import Item
from protocol.values.labels import MISSING_WORDS, code_words, is_missing
from trials.models import Trial

CODED = frozenset({"choice", "choices", "yes_no"})
Where = tuple[str, str, str, Any]
"""Subject code, visit, form and row number."""


class TrailLabels:
    """Labels for one trial: its subjects, visits and the items of all protocol versions."""

    def __init__(self, trial: Trial) -> None:
        self._codes = dict(Patient.objects.filter(trial=trial).values_list("pk", "code"))
        visits = Visit.objects.filter(patient__trial=trial).only("code", "number")
        self._visits = {visit.pk: visit.key for visit in visits}
        self._rules = trial.all_rules
        self._records: dict[int, tuple[Any, str, int]] = {}
        self.item = lru_cache(maxsize=None)(self._item)

    def subject(self, patient: int | None) -> str:
        """Return the code of a subject; empty for None."""
        return self._codes.get(patient, "") if patient else ""

    def expect(self, records: Iterable[int | None]) -> None:
        """Load the records of the next rows and forget the previous ones. At most one query."""
        needed = {pk for pk in records if pk}
        rows = Record.objects.filter(pk__in=needed) if needed else Record.objects.none()
        self._records = {
            pk: (visit, form, repeat)
            for pk, visit, form, repeat in rows.values_list("pk", "visit_id", "form", "repeat")
        }

    def of_rows(
        self, model: type[models.Model], columns: Sequence[str]
    ) -> Callable[[Sequence[Any], int | None], Where]:
        """Return a function of the values of a row of a tracked table, in the order of its columns, and the patient."""
        if model is Record:
            visit_at, form_at, repeat_at = (columns.index(name) for name in ("visit_id", "form", "repeat"))

            def of_record(values: Sequence[Any], patient: int | None) -> Where:
                visit = self._visits.get(values[visit_at], "")
                return self.subject(patient), visit, values[form_at], values[repeat_at]

            return of_record
        name = "id" if model is Visit else "visit_id"
        own_visit = columns.index(name) if name in columns else None
        record_at = columns.index("record_id") if "record_id" in columns else None

        def of_row(values: Sequence[Any], patient: int | None) -> Where:
            record = self._records.get(values[record_at]) if record_at is not None else None
            if record is not None:
                visit, form, repeat = record
                return self.subject(patient), self._visits.get(visit, ""), form, repeat
            visit = values[own_visit] if own_visit is not None else None
            return self.subject(patient), self._visits.get(visit, "") if visit else "", "", ""

        return of_row

    def _item(self, version: int, form: str, name: str) -> Item | None:
        """Return an item of a form: from the given version, or from any other that has it."""
        first = self._rules.get(version)
        for rules in (*([first] if first else []), *self._rules.values()):
            if form in rules.forms and name in rules.form(form):
                return rules.form(form).item(name)
        return None

    def label(self, model: type[models.Model], row: dict[str, Any], field: str) -> str:
        """Return the label of a field: the protocol's for an item, the model's for a column."""
        column, _dot, name = field.partition(".")
        if model is Record and name:
            item = self.item(row["protocol_id"], row["form"], name)
            return item.label.in_language("en") if item else ""
        return f"{column_label(model, column)}: {name}" if name else column_label(model, column)

    def may_be_coded(self, model: type[models.Model], row: dict[str, Any], field: str) -> bool:
        """Return whether a text or number in the field may be a code. Any text may be a sentence of the system."""
        _column, _dot, name = field.partition(".")
        item = self.item(row["protocol_id"], row["form"], name) if model is Record and name else None
        return item.type in CODED if item is not None else field in _choices(model)

    def decoded(self, model: type[models.Model], row: dict[str, Any], field: str, value: Any) -> str:
        """Return the label of a coded value; empty if the value is not coded."""
        if not value:
            return ""
        if isinstance(value, StoredText):
            return value.in_language("en")
        _column, _dot, name = field.partition(".")
        item = self.item(row["protocol_id"], row["form"], name) if model is Record and name else None
        if item is None and isinstance(value, str) and isinstance(stored_text := read(value), StoredText):
            return stored_text.in_language("en")
        if item is None:
            return _choices(model).get(field, {}).get(value, "") if isinstance(value, str) else ""
        if is_missing(value):
            return english(MISSING_WORDS[value["missing"]])
        if item.type not in CODED:
            return ""
        codes: Collection[str] = value if isinstance(value, list) else [value]
        return "; ".join(code_words(code, item, "en", english) for code in codes)


@lru_cache(maxsize=512)
def english(text: str) -> str:
    """Return a text in English. An export does not depend on the language of its user."""
    with override("en"):
        return gettext(text)


@lru_cache(maxsize=512)
def actor_in_english(name: str) -> str:
    """Return the full name of an actor; a process by its English name."""
    with override("en"):
        return actor_words(name)


@lru_cache(maxsize=2048)
def column_label(model: type[models.Model], column: str) -> str:
    """Return the label of a column, or its name if the model has no such field."""
    try:
        field = model._meta.get_field(column.removesuffix("_id") if column != "_id" else column)
    except FieldDoesNotExist:
        return column
    with override("en"):
        return str(getattr(field, "verbose_name", column))


@lru_cache(maxsize=256)
def _choices(model: type[models.Model]) -> dict[str, dict[Any, str]]:
    """Return the labels of the codes of every column with choices."""
    fields = [field for field in model._meta.concrete_fields if field.choices]
    with override("en"):
        return {each.attname: {code: str(words) for code, words in each.flatchoices} for each in fields}


@lru_cache(maxsize=64)
def event_label(kind: str) -> str:
    """Return the label of a kind of access event."""
    with override("en"):
        return str(AccessKind(kind).label)
