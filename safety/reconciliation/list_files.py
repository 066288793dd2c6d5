"""Read the sponsor's safety list from a CSV file: one line for each serious event. No Django models.

Only the columns named here are kept. A column of the treatment in the file is read by nobody and stored nowhere.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from protocol.values.moments import Moment, parse_moment
from protocol.values.refusals import ValueRefused, gettext_noop

MOST_BYTES: Final = 1_000_000
MOST_LINES: Final = 5000
NEEDED: Final = ("subject", "term", "onset")
# The names of a column that the safety databases use, in lower case, blanks and hyphens as underscores.
NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "subject": ("subject", "subject_id", "patient", "patient_id", "usubjid", "subjid"),
    "term": ("term", "event", "reported_term", "verbatim", "aeterm"),
    "onset": ("onset", "onset_date", "start", "start_date", "aestdtc"),
    "end": ("end", "end_date", "aeendtc"),
    "serious": ("serious", "aeser"),
    "grade": ("grade", "ctcae_grade", "aetoxgr"),
    "related": ("related", "causality", "aerel"),
    "outcome": ("outcome", "aeout"),
}
# As the refusal names them: a tabulator is written as its name.
DELIMITERS: Final[Mapping[str, str]] = {",": ",", ";": ";", "\t": "TAB"}
YES, NO = ("y", "yes", "true", "1", "related"), ("n", "no", "false", "0", "not related", "unrelated")
OUTCOMES: Final[Mapping[str, str]] = {
    "recovered": "recovered", "resolved": "recovered", "recovering": "recovering", "resolving": "recovering",
    "sequelae": "sequelae", "recovered with sequelae": "sequelae", "not recovered": "not_recovered",
    "not_recovered": "not_recovered", "not resolved": "not_recovered", "ongoing": "not_recovered", "fatal": "fatal",
    "unknown": "unknown",
}  # fmt: skip


class ListRefused(Exception):
    """A file that is not stored: each mistake with its line, 0 for the whole file."""

    def __init__(self, *mistakes: tuple[int, ValueRefused]) -> None:
        self.mistakes = mistakes
        super().__init__(f"{len(mistakes)} mistakes")


@dataclass(frozen=True, slots=True)
class ListRow:
    """One line of the list. Moments and answers are None or empty where the list says nothing."""

    line: int
    subject: str
    term: str
    onset: Moment
    end: Moment | None = None
    serious: bool | None = None
    grade: int | None = None
    related: bool | None = None
    outcome: str = ""


COLUMNS: Final = tuple(field.name for field in fields(ListRow) if field.name != "line")


def read_list(data: bytes, zone: str) -> list[ListRow]:
    """Return the lines of a file. Raises ListRefused with every mistake."""
    text = _text(data)
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[ListRow] = []
    mistakes: list[tuple[int, ValueRefused]] = []
    try:
        places = _places(next(reader, []), delimiter)
        for cells in reader:
            if any(map(str.strip, cells)):
                _read_line(reader.line_num, cells, places, zone, rows, mistakes)
    except csv.Error as error:
        sentence = gettext_noop("This line cannot be read as CSV: %(error)s.")
        raise ListRefused((reader.line_num, ValueRefused(sentence, error=error))) from error
    if mistakes:
        raise ListRefused(*mistakes)
    if not rows:
        raise _of_file(gettext_noop("The file has no line below the names of the columns."))
    if len(rows) > MOST_LINES:
        raise _of_file(gettext_noop("A list has at most %(most)s lines."), most=MOST_LINES)
    return rows


def written(rows: list[ListRow]) -> str:
    """Return the lines as CSV with the columns that are compared: what is stored. `stored` reads it back."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(("line", *COLUMNS))
    for row in rows:
        writer.writerow((row.line, *(_cell(getattr(row, name)) for name in COLUMNS)))
    return target.getvalue()


def stored(text: str, zone: str) -> list[ListRow]:
    """Return the lines of a stored list."""
    return [_stored_row(cells, zone) for cells in csv.DictReader(io.StringIO(text, newline=""))]


def _stored_row(cells: Mapping[str, str], zone: str) -> ListRow:
    answers = {"Y": True, "N": False}
    return ListRow(
        line=int(cells["line"]),
        subject=cells["subject"],
        term=cells["term"],
        onset=Moment.from_iso(cells["onset"], zone),
        end=Moment.from_iso(cells["end"], zone) if cells["end"] else None,
        serious=answers.get(cells["serious"]),
        grade=int(cells["grade"]) if cells["grade"] else None,
        related=answers.get(cells["related"]),
        outcome=cells["outcome"],
    )


def _of_file(sentence: str, **told: object) -> ListRefused:
    return ListRefused((0, ValueRefused(sentence, **told)))


def _cell(value: object) -> object:
    if isinstance(value, Moment):
        return value.iso
    if isinstance(value, bool):
        return "Y" if value else "N"
    return "" if value is None else value


def _text(data: bytes) -> str:
    if len(data) > MOST_BYTES:
        raise _of_file(gettext_noop("The file is larger than 1 MB."))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        sentence = gettext_noop("The file is not UTF-8: save it as “CSV UTF-8” and choose it again.")
        raise ListRefused((line, ValueRefused(sentence))) from error
    if "\0" in text:
        raise _of_file(gettext_noop("This is not a text file: save the sheet as CSV."))
    return text


def _delimiter(text: str) -> str:
    first = text.split("\n", 1)[0]
    return max(DELIMITERS, key=first.count)


def _places(header: list[str], delimiter: str) -> dict[str, int]:
    """Return the place of each known column. Raises ListRefused if one is missing or there twice."""
    named = [name.strip().lower().replace(" ", "_").replace("-", "_") for name in header]
    found = {
        column: [place for place, name in enumerate(named) if name in names]
        for column, names in NAMES.items()
    }
    if missing := [column for column in NEEDED if not found[column]]:
        sentence = gettext_noop(
            "Missing columns: %(missing)s. The file was read as UTF-8 with “%(delimiter)s” between the columns;"
            " found: %(found)s."
        )
        told = {"delimiter": DELIMITERS[delimiter], "found": ", ".join(filter(None, named))}
        raise _of_file(sentence, missing=", ".join(missing), **told)
    if twice := [column for column, places in found.items() if len(places) > 1]:
        sentence = gettext_noop("Several columns mean the same: %(columns)s. Keep one of each.")
        raise _of_file(sentence, columns=", ".join(twice))
    return {column: places[0] for column, places in found.items() if places}


def _read_line(
    line: int,
    cells: list[str],
    places: Mapping[str, int],
    zone: str,
    rows: list[ListRow],
    mistakes: list[tuple[int, ValueRefused]],
) -> None:
    texts = {column: cells[place].strip() if place < len(cells) else "" for column, place in places.items()}
    try:
        rows.append(_row(line, texts, zone))
    except ValueRefused as refused:
        mistakes.append((line, refused))


def _row(line: int, texts: Mapping[str, str], zone: str) -> ListRow:
    for column in NEEDED:
        if not texts[column]:
            raise ValueRefused(gettext_noop("The column “%(column)s” is empty."), column=column)
    end = texts.get("end", "")
    return ListRow(
        line=line,
        subject=texts["subject"][:40],
        term=texts["term"][:200],
        onset=_moment(texts["onset"], zone),
        end=_moment(end, zone) if end else None,
        serious=_answer(texts.get("serious", ""), "serious"),
        grade=_grade(texts.get("grade", "")),
        related=_answer(texts.get("related", ""), "related"),
        outcome=_outcome(texts.get("outcome", "")),
    )


def _moment(text: str, zone: str) -> Moment:
    # A letter such as `t` means today on a page; in a file it would mean another day at each upload.
    if not text[:1].isdigit() and len(text) < len("1 jan"):
        raise ValueRefused(gettext_noop("“%(text)s” is not a date."), text=text)
    return parse_moment(text, zone)


def _answer(text: str, column: str) -> bool | None:
    known = text.casefold()
    if not known:
        return None
    if known in YES or known in NO:
        return known in YES
    raise ValueRefused(
        gettext_noop("“%(text)s” in the column “%(column)s” is neither yes nor no."), text=text, column=column
    )


def _grade(text: str) -> int | None:
    if not text:
        return None
    if text not in {"1", "2", "3", "4", "5"}:
        raise ValueRefused(gettext_noop("“%(text)s” is no grade: 1 to 5."), text=text)
    return int(text)


def _outcome(text: str) -> str:
    if not text:
        return ""
    known = OUTCOMES.get(text.casefold().replace("/", " ").replace("-", " ").strip())
    if known is None:
        known_words = ", ".join(OUTCOMES)
        sentence = gettext_noop("“%(text)s” is no outcome: write one of %(known)s.")
        raise ValueRefused(sentence, text=text, known=known_words)
    return known
