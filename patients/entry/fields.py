"""The Django form field and widgets for the items of a protocol's forms, one for every type of item.

A widget collects the parts of an input (value, unit, day, month, …) and renders a stored value in them;
`protocol.values.parsing` interprets the parts. Templates: templates/capture/.
"""

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from patients.entry.controls import CONTROLS
from protocol.document.items import Item
from protocol.values import parsing
from protocol.values.file_kinds import KIND_WORDS
from protocol.values.labels import MISSING_WORDS, code_words, converted_words, file_words, headed, unit_words
from protocol.values.moments import AmbiguousTime
from protocol.values.months import month_text
from protocol.values.parsing import Clock, ValueRefused
from protocol.values.table_rows import ROW_ID, is_row_id, row_id

MOST_SEGMENTS = 6
LONG_TEXT = 120
SPARE_ROWS, FEW_ROWS = 3, 8
TEMPLATES = {
    "text": "capture/text.html",
    "integer": "capture/number.html",
    "decimal": "capture/number.html",
    "date": "capture/moment.html",
    "datetime": "capture/moment.html",
    "time": "capture/moment.html",
    "partial_date": "capture/partial_date.html",
    "choices": "capture/checkboxes.html",
    "file": "capture/file.html",
}
FIRST_INPUT = {
    "capture/segments.html": "_0",
    "capture/checkboxes.html": "_0",
    "capture/partial_date.html": "-day",
    "capture/file.html": "-upload",
}
PART_NAMES = ("unit", "missing", "reason", "day", "month", "year", "offset")


class Parts(dict[str, Any]):
    """The typed texts of one item by part (`unit`, `missing`, `day`, …); the value itself is the part `""`."""


class AnswerWidget(forms.Widget):
    """The inputs of one item. In a cell of a table, a choice is a select and a partial date one text input."""

    def __init__(self, item: Item, *, clock: Clock, language: str, in_cell: bool = False) -> None:
        super().__init__()
        self.item, self.clock, self.language, self.in_cell = item, clock, language, in_cell
        self.template_name = self.shape = self._template()

    def _template(self) -> str:
        if self.in_cell and self.item.type == "partial_date":
            return "capture/moment.html"
        if self.item.type in ("choice", "yes_no"):
            segments = len(self.item.codes) <= MOST_SEGMENTS and not self.in_cell
            return "capture/segments.html" if segments else "capture/select.html"
        return TEMPLATES[self.item.type]

    @property
    def is_group(self) -> bool:
        """Return True if the item has several inputs under one legend."""
        return self.shape in FIRST_INPUT

    @property
    def first_suffix(self) -> str:
        """Return the suffix of the first input's id after the id of the item."""
        return FIRST_INPUT.get(self.shape, "")

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Parts:
        """Return the parts that were sent for this item."""
        parts = Parts({part: data.get(f"{name}-{part}") for part in PART_NAMES if f"{name}-{part}" in data})
        if name in data:
            parts[""] = data.getlist(name) if self.item.type == "choices" else data.get(name)
        return parts

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Return the context of the item type's template: parts, choices, units, city of the time zone."""
        parts = value if isinstance(value, Parts) else Parts()
        attrs = attrs or {}
        text = parts.get("", "")
        if self.in_cell and "missing" in parts:
            text = f"?{parts['missing']}" if self.shape == "capture/select.html" else parts["missing"]
        return {
            "name": name,
            "id": attrs.pop("id", f"id_{name}"),
            "attrs": {key: each for key, each in attrs.items() if each},
            "item": self.item,
            "parts": parts,
            "text": self._joined(parts) if self.in_cell and self.item.type == "partial_date" else text,
            "long": (self.item.max_length or LONG_TEXT + 1) > LONG_TEXT and not self.in_cell,
            "options": self._options(text),
            "unit": unit_words(self.item.unit, _) if self.item.unit else "",
            "units": self._units(parts),
            "converted": self._converted(parts),
            "label": self.item.label.in_language(self.language),
            "months": self._months(parts) if self.item.type == "partial_date" else (),
            "offsets": self._offsets(parts) if self.item.type == "datetime" else (),
            "place": self.clock.zone.rpartition("/")[2].replace("_", " "),
            "in_cell": self.in_cell,
            **(self._file(text) if self.item.type == "file" else {}),
        }

    def _file(self, text: str) -> dict[str, Any]:
        """Return the stored file and the kinds that may replace it; after a refusal the earlier file."""
        told = json.loads(text) if text.startswith("{") else None
        there = told["before"] if told and "refused" in told else told
        endings = {"pdf": (".pdf",), "jpeg": (".jpg", ".jpeg"), "png": (".png",)}
        return {
            "file": there,
            "file_words": file_words(there, self.language) if there else "",
            "kinds": ", ".join(KIND_WORDS[kind] for kind in self.item.kinds),
            "accept": ",".join(ending for kind in self.item.kinds for ending in endings[kind]),
        }

    def _joined(self, parts: Parts) -> str:
        if "year" not in parts:
            return str(parts.get("", "") or parts.get("missing", ""))
        month = parts.get("month") or ""
        words = month_text(int(month), self.language) if month.isdigit() else month
        return "-".join([parts.get("day") or "", words, parts["year"]])

    def _options(self, text: Any) -> list[tuple[str, str, bool]]:
        chosen = text if isinstance(text, list) else [text]
        options = [
            (code, code_words(code, self.item, self.language, _), code in chosen) for code in self.item.codes
        ]
        if self.shape == "capture/select.html" and self.in_cell:
            words = {f"?{code}": _(MISSING_WORDS[code]) for code in self.item.missing}
            options += [(code, label, code in chosen) for code, label in words.items()]
        return options

    def _units(self, parts: Parts) -> list[tuple[str, str, bool]]:
        """Return the units to choose from, the item's own first; none if the item has one unit only."""
        if not self.item.units:
            return []
        units = [self.item.unit or "", *(each.unit for each in self.item.units)]
        return [(unit, unit_words(unit, _) or unit, unit == parts.get("unit")) for unit in units]

    def _converted(self, parts: Parts) -> str:
        """Return the number in the item's own unit if it was typed in another, else an empty text."""
        if not self.item.units or parts.get("unit") in (None, "", self.item.unit):
            return ""
        try:
            answer = parsing.parse(
                {part: parts.get(part) or "" for part in ("", "unit")}, self.item, self.clock
            )
        except ValueRefused:
            return ""
        return converted_words(answer, self.item, self.language, _)

    def _months(self, parts: Parts) -> list[tuple[str, str, bool]]:
        chosen = (
            (parts.get("month") or "").zfill(2)
            if (parts.get("month") or "").isdigit()
            else parts.get("month")
        )
        months = [(f"{month:02}", month_text(month, self.language)) for month in range(1, 13)]
        return [(code, label, code == chosen) for code, label in [("UNK", "UNK"), *months]]

    def _offsets(self, parts: Parts) -> list[tuple[str, bool]]:
        """Return the two possible UTC offsets if the typed time is in the hour repeated when summer time ends."""
        try:
            parsing.parse({"": parts.get("") or ""}, self.item, self.clock)
        except AmbiguousTime as asked:
            return [(offset, offset == parts.get("offset")) for offset in asked.offsets]
        except ValueRefused:
            return []
        return []


class RowsWidget(AnswerWidget):
    """A table of repeating rows: the filled rows and some empty ones."""

    template = "capture/rows.html"

    def _template(self) -> str:
        return self.template

    @property
    def is_group(self) -> bool:
        """Return True: a table is one group of inputs."""
        return True

    @property
    def first_suffix(self) -> str:
        """Return the suffix of the first cell's id, which takes the focus."""
        return f"-0-{self.item.columns[0].name}"

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Parts:
        """Return every input of the table by name, and the missing code and reason of the whole table."""
        sent = {key: data.getlist(key) for key in data if key.startswith(f"{name}-")}
        return Parts(sent=sent, missing=data.get(f"{name}-missing"), reason=data.get(f"{name}-reason"))

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Return the context of the table: rows of rendered cells, each with its label and its findings."""
        parts = value if isinstance(value, Parts) else Parts()
        columns = [
            (
                column,
                headed(column.label.in_language(self.language), None if column.units else column.unit, _),
            )
            for column in self.item.columns
        ]
        rows = [self._row(name, number, parts, columns) for number in range(self._length(name, parts))]
        return {
            "name": name,
            "item": self.item,
            "label": self.item.label.in_language(self.language),
            "columns": [label for _column, label in columns],
            "rows": rows,
            "can_grow": (self.item.max_rows or len(rows) + 1) > len(rows),
            "controls": CONTROLS,
        }

    def _length(self, name: str, parts: Parts) -> int:
        sent = parts.get("sent", {})
        rows = {
            key.split("-")[1] for key, texts in sent.items() if self.growing or any(map(str.strip, texts))
        }
        shown = max(
            [len(parts.get("rows", ())), *(int(row) + 1 for row in rows if row.isdigit() and len(row) < 4)]
        )
        most = self.item.max_rows or shown + SPARE_ROWS
        return most if most <= FEW_ROWS else max(shown, min(most, shown + SPARE_ROWS))

    growing = False

    def _row(self, name: str, number: int, parts: Parts, columns: list[tuple[Item, str]]) -> dict[str, Any]:
        stored = parts["rows"][number] if number < len(parts.get("rows", ())) else {}
        cells = []
        for column, label in columns:
            path = f"{name}-{number}-{column.name}"
            field = AnswerField(column, clock=self.clock, language=self.language, in_cell=True)
            if "sent" in parts:
                answer = Parts(_parts_of(path, parts["sent"]))
            else:
                answer = field.prepare_value(stored.get(column.name))
            results = self.results.get(path, ())
            attrs = {
                "id": f"id_{path}",
                "aria-label": _("%(column)s, row %(row)s") % {"column": label, "row": number + 1},
                "aria-describedby": f"result-{path}",
                "aria-invalid": "true" if any(each.blocks for each in results) else None,
            }
            html = field.widget.render(path, answer, attrs)
            cells.append({"path": path, "html": html, "results": results, "reason": answer.get("reason")})
        sent = parts.get("sent", {})
        stated = sent.get(f"{name}-{number}-{ROW_ID}", [""])[-1]
        return {
            "number": number,
            "id": row_id(stored) or (stated if is_row_id(stated) else ""),
            "cells": cells,
            "removed": f"{name}-{number}-remove" in sent,
        }

    results: Mapping[str, Any] = {}


def _parts_of(path: str, sent: Mapping[str, list[str]]) -> dict[str, Any]:
    parts: dict[str, Any] = {
        part: sent[f"{path}-{part}"][-1] for part in PART_NAMES if f"{path}-{part}" in sent
    }
    if path in sent:
        parts[""] = sent[path] if len(sent[path]) > 1 else sent[path][0]
    return parts


class AnswerField(forms.Field):
    """An item as a form field: renders a stored value in its parts, a typed one unchanged; has no default (DAT-01)."""

    def __init__(
        self,
        item: Item,
        *,
        clock: Clock | None = None,
        language: str = "en",
        in_cell: bool = False,
        **kwargs: Any,
    ) -> None:
        self.item, self.clock, self.language = item, clock or Clock(), language
        kwargs.setdefault("label", item.label.in_language(language))
        kwargs.setdefault("help_text", item.help.in_language(language) if item.help else "")
        widget = RowsWidget if item.type == "rows" else AnswerWidget
        kwargs.setdefault("widget", widget(item, clock=self.clock, language=language, in_cell=in_cell))
        super().__init__(required=False, **kwargs)

    def prepare_value(self, value: Any) -> Parts:
        """Return the parts of a stored value; typed parts are returned as they are."""
        if isinstance(value, Parts):
            return value
        if isinstance(value, list) and self.item.type == "rows":
            return Parts(rows=value)
        return Parts(parsing.typed(value, self.item, self.language))
