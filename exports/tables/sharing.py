"""The tables of an export that is de-identified for sharing.

Every date of a patient is moved by the same whole number of weeks, so that weekdays stay, and the days between two
dates. The number, the new subject code and new keys of rows follow from the secret key of the installation
(HMAC-SHA256): two shared copies of a trial agree, nothing is stored, and only who has that key can go back.
"""

import base64
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final

from django.utils.crypto import salted_hmac

from exports.tables.columns import StudyTable, TableColumn
from exports.tables.forms import FOLDER
from protocol.checking.dictionary import MISSING_PARTS
from trials.models import Trial

SALT: Final = "stroma de-identification"
MOST_WEEKS: Final = 104
OLDEST: Final = 89
SUBJECT: Final = "patient"
DICTIONARY: Final = "data_dictionary"
# Tables with a subject code that tell who did what when, or what people wrote to each other.
NEVER: Final = frozenset({"audit_trail", "signatures", "verification", "product_marks", "product_queries",
                          "product_query_messages", "unblindings", "instructions"})  # fmt: skip
# Times at which something happened to the patient. Every other instant is that of an entry, a decision or a signature.
CLINICAL_INSTANTS: Final = frozenset({"at", "collected_at", "window_opens_at", "window_closes_at"})
PRECISION: Final = "__precision"
PARTIAL_DAYS: Final = frozenset({"occurred_on"})
FULL_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d(?=$|[T ])")
PARTIAL_DATE: Final = re.compile(r"\d{4}(-\d\d)?$")
Cell = Callable[[Any, int], Any]


class Pseudonyms:
    """New subject codes, keys and shifts of one trial. `codes` are its subject codes. One query."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        codes = list(trial.patients.order_by("number").values_list("code", flat=True))
        self.codes = {code: self._code(code) for code in codes}
        self.weeks = {code: weeks_of(self._digest("weeks", code)) for code in codes}
        longest_first = sorted(codes, key=len, reverse=True)
        self._named = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def _digest(self, *parts: object) -> bytes:
        return salted_hmac(SALT, "\0".join(map(str, (self.trial.slug, *parts))), algorithm="sha256").digest()

    def _code(self, code: str) -> str:
        return "S-" + base64.b32encode(self._digest("code", code))[:10].decode()

    def key(self, number: Any) -> Any:
        """Return another number for the key of a row: the keys as stored tell the order in which patients came."""
        return number if number in (None, "") else int.from_bytes(self._digest("row", number)[:6])

    def named(self, text: str) -> str:
        """Return a text in which every subject code is the new one."""
        return self._named.sub(lambda found: self.codes[found.group()], text)


def weeks_of(digest: bytes) -> int:
    """Return how many weeks the dates of a patient move: back by 1 to 104."""
    return -1 - int.from_bytes(digest[:8]) % MOST_WEEKS


def moved(value: Any, weeks: int) -> Any:
    """Return a cell with its date moved; anything else as it is. A time of day stays."""
    if isinstance(value, date):
        return value + timedelta(weeks=weeks)
    if isinstance(value, str) and FULL_DATE.match(value):
        day = date.fromisoformat(value[:10]) + timedelta(weeks=weeks)
        return day.isoformat() + value[10:]
    return value


def moved_partial(value: Any, weeks: int) -> Any:
    """Return a date that may be a month or a year, moved: of a month its 15th moves, of a year the first of July."""
    if not isinstance(value, str) or not PARTIAL_DATE.match(value):
        return moved(value, weeks)
    middle = date(int(value[:4]), int(value[5:7]), 15) if len(value) > 4 else date(int(value), 7, 1)
    return (middle + timedelta(weeks=weeks)).isoformat()[: len(value)]


def grouped_age(value: Any, _weeks: int = 0) -> Any:
    """Return an age in years, 90 for every age over 89."""
    text = str(value)
    return str(OLDEST + 1) if text.isdecimal() and int(text) > OLDEST else value


def shared_tables(trial: Trial, tables: Iterator[StudyTable], *, free_text: bool) -> Iterator[StudyTable]:
    """Yield the tables that are shared, de-identified, and a dictionary of what is left.

    Only tables with a subject code are. Each is held in memory, to be ordered by the new codes: the order of the old
    ones is that of inclusion.
    """
    names = Pseudonyms(trial)
    ages = {each.rules.profile.age for each in trial.versions.all() if each.rules.profile.age}
    left = dict[str, set[str]]()
    for table in tables:
        if table.name == DICTIONARY:
            yield replace(table, rows=_described(table, left))
        elif SUBJECT in table.header and table.name not in NEVER:
            kept = [column for column in table.columns if _is_kept(table.name, column, free_text)]
            left[table.name] = {column.name for column in kept}
            yield _shared(table, kept, names, ages)


def _is_kept(table: str, column: TableColumn, free_text: bool) -> bool:
    if column.kind == "instant" and not column.name.endswith("__utc"):
        return column.name in CLINICAL_INSTANTS
    return free_text or not column.free_text


def _shared(table: StudyTable, kept: list[TableColumn], names: Pseudonyms, ages: set[str]) -> StudyTable:
    header = table.header
    subject = header.index(SUBJECT)
    cells = [(header.index(column.name), _cell(table, column, names, ages)) for column in kept]

    def rows() -> Iterator[Sequence[Any]]:
        # A row of the chain that belongs to no patient is left out with its dates.
        of_patients = (row for row in table.rows() if row[subject] in names.codes)
        for row in sorted(of_patients, key=lambda row: names.codes[row[subject]]):
            weeks = names.weeks[row[subject]]
            yield [cell(row[index], weeks) for index, cell in cells]

    escaped = tuple(name for name in table.escaped if name in {column.name for column in kept})
    return replace(table, columns=tuple(kept), rows=rows, escaped=escaped)


def _cell(table: StudyTable, column: TableColumn, names: Pseudonyms, ages: set[str]) -> Cell:
    """Return the function that de-identifies the cells of a column."""
    if table.name.startswith(FOLDER):
        path = f"{table.name.removeprefix(FOLDER)}.{column.name}"
        item, _dash, part = path.partition("__")
        if item in ages:
            return grouped_age if not part else _missing_part(part)
    if column.kind == "integer" and (column.source == "id" or column.source.endswith("_id")):
        return lambda value, weeks: names.key(value)
    if column.kind in ("integer", "decimal", "flag"):
        return lambda value, weeks: value
    partial = f"{column.name}{PRECISION}" in table.header or column.name in PARTIAL_DAYS
    move = moved_partial if partial else moved

    def cell(value: Any, weeks: int) -> Any:
        shifted = move(value, weeks)
        return names.named(shifted) if isinstance(shifted, str) else shifted

    return cell


def _missing_part(part: str) -> Cell:
    """Return the cells beside an age: the missing code stays, what was typed goes."""
    return (lambda value, weeks: value) if part in MISSING_PARTS else (lambda value, weeks: "")


def _described(table: StudyTable, left: dict[str, set[str]]) -> Callable[[], Iterator[Sequence[Any]]]:
    """Return the rows of the dictionary for the columns that are left."""
    name, columns = table.header.index("table"), table.header.index("columns")

    def rows() -> Iterator[Sequence[Any]]:
        of_forms = {each for known, found in left.items() if known.startswith(FOLDER) for each in found}
        for row in table.rows():
            known = of_forms if row[name] == f"{FOLDER}*" else left.get(row[name], set())
            if found := [each for each in row[columns].split() if each in known]:
                yield [*row[:columns], " ".join(found), *row[columns + 1 :]]

    return rows
