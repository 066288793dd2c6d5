"""Broken TOML read as far as it goes: every mistake of syntax at once, and the tables without the broken parts.

The text is split into statements (a table header, or a key with its value). A statement that cannot be read is
reported and replaced by a placeholder of the same key, so that the statements around it are checked like those of a
sound file. Of a broken list, such as the items of a form, only the broken elements are replaced.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from protocol.checking.shape import Problem, path_of
from protocol.checking.toml_text import LIST_NOT_CLOSED, TOO_DEEP, WITH_MARK, Unreadable, tables

PLACEHOLDER: Final = "unreadable-part-of-this-file"
MOST_TRIES: Final = 25

_HEADER = re.compile(r"\s*(?P<open>\[\[?)\s*(?P<name>[A-Za-z0-9_-]+(?:\s*\.\s*[A-Za-z0-9_-]+)*)")
_KEY = re.compile(r"\s*(?P<key>[A-Za-z0-9_-]+(?:\s*\.\s*[A-Za-z0-9_-]+)*)\s*(?:=|(?=[\"'\[{\d]))")
_BEGINS = re.compile(r"(?:\[\[?[A-Za-z_][\w.-]*\]{0,2}\s*(?:#.*)?$)|(?:[A-Za-z_][\w.-]*\s*=\s*\S)")
"""A line that begins a statement even if a bracket is still open: nothing inside a list looks like it."""
_CODE = re.compile(r'\b(?P<key>name|code|id)\s*=\s*"(?P<code>[^"\n]*)"')


@dataclass(frozen=True, slots=True)
class Repaired:
    """The tables that could be read, the mistakes of syntax, and the paths of the parts that are missing.

    ``raw`` is None if too little could be read.
    """

    raw: dict[str, Any] | None
    problems: list[Problem]
    missing: frozenset[str] = frozenset()

    def hides(self, problem: Problem) -> bool:
        """Return True if a problem may only follow from a part that could not be read."""
        return any(
            f"{problem.path}.".startswith(f"{path}.") or path.startswith(f"{problem.path}.")
            for path in self.missing
        )


@dataclass(slots=True)
class _TomlStatement:
    first: int
    text: str
    problems: list[Problem] = field(default_factory=list)

    @property
    def lines(self) -> int:
        return self.text.count("\n") + 1


def repaired(text: str) -> Repaired:
    """Return the readable part of broken TOML ``text``, with every mistake of syntax."""
    marked = [Problem("line 1, column 1", WITH_MARK)] if text.startswith("\ufeff") else []
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    statements = [_sound(each) for each in _statements(text)]
    found = marked + [problem for each in statements for problem in each.problems]
    raw = None
    for _ in range(MOST_TRIES):
        try:
            raw = tables("\n".join(each.text for each in statements))
            break
        except Unreadable as error:
            if error.message == TOO_DEEP:
                break
            # Each statement is sound by itself: this one repeats a key or a table.
            place = _at(statements, error.line)
            found.append(Problem(f"line {statements[place].first}", error.message))
            statements[place] = _left_out(statements[place])
    if raw is None or any(each.text == "" and each.problems for each in statements):
        return Repaired(None, _in_order(found))
    return Repaired(raw, _in_order(found), frozenset(_missing(raw)))


def _in_order(found: list[Problem]) -> list[Problem]:
    numbered = [(int(problem.path.removeprefix("line ").partition(",")[0]), problem) for problem in found]
    return [problem for _line, problem in sorted(numbered, key=lambda each: each[0])]


def _at(statements: list[_TomlStatement], line: int | None) -> int:
    """Return the position of the statement at a line (None: the last one that holds anything)."""
    if line is not None:
        for place, each in enumerate(statements):
            if each.first <= line < each.first + each.lines:
                return place
    return max(place for place, each in enumerate(statements) if each.text.strip())


def _left_out(statement: _TomlStatement) -> _TomlStatement:
    """Return the statement without effect: a repeated header opens a table that nobody reads."""
    blank = "\n" * (statement.lines - 1)
    if _HEADER.match(statement.text):
        return _TomlStatement(statement.first, f"[{PLACEHOLDER}.line-{statement.first}]{blank}")
    return _TomlStatement(statement.first, f"# {blank}")


def _statements(text: str) -> Iterator[_TomlStatement]:
    """Yield the statements of a text; an open bracket or text ends where another statement begins."""
    lines = text.split("\n")
    first = 0
    while first < len(lines):
        last = _end_of(lines, first)
        yield _TomlStatement(first + 1, "\n".join(lines[first : last + 1]))
        first = last + 1


def _end_of(lines: list[str], first: int) -> int:
    """Return the number of the last line of the statement that begins at ``first``."""
    scan = _Scan()
    for number in range(first, len(lines)):
        if number > first and not scan.quote and _BEGINS.match(lines[number]):
            return number - 1
        scan.read(lines[number])
        if not scan.is_open:
            return number
    # A long text that nobody closed would hold the rest of the file.
    return first if scan.quote else len(lines) - 1


@dataclass(slots=True)
class _Scan:
    """The state at the end of the lines read so far: open brackets, and the quotes of a text over several lines."""

    brackets: list[str] = field(default_factory=list)
    quote: str = ""
    closed_at: int | None = None

    @property
    def is_open(self) -> bool:
        return bool(self.brackets or self.quote)

    def read(self, line: str) -> list[int]:
        """Read one line; return the columns of the commas that separate elements of the outermost list.

        ``closed_at`` is the column of the bracket that closes that list on this line.
        """
        commas, place = [], 0
        self.closed_at = None
        while place < len(line):
            if self.quote:
                place = self._after_quote(line, place)
                continue
            sign = line[place]
            if sign == "#":
                break
            if line.startswith(('"""', "'''"), place):
                self.quote = sign * 3
                place += 3
                continue
            if sign in "\"'":
                place = _after_text(line, place)
                continue
            if sign in "[{":
                self.brackets.append(sign)
            elif sign in "]}" and self.brackets:
                self.brackets.pop()
                self.closed_at = place if not self.brackets else None
            elif sign == "," and self.brackets == ["["]:
                commas.append(place)
            place += 1
        # The braces of a table are closed on their line, unless a list inside them is open.
        if not self.quote and self.brackets[-1:] == ["{"]:
            while self.brackets[-1:] == ["{"]:
                self.brackets.pop()
            # What is broken ends here: the next line is another element.
            commas += [len(line)] if self.brackets == ["["] else []
        return commas

    def _after_quote(self, line: str, place: int) -> int:
        end = line.find(self.quote, place)
        if end < 0:
            return len(line)
        self.quote = ""
        return end + 3


def _after_text(line: str, place: int) -> int:
    """Return the column after a text that begins at ``place``; the end of the line if it is not closed."""
    quote, here = line[place], place + 1
    while here < len(line):
        if line[here] == "\\" and quote == '"':
            here += 2
            continue
        if line[here] == quote:
            return here + 1
        here += 1
    return len(line)


def _sound(statement: _TomlStatement) -> _TomlStatement:
    """Return the statement if it can be read by itself, else its replacement with the problems found."""
    try:
        # With the end of its line, which the mistake may name.
        tables(f"{statement.text}\n")
        return statement
    except Unreadable as error:
        problem = _problem(error, statement.first)
    blank = "\n" * (statement.lines - 1)
    header = _HEADER.match(statement.text)
    if header and problem.message != TOO_DEEP:
        closing = "]" * len(header["open"])
        return _TomlStatement(statement.first, f"{header['open']}{header['name']}{closing}{blank}", [problem])
    if re.match(r"\s*[\[\]]", statement.text):
        # Which table the following keys belong to cannot be known.
        return _TomlStatement(statement.first, "", [problem])
    key = _KEY.match(statement.text)
    if key is None or (problem.message == TOO_DEEP and "." in key["key"]):
        return _TomlStatement(statement.first, f"# {blank}", [problem])
    if statement.lines > 1 and statement.text[key.end() :].lstrip().startswith("["):
        return _list_of_sound(statement, f"{key['key']} =", problem)
    return _TomlStatement(statement.first, f'{key["key"]} = "{PLACEHOLDER}"{blank}', [problem])


def _list_of_sound(statement: _TomlStatement, beginning: str, whole: Problem) -> _TomlStatement:
    """Return the list with a placeholder for each broken element."""
    found: list[Problem] = []
    kept: list[str] = []
    elements = list(_elements(statement))
    for number, (element, line) in enumerate(elements, start=1):
        try:
            # Nothing between two commas; behind the last one there need be nothing.
            if not tables(f"x = [{element}\n]")["x"] and number < len(elements):
                raise Unreadable(whole.message)
            kept.append(element)
        except Unreadable as error:
            at = Unreadable(error.message, error.line and min(error.line, element.count("\n") + 1))
            found.append(_problem(at, line))
            kept.append(_stub(element))
    if not found:
        found = [Problem(f"line {statement.first}", LIST_NOT_CLOSED) if _is_open(statement) else whole]
    # A comment may be the last line.
    return _TomlStatement(statement.first, f"{beginning} [{','.join(kept)}\n]", found)


def _is_open(statement: _TomlStatement) -> bool:
    scan = _Scan()
    for line in statement.text.split("\n"):
        scan.read(line)
    return scan.is_open


def _elements(statement: _TomlStatement) -> Iterator[tuple[str, int]]:
    """Yield the text of each element of a list, and the number of the line on which it begins."""
    scan, element, began = _Scan(), "", statement.first
    for offset, line in enumerate(statement.text.split("\n")):
        commas = scan.read(line)
        start = line.index("[") + 1 if offset == 0 else 0
        for comma in commas:
            yield element + line[start:comma], began
            element, start, began = "", comma + 1, statement.first + offset
        element += line[start : scan.closed_at] + "\n"
    yield element.removesuffix("\n").removesuffix("\n"), began


def _stub(element: str) -> str:
    lines = "\n" * element.count("\n")
    code = _CODE.search(element)
    if code is None:
        return f'"{PLACEHOLDER}"{lines}'
    return f'{{ {code["key"]} = "{code["code"]}", {PLACEHOLDER} = true }}{lines}'


def _problem(error: Unreadable, first: int) -> Problem:
    line = first + (error.line or 1) - 1
    return Problem(f"line {line}" + (f", column {error.column}" if error.column else ""), error.message)


def _missing(raw: dict[str, Any]) -> Iterator[str]:
    """Yield the path of each placeholder and take it out of the tables."""
    raw.pop(PLACEHOLDER, None)
    ways: list[tuple[tuple[str | int, ...], Any]] = [((), raw)]
    while ways:
        place, here = ways.pop()
        if here == PLACEHOLDER:
            yield path_of(place, raw)
        elif isinstance(here, Mapping):
            if PLACEHOLDER in here:
                yield path_of(place, raw)
            ways += [((*place, key), each) for key, each in here.items() if key != PLACEHOLDER]
        elif isinstance(here, list):
            ways += [((*place, number), each) for number, each in enumerate(here)]
