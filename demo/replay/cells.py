"""The cells of one line, read into days, numbers and codes; whatever cannot be read becomes a mistake of its column."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from demo.replay.courses import FormAnswers, TableMistakes
from demo.replay.headings import ItemColumn
from demo.replay.tables import TableMistake, TableRow
from demo.replay.times import NUMBERED, YEAR, CellRefused, StudyDays
from patients.entry import answers
from protocol.document.document import Protocol
from protocol.document.items import MOMENT_TYPES, Item
from protocol.values.parsing import ValueRefused

SEPARATOR, LANGUAGE = ";", "en"
YES_NO = ("Y", "N")


class Cells:
    """The cells of one line. constants: by column, what is stated for every line whose cell is blank."""

    def __init__(
        self,
        row: TableRow,
        constants: Mapping[str, str],
        days: StudyDays,
        mistakes: TableMistakes,
        prefix: str = "",
    ) -> None:
        self.row, self.constants, self.days, self.mistakes = row, constants, days, mistakes
        self.prefix = prefix

    def text(self, column: str) -> str:
        """Return the text of a cell, else what is stated for all; empty if the file does not say."""
        return self.row.cells.get(column, "") or self.constants.get(self.prefix + column, "")

    def stated(self, column: str) -> str:
        """Return the text of a cell that every line needs; note a mistake if it is blank."""
        found = self.text(column)
        if not found:
            hint = f"or state it for every line: --set {self.prefix}{column}=…"
            if column not in self.row.cells:
                self.mistakes.add(
                    TableMistake(self.row.file, 1, column, f"The column is missing: add it, {hint}")
                )
            else:
                self.refuse(column, f"Fill the cell, {hint}")
        return found

    def refuse(self, column: str, sentence: str) -> None:
        """Note a mistake of a column."""
        self.mistakes.add(self.row.mistake(column, sentence))

    def day(self, column: str, *, days: StudyDays | None = None) -> date | None:
        """Return the day of a cell, None if it is blank or refused."""
        found: date | None = self._read(column, (days or self.days).day)
        return found

    def minute(self, column: str, *, days: StudyDays | None = None) -> Any:
        """Return the minute of a cell, None if it is blank or refused."""
        return self._read(column, (days or self.days).minute)

    def moment(self, column: str) -> Any:
        """Return the moment of a cell in the precision given, None if it is blank or refused."""
        return self._read(column, self.days.moment)

    def number(self, column: str, *, whole: bool = False) -> Decimal | None:
        """Return the number of a cell, None if it is blank or refused."""
        text = self.text(column)
        try:
            found = Decimal(text) if text else None
        except InvalidOperation:
            found = Decimal("NaN")
        if found is not None and (not found.is_finite() or (whole and found != int(found))):
            kind = "a whole number" if whole else "a number with a decimal point"
            self.refuse(column, f"“{text}” is not read: allowed is {kind}.")
            return None
        return found

    def code(self, column: str, allowed: Collection[str]) -> str:
        """Return the code of a cell, empty if it is blank or refused."""
        text = self.text(column)
        if text and text not in allowed:
            self.refuse(column, f"“{text}” is not offered: allowed is {', '.join(allowed)}.")
            return ""
        return text

    def codes(self, column: str, allowed: Collection[str]) -> frozenset[str]:
        """Return the codes of a cell, separated by semicolons; none if it is blank or one is refused."""
        found = [each.strip() for each in self.text(column).split(SEPARATOR) if each.strip()]
        for each in found:
            if each not in allowed:
                self.refuse(column, f"“{each}” is not offered: allowed is {', '.join(allowed)}.")
                return frozenset()
        return frozenset(found)

    def _read(self, column: str, read: Any) -> Any:
        text = self.text(column)
        try:
            return read(text) if text else None
        except CellRefused as refused:
            self.refuse(column, str(refused))
            return None

    def forms(self, headings: Iterable[ItemColumn], rules: Protocol) -> list[FormAnswers]:
        """Return the answers of the forms of which a cell is filled. An unreadable answer is a mistake."""
        by_form: dict[str, dict[str, dict[str, ItemColumn]]] = {}
        for heading in headings:
            if self.text(heading.column):
                by_form.setdefault(heading.form, {}).setdefault(heading.item, {})[heading.sent] = heading
        return [self._form(code, items, rules) for code, items in by_form.items()]

    def _form(self, code: str, items: Mapping[str, Mapping[str, ItemColumn]], rules: Protocol) -> FormAnswers:
        form, clock = rules.form(code), answers.Clock(rules.trial.site.time_zone, language=LANGUAGE)
        values: dict[str, Any] = {}
        for name, sent in items.items():
            item = form.item(name)
            columns = {each: heading.column for each, heading in sent.items()}
            try:
                posted = {each: self._typed(item, each, columns[each]) for each in sent}
                read = answers.read(form, posted, clock)
            except (CellRefused, ValueRefused) as refused:
                self.refuse(next(iter(columns.values())), f"{refused}{allowed_words(item)}")
                continue
            for path, refusal in read.refused.items():
                self.refuse(_column_of(path, columns), f"{refusal.sentence()}{allowed_words(item)}")
            values |= read.values
        first = {name: next(iter(sent.values())).column for name, sent in items.items()}
        return FormAnswers(code, self.row, values, first)

    def _typed(self, item: Item, sent: str, column: str) -> list[str]:
        """Return a cell as it would be typed: several codes apart, and the number of a study day as its date."""
        text, (_name, *rest) = self.text(column), sent.split("-")
        if item.type == "rows" and len(rest) > 1:
            item = item.column(rest[1])
            rest = rest[2:]
        if rest:
            return [text]
        if item.type == "choices":
            return [each.strip() for each in text.split(SEPARATOR) if each.strip()]
        if item.type in MOMENT_TYPES and NUMBERED.fullmatch(text) and not YEAR.fullmatch(text):
            words = self.days.moment(text).display(LANGUAGE)
            return [f"{words} UNK" if item.type == "datetime" and " " not in words else words]
        return [text]


def _column_of(path: str, columns: Mapping[str, str]) -> str:
    """Return the column of a path of refused input, such as `weight` or `vitals-0-sbp`."""
    found = (column for sent, column in columns.items() if sent == path or sent.startswith(f"{path}-"))
    return next(found, next(iter(columns.values())))


def allowed_words(item: Item) -> str:
    """Return what an item allows, as the end of a sentence; empty if its refusal says it."""
    if item.codes:
        # With the mark that tells a missing code from a code of the list: without it the cell is refused.
        missing = [f"?{code}" for code in item.missing]
        return f" Allowed: {', '.join([*item.codes, *missing])}."
    if item.hard is not None:
        return f" Allowed: {item.hard.lowest} to {item.hard.highest}{' ' + item.unit if item.unit else ''}."
    return ""
