"""Evaluating one expression with values typed on a command line, for whoever writes a protocol file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any, Final

from protocol.expressions.compiled import Result, check_expression, compile_expression
from protocol.expressions.kinds import DAY, INSTANT, LOGIC, NUMBER, TEXT, ItemKind, Kind
from protocol.expressions.references import history_paths, paths
from protocol.expressions.syntax import ExpressionError, expanded, parse
from protocol.expressions.types import Names

MISSING_CODES: Final = ("ND", "UNK", "NA", "ASKU")
MOST_UNTYPED: Final = 5
_GUESSES: Final = (NUMBER, TEXT, LOGIC, DAY, INSTANT)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_DATE = re.compile(r"\d{4}-\d{2}(-\d{2})?")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}.*")
_QUOTED = re.compile(r"""(['"])(?P<text>.*)\1""", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][\w.]*|(previous|last|here)\([A-Za-z_][\w.]*\)")


@dataclass(frozen=True, slots=True)
class TypedValue:
    """A value as an expression reads it, and the kind that its spelling shows; None for a missing one."""

    stored: Any
    kind: ItemKind | None


def typed_value(text: str) -> TypedValue:
    """Read a number, `true`, `false`, a quoted text, an ISO date or moment, or `=ND` for missing.

    Raises ExpressionError for anything else.
    """
    if text.startswith("=") and text[1:] in MISSING_CODES:
        return TypedValue({"missing": text[1:]}, None)
    if text in ("true", "false"):
        return TypedValue(text == "true", LOGIC)
    if quoted := _QUOTED.fullmatch(text):
        return TypedValue(quoted["text"], TEXT)
    for pattern, kind in ((_NUMBER, NUMBER), (_DATE, DAY)):
        if pattern.fullmatch(text):
            return TypedValue(text, kind)
    if _INSTANT.fullmatch(text):
        return TypedValue(_instant(text), INSTANT)
    raise ExpressionError(
        f"{text!r} is no value: write a number, true, false, a quoted text, an ISO date, or =ND for missing"
    )


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ExpressionError(f"{text!r} is no moment: write it like 2021-03-01T10:00+01:00") from error
    if moment.tzinfo is None:
        raise ExpressionError(f"{text!r} has no offset: write it like 2021-03-01T10:00+01:00")
    return moment


def assignment(text: str) -> tuple[str, TypedValue]:
    """Read `name=value`. Raises ExpressionError when it is not one."""
    name, equals, value = text.partition("=")
    if not equals or not _NAME.fullmatch(name):
        raise ExpressionError(f"{text!r} is no assignment: write name=value, such as spo2=92")
    return name, typed_value(value)


def evaluated(
    source: str,
    values: Mapping[str, TypedValue],
    *,
    names: Names | None = None,
    definitions: Mapping[str, str] | None = None,
    zone: str = "UTC",
) -> Result:
    """Return the value of an expression for the values. Raises ExpressionError for any mistake.

    `names` are those of a protocol with their kinds. Without them the kinds follow from the spelling of the values,
    and names without a value get a kind with which the expression is right.
    """
    definitions = definitions or {}
    known = names if names is not None else _kinds(source, values)
    for name in values:
        if _plain(name) not in known:
            raise ExpressionError(f"the expression has no name {name!r}")
    return compile_expression(
        source,
        known,
        gives=_gives(source, known),
        zone=zone,
        definitions=definitions,
    ).evaluate({name: value.stored for name, value in values.items()})


def _gives(source: str, names: Names) -> ItemKind:
    for kind in (LOGIC, NUMBER, TEXT):
        try:
            check_expression(source, names, kind)
        except ExpressionError:
            continue
        return kind
    check_expression(source, names, None)
    raise ExpressionError("this gives a date or a list: an expression gives a condition, a number or a text")


def _kinds(source: str, values: Mapping[str, TypedValue]) -> Names:
    """Return a kind for every name of the expression, so that it has no mistake. Raises ExpressionError."""
    tree = expanded(parse(source), {})
    read = dict.fromkeys([*paths(tree), *history_paths(tree, "previous"), *history_paths(tree, "last")])
    spelled = {
        _plain(name): value.kind
        for name, value in values.items()
        if value.kind is not None and _plain(name) in read
    }
    open_names = [name for name in read if name not in spelled]
    if len(open_names) > MOST_UNTYPED:
        raise ExpressionError(
            f"more than {MOST_UNTYPED} names have no value: give them, or name a protocol file"
        )
    mistake: ExpressionError | None = None
    for kinds in _guesses(len(open_names)):
        names = {**spelled, **dict(zip(open_names, kinds, strict=True))}
        try:
            check_expression(source, names, None)
        except ExpressionError as refused:
            mistake = mistake or refused
            continue
        return names
    raise mistake or ExpressionError("no kinds of the names make this expression right")


def _guesses(count: int) -> Iterator[tuple[ItemKind, ...]]:
    return product(_GUESSES, repeat=count)


def _plain(name: str) -> str:
    """Return the item of `previous(item)`, any other name as it is."""
    return name.partition("(")[2].removesuffix(")") if name.endswith(")") else name


__all__ = ["Kind", "TypedValue", "assignment", "evaluated", "typed_value"]
