"""The HTML of a form that is the same on every page of one protocol version in one language, rendered once.

Measured for a form of thirty items: rendering its templates on every page took 22 ms of CPU, filling their slots 1 ms.
"""

from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from accounts.markup import Markup, rendered, slot
from patients.entry.controls import CONTROLS
from patients.entry.fields import ItemInputs
from protocol.document.items import MOMENT_TYPES, Form, Item
from protocol.values.labels import code_words, headed
from protocol.values.parsing import display
from protocol.values.reference_ranges import is_laboratory
from trials.reader import reader_language

# The longest text field and the longest choices, in characters, that share a line with another field. A tick box
# counts as five characters.
SHORT, SHORT_CHOICE, BOX = 40, 20, 5
# Slots in the name of a cell: the number of its row, from 0 in names of inputs, from 1 in texts.
ROW, ROW_NUMBER = slot("row"), slot("row_number")


class FormMarkup:
    """The HTML of one form in one language; each field is rendered when it is first shown.

    city: of the site's time zone. has_links: fields link to their queries and history.
    """

    def __init__(self, form: Form, *, language: str, city: str, has_links: bool) -> None:
        self.form, self.language, self.city, self.has_links = form, language, city, has_links
        self.inputs = {
            item.name: ItemInputs(item, language=language) for item in form.items if not item.is_calculated
        }
        self._made: dict[str, Markup] = {}
        self._tables: dict[str, TableMarkup] = {}

    def of(self, name: str) -> Markup:
        """Return the markup of an item. Raises KeyError if the form has none of that name."""
        if name not in self._made:
            item = self.form.item(name)
            self._made[name] = self._calculated(item) if item.is_calculated else self._field(item)
        return self._made[name]

    def table(self, name: str) -> "TableMarkup":
        """Return the markup of the rows of a table."""
        if name not in self._tables:
            self._tables[name] = TableMarkup(self.form.item(name), self.language, self.city)
        return self._tables[name]

    def _calculated(self, item: Item) -> Markup:
        label = item.label.in_language(self.language)
        return rendered(
            "capture/calculated.html", {"name": item.name, "label": label, "is_wide": not item.is_numeric}
        )

    def _field(self, item: Item) -> Markup:
        return rendered("capture/field.html", self.field_context(item.name))

    def field_context(self, name: str) -> dict[str, Any]:
        """Return the context of an item's template."""
        inputs = self.inputs[name]
        item = inputs.item
        help_text = item.help.in_language(self.language) if item.help else ""
        has_reference = is_laboratory(self.form, item)
        described = [f"help-{name}"] if help_text else []
        described += [f"reference-{name}"] if has_reference else []
        own = self._table_context(item) if item.type == "rows" else inputs.context(name, self.city)
        return {
            **own,
            "template": inputs.template,
            "attrs": {"aria-describedby": " ".join([*described, f"result-{name}"])},
            "unit": "" if item.units else own.get("unit", ""),
            "help_text": help_text,
            "is_group": inputs.is_group,
            "is_wide": self._is_wide(inputs),
            "first_id": f"id_{name}{inputs.first_suffix}",
            "missing_codes": [
                (code, display({"missing": code}, item, self.language, _)) for code in item.missing
            ],
            "has_reference": has_reference,
            "can_be_soft": self.can_be_soft(item),
            "has_links": self.has_links,
        }

    def _table_context(self, item: Item) -> dict[str, Any]:
        label = item.label.in_language(self.language)
        columns = [column_label(column, self.language) for column in item.columns]
        return {"name": item.name, "item": item, "label": label, "columns": columns, "controls": CONTROLS}

    def _is_wide(self, inputs: ItemInputs) -> bool:
        """Return True if the field takes the whole width of the form."""
        item = inputs.item
        if item.type in ("choice", "yes_no") and inputs.is_group:
            labels = [code_words(code, item, self.language, _) for code in item.codes]
            return sum(len(label) + BOX for label in labels) > SHORT_CHOICE
        short = item.type in ("integer", "decimal", "date", "time", "choice")
        return inputs.is_group or not (short or (item.max_length or 200) <= SHORT)

    def can_be_soft(self, item: Item) -> bool:
        """Return True if a value of the item may be unlikely, so that it needs an input for the reason.

        A soft limit or soft check applies to it, or it is a date, which may come after the death.
        """
        has_check = any(check.severity == "soft" for check in self.form.checks_on(item.name))
        return item.soft is not None or has_check or item.type in MOMENT_TYPES

    @cached_property
    def live(self) -> Markup:
        """Return the answer to a check of typed values: the places of texts at the fields, to be swapped."""
        items = self.form.items
        return rendered(
            "capture/live.html",
            {
                "names": [item.name for item in items],
                "references": [
                    item.name for item in items if is_laboratory(self.form, item) and not item.is_calculated
                ],
                "calculated": [item.name for item in items if item.is_calculated],
            },
        )


class TableMarkup:
    """The HTML of a row of a table and of its cells."""

    def __init__(self, item: Item, language: str, city: str) -> None:
        self.columns = {
            column.name: ItemInputs(column, language=language, in_cell=True) for column in item.columns
        }
        self.row = rendered(
            "capture/row.html",
            {"row": f"{item.name}-{ROW}", "number": ROW_NUMBER, "columns": list(self.columns)},
        )
        self.cells = {
            name: self._cell(f"{item.name}-{ROW}-{name}", inputs, language, city)
            for name, inputs in self.columns.items()
        }

    @staticmethod
    def _cell(path: str, inputs: ItemInputs, language: str, city: str) -> Markup:
        label = column_label(inputs.item, language)
        words = _("%(column)s, row %(row)s") % {"column": label, "row": ROW_NUMBER}
        attrs = {"aria-label": words, "aria-describedby": f"result-{path}"}
        return rendered("capture/cell.html", {**inputs.context(path, city), "attrs": attrs})


def column_label(column: Item, language: str) -> str:
    """Return the heading of a column, with its unit unless there are several to choose from."""
    return headed(column.label.in_language(language), None if column.units else column.unit, _)


_MOST_MADE = 128
_made: dict[tuple[Any, ...], FormMarkup] = {}


def markup_of(form: Form, *, language: str, zone: str, has_links: bool) -> FormMarkup:
    """Return the markup of a form, the same object for the same form. Cached per process, 128 forms.

    Keyed by the identity of the form: Python reuses the id of a freed object, so each entry keeps its form.
    """
    key = (id(form), language, reader_language(), zone, has_links)
    known = _made.get(key)
    if known is None:
        while len(_made) >= _MOST_MADE:
            _made.pop(next(iter(_made)), None)
        city = zone.rpartition("/")[2].replace("_", " ")
        known = _made[key] = FormMarkup(form, language=language, city=city, has_links=has_links)
    return known
