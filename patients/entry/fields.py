"""The inputs of one item: the template that its type needs, and the slots that a stored or typed value fills.

The parts of an input are value, unit, missing code, day, month, …; `protocol.values.parsing` interprets them.
Templates: templates/capture/.
"""

import json
from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from django.http import QueryDict
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _

from protocol.document.items import Item
from protocol.values import parsing
from protocol.values.file_kinds import KIND_WORDS
from protocol.values.labels import MISSING_WORDS, code_words, converted_words, file_words, unit_words
from protocol.values.moments import AmbiguousTime
from protocol.values.months import month_text
from protocol.values.parsing import Clock, Value, ValueRefused

MOST_SEGMENTS = 6
LONG_TEXT = 120
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
    "rows": "capture/rows.html",
}
FIRST_INPUT = {
    "capture/segments.html": "_0",
    "capture/checkboxes.html": "_0",
    "capture/partial_date.html": "-day",
    "capture/file.html": "-upload",
}
PART_NAMES = ("unit", "missing", "reason", "day", "month", "year", "offset")
MONTHS = tuple(f"{month:02}" for month in range(1, 13))
FILE_ENDINGS = {"pdf": (".pdf",), "jpeg": (".jpg", ".jpeg"), "png": (".png",)}
# Attributes of the inputs, as safe HTML.
SELECTED, CHECKED, HIDDEN, OPEN = map(mark_safe, (" selected", " checked", " hidden", " open"))
NEEDED = mark_safe(' aria-required="true"')
INVALID_SLOTS = {"invalid": mark_safe(' aria-invalid="true"'), "invalid_class": " is-invalid"}

Slots = dict[str, Any]


class Parts(dict[str, Any]):
    """The texts in the inputs of one item by part (`unit`, `missing`, `day`, …); the value itself is the part `""`."""


def stored_parts(value: Value | None, item: Item, language: str) -> Parts:
    """Return the texts that the inputs of an item show for a stored value."""
    return Parts(parsing.typed(value, item, language))


def typed_parts(inputs: QueryDict, path: str, *, several: bool = False) -> Parts:
    """Return the texts that were typed in the inputs of one item or cell. several: the item takes several codes."""
    parts = Parts({part: text for part in PART_NAMES if (text := inputs.get(f"{path}-{part}")) is not None})
    if path in inputs:
        parts[""] = inputs.getlist(path) if several else inputs.get(path)
    return parts


class ItemInputs:
    """The inputs of one item. In a cell of a table, a choice is a select and a partial date one text input."""

    def __init__(self, item: Item, *, language: str, in_cell: bool = False) -> None:
        self.item, self.language, self.in_cell = item, language, in_cell
        self.template = self._template()
        self.codes = frozenset(code for code, _label in self.options())

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
        return self.item.type == "rows" or self.template in FIRST_INPUT

    @property
    def takes_marks(self) -> bool:
        """Return True if the inputs are marked as invalid or required; boxes to tick are not."""
        return self.template not in ("capture/segments.html", "capture/checkboxes.html")

    @property
    def first_suffix(self) -> str:
        """Return the suffix of the first input's id after the id of the item."""
        if self.item.type == "rows":
            return f"-0-{self.item.columns[0].name}"
        return FIRST_INPUT.get(self.template, "")

    def context(self, name: str, city: str) -> dict[str, Any]:
        """Return the context of the template: name, label, choices and units. city: that of the site's time zone."""
        return {
            "name": name,
            "id": f"id_{name}",
            "item": self.item,
            "template": self.template,
            "label": self.item.label.in_language(self.language),
            "long": (self.item.max_length or LONG_TEXT + 1) > LONG_TEXT and not self.in_cell,
            "options": self.options(),
            "unit": unit_words(self.item.unit, _) if self.item.unit else "",
            "units": [(unit, unit_words(unit, _) or unit, self.full_in(unit)) for unit in self.units],
            "months": [("UNK", "UNK"), *((code, month_text(int(code), self.language)) for code in MONTHS)],
            "place": city,
            "in_cell": self.in_cell,
            "full": self.full,
        }

    def options(self) -> list[tuple[str, str]]:
        """Return the choices, code and label; the select of a cell also offers the missing codes, as `?ND`."""
        found = [(code, code_words(code, self.item, self.language, _)) for code in self.item.codes]
        if self.template == "capture/select.html" and self.in_cell:
            found += [(f"?{code}", _(MISSING_WORDS[code])) for code in self.item.missing]
        return found

    @property
    def full(self) -> str:
        """Return `full_in` of a number without a choice of units; beside a choice each unit has its own."""
        return "" if self.item.units else self.full_in("")

    def full_in(self, unit: str) -> str:
        """Return lowest and highest value and the number of decimals, by which the page knows a number without room.

        unit: the one in which the number is typed, the item's own if empty. Empty without limits or a fixed number of
        decimals.
        """
        item = self.item
        if not item.is_numeric or item.hard is None or item.decimal_places is None:
            return ""
        if unit in ("", item.unit):
            return f"{item.hard.lowest:f} {item.hard.highest:f} {item.decimal_places}"
        other, places = item.alternative(unit), item.decimals_in(unit)
        step = Decimal(1).scaleb(-(places or 0))
        lowest, highest = ((limit - other.offset) / other.factor for limit in item.hard)
        within = lowest.quantize(step, ROUND_CEILING), highest.quantize(step, ROUND_FLOOR)
        return f"{within[0]:f} {within[1]:f} {places}"

    @property
    def units(self) -> tuple[str, ...]:
        """Return the units to choose from, the item's own first; empty if the item has one unit only."""
        return (self.item.unit or "", *(each.unit for each in self.item.units)) if self.item.units else ()

    def slots(self, parts: Parts, name: str, clock: Clock) -> Slots:
        """Return the slots that the texts in the inputs fill."""
        if self.template == "capture/partial_date.html":
            return self._date_slots(parts)
        text = self._text(parts)
        if self.item.codes:
            mark = SELECTED if self.template == "capture/select.html" else CHECKED
            chosen = text if isinstance(text, list) else [text]
            return {f"option:{code}": mark for code in chosen if code in self.codes}
        found: Slots = {"value": text} if text else {}
        if self.item.units:
            found |= self._unit_slots(parts, clock)
        if self.item.type == "datetime" and (offset := self._offset(parts, name, clock)):
            found["offset"] = offset
        return found

    def _text(self, parts: Parts) -> Any:
        if not self.in_cell:
            return parts.get("", "")
        if self.item.type == "partial_date":
            return self._joined(parts)
        if "missing" in parts:
            select = self.template == "capture/select.html"
            return f"?{parts['missing']}" if select else parts["missing"]
        return parts.get("", "")

    def _joined(self, parts: Parts) -> str:
        if "year" not in parts:
            return str(parts.get("", "") or parts.get("missing", ""))
        month = parts.get("month") or ""
        words = month_text(int(month), self.language) if month.isdigit() else month
        return "-".join([parts.get("day") or "", words, parts["year"]])

    def _date_slots(self, parts: Parts) -> Slots:
        found = {part: parts[part] for part in ("day", "year") if parts.get(part)}
        month = parts.get("month") or ""
        code = month.zfill(2) if month.isdigit() else month
        return found | ({f"month:{code}": SELECTED} if code == "UNK" or code in MONTHS else {})

    def _unit_slots(self, parts: Parts, clock: Clock) -> Slots:
        unit = parts.get("unit")
        found: Slots = {f"unit:{unit}": SELECTED} if unit in self.units else {}
        if unit and unit != self.item.unit and (words := self._converted(parts, clock)):
            found["converted"] = f"= {words}"
        return found

    def _converted(self, parts: Parts, clock: Clock) -> str:
        """Return the number in the item's own unit if it was typed in another, else an empty text."""
        try:
            answer = parsing.parse({part: parts.get(part) or "" for part in ("", "unit")}, self.item, clock)
        except ValueRefused:
            return ""
        return converted_words(answer, self.item, self.language, _)

    def _offset(self, parts: Parts, name: str, clock: Clock) -> str | None:
        """Return the choice of the UTC offset of a time in the hour repeated when summer time ends, else None."""
        stored = parts.get("offset")
        offsets = [(each, each == stored) for each in self._offsets(parts, clock)]
        if not offsets and not stored:
            return None
        return render_to_string("capture/offset.html", {"name": name, "offsets": offsets, "stored": stored})

    def _offsets(self, parts: Parts, clock: Clock) -> Iterable[str]:
        try:
            parsing.parse({"": parts.get("") or ""}, self.item, clock)
        except AmbiguousTime as asked:
            return asked.offsets
        except ValueRefused:
            return ()
        return ()

    def attached(self, text: str, context: Mapping[str, Any]) -> str:
        """Return the attached file and the input for another. text: the stored file as JSON, or a refused one."""
        stored = json.loads(text) if text.startswith("{") else None
        there = stored["before"] if stored and "refused" in stored else stored
        kinds = self.item.kinds
        return render_to_string(
            "capture/attached.html",
            {
                **context,
                "file": there,
                "file_words": file_words(there, self.language) if there else "",
                "kinds": ", ".join(KIND_WORDS[kind] for kind in kinds),
                "accept": ",".join(ending for kind in kinds for ending in FILE_ENDINGS[kind]),
            },
        )
