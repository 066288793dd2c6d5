"""Dictionary files of the user: the ASCII release of MedDRA, and CTCAE as one CSV. No Django."""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from protocol.values.refusals import ValueRefused, gettext_noop

MEDDRA_FILES: Final = ("llt.asc", "pt.asc", "soc.asc")
# As the stored columns hold.
MOST_CHARACTERS: Final = 250
LLT_FIELDS, PT_FIELDS, SOC_FIELDS = 10, 4, 2
NOT_FOUND = gettext_noop("%(path)s does not exist.")
NO_FILE = gettext_noop("%(path)s has no file %(name)s: give the folder with the ASCII files of the release.")
BAD_LINE = gettext_noop("%(name)s, line %(line)s: a line of a MedDRA release has more fields.")
NO_COLUMN = gettext_noop("%(name)s has no column “%(column)s”: give the whole CTCAE as CSV.")
NO_TERMS = gettext_noop("%(path)s has no terms.")
TOO_LONG = gettext_noop("%(path)s: “%(start)s…” has more than %(most)s characters, so it is no term.")
UNKNOWN_PARENT = gettext_noop("%(name)s, line %(line)s: the preferred term %(code)s is not in pt.asc.")


class DictionaryRefused(ValueRefused):
    """Files that are no release of a dictionary; the sentence says where."""


@dataclass(frozen=True, slots=True)
class FileTerm:
    """One term of a file."""

    code: str
    name: str
    preferred: str = ""
    organ_class: str = ""
    grades: str = ""
    is_current: bool = True


@dataclass(frozen=True, slots=True)
class Release:
    """The terms of a release, and the SHA-256 of its files."""

    terms: list[FileTerm]
    sha256: str


def meddra(path: Path) -> Release:
    """Return the lowest level terms of a MedDRA release. Raises DictionaryRefused."""
    files = {name: _read(_inside(path, name)) for name in MEDDRA_FILES}
    classes = {fields[0]: fields[1] for _line, fields in _fields(files, "soc.asc", SOC_FIELDS)}
    preferred = {
        fields[0]: (fields[1], classes.get(fields[3], ""))
        for _line, fields in _fields(files, "pt.asc", PT_FIELDS)
    }
    terms = []
    for line, fields in _fields(files, "llt.asc", LLT_FIELDS):
        if fields[2] not in preferred:
            raise DictionaryRefused(UNKNOWN_PARENT, name="llt.asc", line=line, code=fields[2])
        name, organ_class = preferred[fields[2]]
        terms.append(FileTerm(fields[0], fields[1], name, organ_class, is_current=fields[9] != "N"))
    return _release(path, terms, [files[name] for name in MEDDRA_FILES])


def ctcae(path: Path) -> Release:
    """Return the terms of CTCAE, with the grades that exist. Raises DictionaryRefused."""
    if not path.is_file():
        raise DictionaryRefused(NOT_FOUND, path=str(path))
    data = _read(path)
    rows = csv.DictReader(io.StringIO(_text(data), newline=""))
    columns = {_column(name): name for name in rows.fieldnames or ()}
    for column in ("ctcae term", "meddra soc", *(f"grade {grade}" for grade in range(1, 6))):
        if column not in columns:
            raise DictionaryRefused(NO_COLUMN, name=path.name, column=column)
    terms = [_ctcae_term(row, columns) for row in rows if (row[columns["ctcae term"]] or "").strip()]
    return _release(path, terms, [data])


def _ctcae_term(row: Mapping[str, str | None], columns: Mapping[str, str]) -> FileTerm:
    def cell(column: str) -> str:
        return (row.get(columns.get(column, "")) or "").strip()

    name = cell("ctcae term")
    grades = "".join(str(grade) for grade in range(1, 6) if cell(f"grade {grade}") not in ("", "-", "–"))
    return FileTerm(cell("meddra code") or name, name, name, cell("meddra soc"), grades)


def _column(name: str) -> str:
    return " ".join(name.lower().replace("ctcae v5.0", "ctcae").replace("ctcae v6.0", "ctcae").split())


def _inside(path: Path, name: str) -> Path:
    """Return a file of the release, in the folder or in the one that the release has for it."""
    if not path.is_dir():
        raise DictionaryRefused(NOT_FOUND, path=str(path))
    found = next((each for each in sorted(path.rglob("*")) if each.name.lower() == name), None)
    if found is None:
        raise DictionaryRefused(NO_FILE, path=str(path), name=name)
    return found


def _read(path: Path) -> bytes:
    return path.read_bytes()


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252")


def _fields(files: Mapping[str, bytes], name: str, least: int) -> Iterator[tuple[int, list[str]]]:
    for line, text in enumerate(_text(files[name]).splitlines(), start=1):
        if not text.strip():
            continue
        fields = text.split("$")
        if len(fields) < least:
            raise DictionaryRefused(BAD_LINE, name=name, line=line)
        yield line, fields


def _release(path: Path, terms: list[FileTerm], files: list[bytes]) -> Release:
    if not terms:
        raise DictionaryRefused(NO_TERMS, path=str(path))
    for term in terms:
        for text in (term.code, term.name, term.preferred, term.organ_class):
            if len(text) > MOST_CHARACTERS:
                raise DictionaryRefused(TOO_LONG, path=str(path), start=text[:40], most=str(MOST_CHARACTERS))
    unique = {term.code: term for term in terms}
    digest = hashlib.sha256()
    for data in files:
        digest.update(hashlib.sha256(data).digest())
    return Release(list(unique.values()), digest.hexdigest())
