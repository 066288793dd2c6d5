"""Reference ranges from a CSV file: all are stored or none, and every wrong line is reported with its number."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import User
from trials.laboratories.forms import FIELDS, RangeForm
from trials.laboratories.ranges import RangeFacts, RangeRefused, add_ranges, items_with_ranges
from trials.listing.lines import csv_lines
from trials.models import Laboratory, Trial

HEADER = ("item", *FIELDS[1:])
MOST_BYTES, MOST_LINES = 1_000_000, 5000
# A template line without any of these was not filled in.
FILLED = ("lower", "upper", "effective_from", "effective_to", "source")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One message about a line of the file, numbered as in a spreadsheet; `column` may be empty."""

    line: int
    column: str
    sentence: str


class FileRefused(Exception):
    """A file with mistakes; nothing of it is stored."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = mistakes
        super().__init__(f"{len(mistakes)} mistakes")


def import_ranges(*, laboratory: Laboratory, data: bytes, by: User | None) -> tuple[int, int]:
    """Store every range of a file. Return the numbers of stored and of blank lines. Raises FileRefused."""
    lines = list(_lines(data))
    filled = [(number, cells) for number, cells in lines if any(cells[name] for name in FILLED)]
    if not filled:
        raise FileRefused([Mistake(1, "", _("No line of the file gives a range: fill in the bounds."))])
    several, mistakes = list[tuple[int, RangeFacts]](), list[Mistake]()
    for number, cells in filled:
        form = RangeForm(
            {**cells, "path": cells["item"]},
            trial=laboratory.trial,
            comma_columns=_delimiter(data) == ",",
        )
        if form.is_valid():
            several.append((number, form.facts()))
        else:
            mistakes += _mistakes(number, form.errors)
    if mistakes:
        raise FileRefused(mistakes)
    try:
        made = add_ranges(laboratory=laboratory, several=[facts for _number, facts in several], by=by)
    except RangeRefused as refused:
        raise FileRefused(_mistakes(several[refused.place][0], refused.message_dict)) from refused
    return len(made), len(lines) - len(filled)


def template(trial: Trial) -> Iterator[str]:
    """Yield a CSV file to fill in: the header, and a line for each item with its unit."""
    items = items_with_ranges(trial.rules)
    blank = [""] * (len(HEADER) - 2)
    return csv_lines([list(HEADER), *([path, item.unit or "", *blank] for path, item in items.items())])


def _mistakes(line: int, errors: Mapping[str, Any]) -> list[Mistake]:
    names = {"path": "item", "__all__": ""}
    return [
        Mistake(line, names.get(name, name), str(sentence))
        for name, sentences in errors.items()
        for sentence in sentences
    ]


def _lines(data: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield number and cells of each line that is not blank. Raises FileRefused for an invalid file."""
    reader = csv.reader(io.StringIO(_text(data), newline=""), delimiter=_delimiter(data), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        _check_header(header)
        for cells in reader:
            if not any(map(str.strip, cells)):
                continue
            if len(cells) != len(header):
                parameters = {"found": len(cells), "expected": len(header)}
                sentence = _("This line has %(found)s columns instead of %(expected)s.") % parameters
                raise FileRefused([Mistake(reader.line_num, "", sentence)])
            if reader.line_num > MOST_LINES:
                sentence = _("A file has at most %(most)s lines: split it.") % {"most": MOST_LINES}
                raise FileRefused([Mistake(reader.line_num, "", sentence)])
            known = dict(zip(header, map(str.strip, cells), strict=True))
            yield reader.line_num, {name: known.get(name, "") for name in HEADER}
    except csv.Error as error:
        sentence = _("This line cannot be read as CSV: %(error)s.") % {"error": error}
        raise FileRefused([Mistake(reader.line_num, "", sentence)]) from error


def _check_header(header: list[str]) -> None:
    needed = {"item", "lower", "upper", "effective_from"}
    if needed - set(header) or set(header) - set(HEADER) or len(set(header)) != len(header):
        sentence = _("The first line must name the columns: %(columns)s.") % {"columns": ", ".join(HEADER)}
        raise FileRefused([Mistake(1, "", sentence)])


def _text(data: bytes) -> str:
    if len(data) > MOST_BYTES:
        raise FileRefused([Mistake(1, "", _("The file is larger than 1 MB: split it."))])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        sentence = _("The file is not UTF-8: save it as “CSV UTF-8” and choose it again.")
        raise FileRefused([Mistake(line, "", sentence)]) from error
    if "\0" in text:
        raise FileRefused([Mistake(1, "", _("This is not a text file: save the sheet as CSV."))])
    return text


def _delimiter(data: bytes) -> str:
    """Return the delimiter; spreadsheets in countries with decimal commas write semicolons."""
    first = data.split(b"\n", 1)[0]
    return ";" if first.count(b";") > first.count(b",") else ","
