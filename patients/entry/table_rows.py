"""The rows of a table on a page: the filled ones and some empty ones, each cell with its value and messages."""

from collections.abc import Mapping

from django.http import QueryDict
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.markup import joined
from patients.entry.fields import CHECKED, INVALID_SLOTS, Parts, Slots, stored_parts, typed_parts
from patients.entry.form_page.field_context import Result, sentences_html
from patients.entry.form_page.form_markup import TableMarkup
from protocol.document.items import Item
from protocol.values.parsing import Clock, Value
from protocol.values.row_ids import ROW_ID, is_row_id, row_id

SPARE_ROWS, FEW_ROWS = 3, 8


class TableRows:
    """The rows of one table. stored: its rows, or its missing code. grows: empty rows that were sent stay."""

    def __init__(
        self,
        item: Item,
        markup: TableMarkup,
        *,
        stored: Value | None,
        inputs: QueryDict | None,
        clock: Clock,
        language: str,
        results: Mapping[str, tuple[Result, ...]],
        grows: bool,
    ) -> None:
        self.item, self.markup, self.inputs = item, markup, inputs
        self.clock, self.language, self.results, self.grows = clock, language, results, grows
        self.rows = stored if isinstance(stored, list) and inputs is None else []
        self.parts = Parts(stored) if inputs is None and isinstance(stored, Mapping) else Parts()
        if inputs is not None:
            self.parts = Parts({part: inputs.get(f"{item.name}-{part}") for part in ("missing", "reason")})

    def slots(self) -> Slots:
        """Return the slots of the table: its rows, and no button for another row if it has as many as it may."""
        length = self._length()
        found: Slots = {"rows": joined(self._row(number) for number in range(length))}
        return found if (self.item.max_rows or length + 1) > length else found | {"add": ""}

    def _length(self) -> int:
        """Return the number of rows to show."""
        begin = f"{self.item.name}-"
        sent = [key for key in self.inputs or () if key.startswith(begin)]
        filled = [key for key in sent if self.grows or any(map(str.strip, self.inputs.getlist(key)))]  # type: ignore[union-attr]
        numbers = {key.split("-")[1] for key in filled}
        last = max((int(row) + 1 for row in numbers if row.isdigit() and len(row) < 4), default=0)
        shown = max(len(self.rows), last)
        most = self.item.max_rows or shown + SPARE_ROWS
        return most if most <= FEW_ROWS else max(shown, min(most, shown + SPARE_ROWS))

    def _row(self, number: int) -> SafeString:
        filled: Slots = {"row": number, "row_number": number + 1, "id": self._id(number)}
        if self.inputs is not None and f"{self.item.name}-{number}-remove" in self.inputs:
            filled["removed"] = CHECKED
        cells = {f"cell:{name}": self._cell(number, name) for name in self.markup.columns}
        return self.markup.row.fill(filled | cells)

    def _id(self, number: int) -> str:
        """Return the id that the row states when it is sent; empty for a new row."""
        if self.inputs is None:
            return row_id(self.rows[number]) if number < len(self.rows) else ""
        stated: str = self.inputs.get(f"{self.item.name}-{number}-{ROW_ID}", "")
        return stated if is_row_id(stated) else ""

    def _cell(self, number: int, column: str) -> SafeString:
        inputs, path = self.markup.columns[column], f"{self.item.name}-{number}-{column}"
        if self.inputs is not None:
            parts = typed_parts(self.inputs, path, several=inputs.item.type == "choices")
        else:
            stored = self.rows[number].get(column) if number < len(self.rows) else None
            parts = stored_parts(stored, inputs.item, self.language)
        filled: Slots = {"row": number}
        if results := self.results.get(path, ()):
            filled["results"] = sentences_html(results)
        if inputs.takes_marks:
            filled["row_number"] = number + 1
            filled |= INVALID_SLOTS if any(each.blocks for each in results) else {}
        if reason := parts.get("reason"):
            filled["reason"] = format_html('<input type="hidden" name="{}-reason" value="{}">', path, reason)
        return self.markup.cells[column].fill(filled | inputs.slots(parts, path, self.clock))
