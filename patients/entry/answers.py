"""Read the inputs of a submitted form into stored values (no Django: the inputs are a mapping of lists of text).

An input is named for its item, or for the item and a part: `weight`, `weight-unit`, `weight-missing`. The name of a
cell of repeating rows holds row and column: `vitals-0-sbp`; `vitals-0-_row` holds the id of the row, blank for a new
one. A value that a person mistyped is a `ValueRefused`; a name or code that no page of ours sends is a `NotOffered`,
because the request did not come from our page.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from patients.entry.controls import CONTROLS
from protocol.document.items import Form, Item, path
from protocol.values.parsing import Clock, NotOffered, Value, ValueRefused, is_answered, parse, typed, zone_of
from protocol.values.refusals import gettext_noop
from protocol.values.row_ids import ROW_ID, cells_of, is_row_id, new_row_id, row_id, rows_of

PARTS = frozenset({"", "unit", "missing", "reason", "day", "month", "year", "offset"})
CONFIRM, REMOVE = "confirm", "remove"
PLAIN = frozenset({"csrfmiddlewaretoken", "form_owner", "kept"})
MOST_ROWS = 200
LONGEST_REASON = 500
UNSTORABLE = gettext_noop("This text contains a character that cannot be stored: type it again.")

Posted = Mapping[str, list[str]]
Cells = dict[int, dict[str, dict[str, list[str]]]]


@dataclass(frozen=True, slots=True)
class Answers:
    """The stored values of a submitted form; refusals and confirmations by path (`sbp`, `vitals-0-sbp`).

    rows: by table, the id of each row by the number under which it was sent, rows to be removed included. Empty new
    rows are left out, so the numbers have gaps.
    """

    values: dict[str, Value] = field(default_factory=dict)
    refused: dict[str, ValueRefused] = field(default_factory=dict)
    confirmed: dict[str, str] = field(default_factory=dict)
    rows: dict[str, dict[int, str]] = field(default_factory=dict)

    @property
    def confirmations(self) -> dict[str, str]:
        """Return the reasons for unusual values by stored path."""
        return {self._stored_path(sent_path): reason for sent_path, reason in self.confirmed.items()}

    def _stored_path(self, path_sent: str) -> str:
        item, _dash, cell = path_sent.partition("-")
        row, _dash, column = cell.partition("-")
        known = self.rows.get(item, {})
        return path(item, known[int(row)], column) if column and int(row) in known else path_sent

    def sent_path(self, stored: str) -> str:
        """Return the path under which the value at a stored path was sent."""
        item, _dash, cell = stored.partition("-")
        row, _dash, column = cell.partition("-")
        number = self.sent_number(item, row)
        return stored if number is None or not column else path(item, number, column)

    def sent_number(self, item: str, row: str) -> int | None:
        """Return the number under which the row with this id was sent; None if it was not."""
        return next((number for number, known in self.rows.get(item, {}).items() if known == row), None)


@dataclass(slots=True)
class _SentItem:
    """The inputs of one item: its parts, or the cells of its rows. key: identifies the rendered page."""

    parts: dict[str, list[str]] = field(default_factory=dict)
    rows: Cells = field(default_factory=dict)
    removed: set[int] = field(default_factory=set)
    ids: dict[int, str] = field(default_factory=dict)
    key: str = ""

    @property
    def shown(self) -> dict[int, str]:
        """Return the ids that the page states, by row number; of two rows with one id only the first."""
        found: dict[int, str] = {}
        for number in sorted(self.ids):
            if is_row_id(self.ids[number]) and self.ids[number] not in found.values():
                found[number] = self.ids[number]
        return found


class ReadValues(dict[str, Value]):
    """The values that `read` returned. They were parsed for `form`, so a save does not check them again.

    fresh: the ids that `read` gave to rows sent without one. A save replaces any other id that is not stored.
    """

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.form = form
        self.fresh: set[str] = set()


def stored_rows(values: Mapping[str, Value]) -> dict[str, dict[int, str]]:
    """Return the `Answers.rows` of stored values, which a page shows in their order."""
    tables = {name: rows_of(value) for name, value in values.items()}
    return {name: dict(enumerate(map(row_id, rows))) for name, rows in tables.items() if rows}


def read(form: Form, posted: Posted, clock: Clock) -> Answers:
    """Read every item of the form. Raises NotOffered for an input, code or unit that the form does not offer.

    A row keeps the id that the page states. A row without one gets an id that follows from key and version of the page,
    so that a second click on the same page finds the row of the first.
    """
    answers = Answers(values=ReadValues(form))
    for name, sent_item in _sent_items(form, posted, answers).items():
        item = form.item(name)
        try:
            value = (
                _rows(item, sent_item, clock, answers)
                if item.type == "rows"
                else parse(sent_item.parts, item, clock)
            )
        except NotOffered:
            raise
        except ValueRefused as refused:
            answers.refused[name] = refused
            continue
        if is_answered(value):
            answers.values[name] = value
    return answers


def check(form: Form, values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the stored values without calculated items. Raises ValueRefused for one that its item does not accept."""
    checked_values = {}
    for name, value in values.items():
        if name not in form:
            raise NotOffered(gettext_noop("The form has no item “%(name)s”."), name=name)
        item = form.item(name)
        if not item.is_calculated and is_answered(value):
            _check(item, value)
            checked_values[name] = value
    return checked_values


def _check(item: Item, value: Value) -> None:
    if item.type == "rows" and isinstance(value, list):
        for row in value:
            _check_row(item, cells_of(row))
        return
    checked_item = _as_text(item) if item.type == "rows" else item
    try:
        read_again = parse(typed(value, checked_item), checked_item, Clock(zone_of(value)))
    except (AttributeError, KeyError, TypeError):
        # The wrong shape for `typed`, such as a number for a text item or a list for a single value.
        read_again = None
    if read_again != value:
        sentence = gettext_noop("“%(value)s” is not a stored value of %(item)s.")
        raise ValueRefused(sentence, value=value, item=item.name)


def _check_row(item: Item, row: Mapping[str, Value]) -> None:
    for name, cell in row.items():
        try:
            column = item.column(name)
        except KeyError:
            raise NotOffered(gettext_noop("The form has no item “%(name)s”."), name=name) from None
        if not column.is_calculated:
            _check(column, cell)


def _sent_items(form: Form, posted: Posted, answers: Answers) -> dict[str, _SentItem]:
    found: dict[str, _SentItem] = {}
    # The version is part of it: a page sent again after a later save cannot give its ids to other rows.
    sides = [posted.get(name, [""])[-1] for name in (CONTROLS.key, CONTROLS.version)]
    key = " ".join(sides) if sides[0] else ""
    for name, texts in posted.items():
        head, *rest = name.split("-")
        if head not in form:
            if name.startswith("_") or name in PLAIN:
                _refuse_unstorable(name, texts)
                continue
            raise NotOffered(gettext_noop("The form has no item “%(name)s”."), name=name)
        item = form.item(head)
        if item.is_calculated:
            raise NotOffered(gettext_noop("“%(name)s” is calculated and cannot be typed."), name=name)
        if rest and rest[-1] == CONFIRM:
            _confirm(item, name.removesuffix(f"-{CONFIRM}"), rest[:-1], texts, answers)
            continue
        _add_text(item, found.setdefault(head, _SentItem(key=key)), rest, texts)
    return found


def _refuse_unstorable(name: str, texts: list[str]) -> None:
    """Raise NotOffered for a NUL in an input that is not an answer: no page sends one, and no database stores it."""
    if any("\0" in text for text in (name, *texts)):
        raise NotOffered(UNSTORABLE)


def _confirm(item: Item, where: str, rest: list[str], texts: list[str], answers: Answers) -> None:
    if rest:
        _cell(item, rest)
    reason = texts[-1].strip()
    if "\0" in reason:
        answers.refused[where] = ValueRefused(UNSTORABLE)
    elif len(reason) > LONGEST_REASON:
        answers.refused[where] = ValueRefused(
            gettext_noop("Keep the reason under %(longest)s characters."), longest=500
        )
    elif reason:
        answers.confirmed[where] = reason


def _add_text(item: Item, sent_item: _SentItem, rest: list[str], texts: list[str]) -> None:
    if item.type != "rows":
        part = rest[0] if rest else ""
        if len(rest) > 1 or part not in PARTS:
            raise NotOffered(
                gettext_noop("The form has no item “%(name)s”."), name="-".join([item.name, *rest])
            )
        sent_item.parts[part] = texts
        return
    if len(rest) == 2 and rest[1] == REMOVE:
        sent_item.removed.add(_row(rest[0]))
        return
    if len(rest) == 2 and rest[1] == ROW_ID:
        sent_item.ids[_row(rest[0])] = texts[-1]
        return
    if len(rest) == 1 and rest[0] in ("missing", "reason"):
        sent_item.parts[rest[0]] = texts
        return
    row, column, part = _cell(item, rest)
    sent_item.rows.setdefault(row, {}).setdefault(column, {})[part] = texts


def _row(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19) or int(text) >= MOST_ROWS:
        raise NotOffered(gettext_noop("The form has no row “%(row)s”."), row=text)
    return int(text)


def _cell(item: Item, rest: list[str]) -> tuple[int, str, str]:
    known = {column.name for column in item.columns}
    if len(rest) not in (2, 3) or rest[1] not in known or (rest[2:] and rest[2] not in PARTS):
        raise NotOffered(gettext_noop("The form has no item “%(name)s”."), name="-".join([item.name, *rest]))
    return _row(rest[0]), rest[1], rest[2] if len(rest) == 3 else ""


def _rows(item: Item, sent_item: _SentItem, clock: Clock, answers: Answers) -> Value | None:
    """Return the filled rows in order, without rows that are empty or marked for removal; None if there are none.

    A refusal keeps the row number that was sent, so that the page shows it at that row.
    """
    found, ids = [], sent_item.shown
    refused_before = len(answers.refused)
    for number in sorted(sent_item.rows.keys() - sent_item.removed):
        refusals = len(answers.refused)
        cells = dict(_row_values(item, number, sent_item.rows[number], clock, answers))
        if number not in ids and (cells or len(answers.refused) > refusals):
            ids[number] = _new_id(item, number, sent_item, ids, answers)
        if cells:
            found.append({ROW_ID: ids[number], **cells})
    answers.rows[item.name] = ids
    if sent_item.parts:
        why = parse(sent_item.parts, _as_text(item), clock)
        if why is not None and (found or len(answers.refused) > refused_before):
            raise ValueRefused(gettext_noop("Give either the rows or why they are missing, not both."))
        if why is not None:
            return why
    if item.max_rows is not None and len(found) > item.max_rows:
        raise ValueRefused(gettext_noop("At most %(most)s rows are kept."), most=item.max_rows)
    return found or None


def _new_id(item: Item, number: int, sent: _SentItem, ids: Mapping[int, str], answers: Answers) -> str:
    seed = f"{sent.key} {item.name} {number}" if sent.key else ""
    made = new_row_id(seed, taken=ids.values())
    if isinstance(answers.values, ReadValues):
        answers.values.fresh.add(made)
    return made


def _as_text(item: Item) -> Item:
    return item.model_copy(update={"type": "text"})


def _row_values(
    item: Item, number: int, cells: Mapping[str, Any], clock: Clock, answers: Answers
) -> Iterator[tuple[str, Value]]:
    for column in item.columns:
        if column.name not in cells:
            continue
        try:
            value = parse(cells[column.name], column, clock)
        except NotOffered:
            raise
        except ValueRefused as refused:
            answers.refused[path(item.name, number, column.name)] = refused
            continue
        if is_answered(value):
            yield column.name, value
