"""Examples for an edit check, derived from its expression and the limits of the items it reads (DAT-03).

For any check of any protocol: answers that violate it, answers that do not, and its boundary. The boundary is two sets
of answers that differ in one value by its smallest step (for a choice: another choice); one set violates the check,
the other does not. No form or check is named here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from protocol.document.document import Protocol
from protocol.document.items import Check, Form, Item
from protocol.expressions.compiled import Expression
from protocol.expressions.kinds import ItemKind, Kind
from protocol.expressions.names import kinds_of_items, names_everywhere
from protocol.expressions.rules import rules_of
from protocol.expressions.scope import Scope
from protocol.expressions.syntax import Call, Literal, Macro, Name, Node, children, expanded, parse, walk
from protocol.expressions.types import history_target
from protocol.values.moments import Moment

FIRST_DAY = date(2021, 3, 14)
SEARCH = 3000
"""Number of sets of answers that are tried."""
Value = Any
Answers = dict[str, Value]


@dataclass(frozen=True)
class Read:
    """One value that a check reads: its path, kind and precision.

    `path` is a name of the expression (`sbp`, `visit.on`, `previous(sex)`), or `logs.stay[]kind` for a column;
    `logs.stay[2]kind` is the same column of a second row, which an expression inside another one reads.
    """

    path: str
    kind: ItemKind
    item: Item | None

    @property
    def is_ordered(self) -> bool:
        """Return whether the values are ordered, so that each has a next one."""
        return self.kind.kind in (Kind.NUMBER, Kind.DAY, Kind.INSTANT)

    @cached_property
    def step(self) -> Decimal:
        """Return the smallest difference between two numbers."""
        places = self.item.decimal_places if self.item else None
        return Decimal(1).scaleb(-(2 if places is None else places))

    @cached_property
    def span(self) -> tuple[int, int]:
        """Return the first and last position: numbers within the hard limits, days or minutes around the first day."""
        if self.kind.kind is Kind.DAY:
            return -400, 400
        if self.kind.kind is Kind.INSTANT:
            return -400 * 1440, 400 * 1440
        limits = (self.item.hard or self.item.soft) if self.item else None
        lowest, highest = limits or (Decimal(0), Decimal(100))
        return int(lowest / self.step), int(highest / self.step)

    def at(self, place: int, zone: str) -> Value:
        """Return the value at a position, as stored."""
        if self.kind.kind is Kind.NUMBER:
            return format(place * self.step, "f")
        if self.kind.kind is Kind.DAY:
            return (FIRST_DAY + timedelta(days=place)).isoformat()
        noon = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, 12, tzinfo=ZoneInfo("UTC"))
        return Moment.from_datetime(noon + timedelta(minutes=place), zone).iso

    def drawn(self, rng: Random, landmarks: list[Decimal], *, beyond: bool) -> Value:
        """Draw a position, or codes; often a limit, a number of the expression, or one close to them.

        With `beyond`, also numbers outside the hard limits: a draft may hold them, and checks apply to them.
        """
        if not self.is_ordered:
            codes = self.kind.codes or ("text",)
            most = min(len(codes), rng.randint(1, 2))
            return rng.sample(codes, most) if self.kind.kind is Kind.CODES else rng.choice(codes)
        low, high = self.span
        if beyond and self.kind.kind is Kind.NUMBER:
            low, high = min(low, 0), high * 10
        unit = {Kind.NUMBER: 1 / self.step, Kind.DAY: Decimal(1), Kind.INSTANT: Decimal(1440)}[self.kind.kind]
        marks = [int(mark * unit) for mark in landmarks if low <= mark * unit <= high]
        near = rng.choice([*marks, 0, low, high]) if rng.random() < 0.5 else rng.randint(low, high)
        wide = max(2, (high - low) // rng.choice((10, 1000, 10**5)))
        return min(max(near + rng.randint(-wide, wide), low), high)


class Examples:
    """Finds answers that violate one check and answers that do not."""

    def __init__(self, protocol: Protocol, form: Form, check: Check) -> None:
        self.protocol, self.form, self.check = protocol, form, check
        self.zone = protocol.trial.site.time_zone
        self.names = {**names_everywhere(protocol), **kinds_of_items(form.items)}
        self.tree = expanded(parse(check.violated), protocol.definitions)
        self.expression: Expression = rules_of(protocol).compile(check.violated, self.names)
        self.reads = tuple(dict.fromkeys(self._reads(self.tree, {})))
        written = [
            Decimal(node.text)
            for node in walk(self.tree)
            if isinstance(node, Literal) and isinstance(node.value, Decimal)
        ]
        self.landmarks = [*written, *(-mark for mark in written)]
        self.rng = Random(f"{protocol.trial.id} {check.id}")

    def _reads(self, node: Node, rows: Mapping[str, tuple[str, ItemKind]]) -> Iterator[Read]:
        match node:
            case Name(path=path) if (variable := path.partition(".")[0]) in rows:
                table, kind = rows[variable]
                column = path.partition(".")[2]
                second = "2" if next(each for each in rows if rows[each][0] == table) != variable else ""
                kind_of_column = (kind.columns or {})[column]
                yield Read(f"{table}[{second}]{column}", kind_of_column, self._column(table, column))
            case Name(path=path):
                yield Read(path, self.names[path], self._item(path))
            case Call(function="previous" | "last" as function):
                path = history_target(node).path
                yield Read(f"{function}({path})", self.names[path], self._item(path))
            case Macro(target=Name(path=table), variable=variable, body=body):
                yield from self._reads(body, {**rows, variable: (table, self.names[table])})
            case _:
                for part in children(node):
                    yield from self._reads(part, rows)

    def _item(self, path: str) -> Item | None:
        path = path if "." in path else f"{self.form.code}.{path}"
        return self.protocol.item(path) if path.partition(".")[0] in self.protocol.forms else None

    def _column(self, table: str, column: str) -> Item:
        if table.startswith("logs."):
            return self.protocol.form(table.removeprefix("logs.")).item(column)
        return self.form.item(table).column(column)

    def violated(self, places: Answers) -> bool | None:
        """Return whether the values at these positions violate the check; None if undetermined."""
        answer = self.expression.evaluate(self._scope(places))
        return answer if isinstance(answer, bool) else None

    def stored(self, places: Answers) -> Answers:
        """Return the values at these positions, as stored."""
        by_path = {read.path: read for read in self.reads}
        return {
            path: by_path[path].at(place, self.zone) if by_path[path].is_ordered else place
            for path, place in places.items()
        }

    def _scope(self, places: Answers) -> Scope:
        forms: dict[str, dict[str, Value]] = {self.form.code: {}}
        earlier: dict[str, dict[str, Value]] = {}
        # A second row is there, although one of its values is missing.
        blank = {read.path: None for read in self.reads if "[2]" in read.path}
        for path, value in {**blank, **self.stored(places)}.items():
            path, _bracket, cell = path.partition("[")
            number, _bracket, column = cell.partition("]")
            into = forms
            if path.endswith(")"):
                path, into = path[:-1].partition("(")[2], earlier
            code, dot, name = path.rpartition(".")
            home = into.setdefault(code if dot else self.form.code, {})
            if column:
                rows = home.setdefault(name, [{}])
                rows += [{} for _missing in range(int(number or 1) - len(rows))]
                rows[int(number or 1) - 1][column] = value
            else:
                home[name] = value
        subject, own = forms.pop("subject", {}), forms.pop(self.form.code)
        return Scope(own, forms, subject, form=self.form.code, previous=earlier, last=earlier, same=forms)

    @cached_property
    def failing(self) -> Answers | None:
        """Return positions that violate the check, or None if none were found."""
        return self._found(True)

    @cached_property
    def passing(self) -> Answers | None:
        """Return positions that do not violate the check, or None if none were found."""
        return self._found(False)

    def _found(self, wanted: bool) -> Answers | None:
        for number in range(SEARCH):
            places = {read.path: self._drawn(read, beyond=number > SEARCH / 2) for read in self.reads}
            if self.violated(places) is wanted:
                return places
        return None

    def _drawn(self, read: Read, *, beyond: bool = False) -> Value:
        return read.drawn(self.rng, self.landmarks, beyond=beyond)

    @cached_property
    def boundary(self) -> tuple[Answers, Answers] | None:
        """Return positions that violate the check, and neighbouring ones that do not.

        The values of the violating answers are replaced one by one by those of the others: one replacement changes the
        result, and is then narrowed to one step.
        """
        if self.failing is None or self.passing is None:
            return None
        fails = self.failing
        for read in self.reads:
            passes = {**fails, read.path: self.passing[read.path]}
            if not self.violated(passes):
                return self._narrowed(fails, passes, read) if read.is_ordered else (fails, passes)
            fails = passes
        return None

    def _narrowed(self, fails: Answers, passes: Answers, read: Read) -> tuple[Answers, Answers]:
        """Return the two neighbours of which one violates the check; the other may be undetermined."""
        here, there = fails[read.path], passes[read.path]
        while abs(here - there) > 1:
            middle = (here + there) // 2
            fires = self.violated({**fails, read.path: middle})
            here, there = (middle, there) if fires else (here, middle)
        return {**fails, read.path: here}, {**fails, read.path: there}
