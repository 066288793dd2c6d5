"""Which answers a condition can have, at a form of the small protocol with an item of every kind that matters."""

from functools import cache

import pytest

from protocol.checking.mistakes import read
from protocol.checking.satisfiable import Surroundings, can_be
from protocol.document.document import Protocol
from protocol.expressions.names import kinds_of_items
from protocol.expressions.rules import rules_of
from protocol.expressions.syntax import Name, parse
from tests.support.protocols.shipped import ROOT

SMALL = (ROOT / "tests/support/protocols/small.toml").read_text(encoding="utf-8")
MORE_ITEMS = """
  { name = "age", type = "integer", label = { en = "Age" }, hard = [18, 90] },
  { name = "half", type = "integer", label = { en = "Half" }, calculate = "age / 2.0" },
  { name = "month", type = "integer", label = { en = "Month" }, hard = [1, 9], shown_when = "pregnant == 'Y'" },
  { name = "double", type = "decimal", label = { en = "Double" }, calculate = "month * 2.0" },
  { name = "note", type = "text", label = { en = "Note" }, max_length = 200 },
  { name = "clock", type = "time", label = { en = "Clock" } },
  { name = "seen", type = "date", label = { en = "Seen" } },
  { name = "signs", type = "choices", label = { en = "Signs" }, choices = [
    { code = "A", label = { en = "A" } }, { code = "B", label = { en = "B" } },
  ] },
  { name = "sex", type = "choice","""
REMARK = '{ name = "remark"'
SCORE = '{ name = "score", type = "integer", label = { en = "Score" }, hard = [0, 10] },\n  '
DOSE = '{ name = "mg", type = "decimal", label = { en = "Dose" }, unit = "mg"'


@cache
def protocol() -> Protocol:
    """Return the small protocol with more items."""
    text = SMALL.replace('\n  { name = "sex", type = "choice",', MORE_ITEMS, 1)
    text = text.replace(
        '"weight / pow(height / 100.0, 2.0)"', '"weight / pow(height / 100.0, 2.0)", hard = [9, 70]', 1
    )
    return read(text.replace(REMARK, f"{SCORE}{REMARK}", 1).replace(DOSE, f"{DOSE}, hard = [1, 500]", 1))


@cache
def around(form: str = "body", *, limited: bool = True, unknown: str = "") -> Surroundings:
    """Return the surroundings of a condition of a form; the name `unknown` never has a value."""
    items = protocol().forms[form].items
    return Surroundings(
        {**rules_of(protocol()).names, **kinds_of_items(items)},
        {f"body.{item.name}": item for item in protocol().forms["body"].items}
        | {item.name: item for item in items},
        {item.name: parse(item.shown_when) for item in items if item.shown_when},
        {item.name: parse(item.calculate) for item in items if item.calculate},
        lambda node: isinstance(node, Name) and node.path == unknown,
        limited,
    )


def possible(condition: str, *, form: str = "body", limited: bool = True, unknown: str = "") -> list[bool]:
    """Return the answers that the condition can have."""
    tree, place = parse(condition), around(form, limited=limited, unknown=unknown)
    answers = {answer: can_be(answer, tree, place) for answer in (True, False)}
    assert {type(each) for each in answers.values()} == {bool}
    return [answer for answer, is_possible in answers.items() if is_possible]


EITHER, ALWAYS, NEVER, UNKNOWN = [True, False], [True], [False], list[bool]()


def cases(answers: list[bool], *conditions: str) -> list:
    """Return one case of a test for each condition, named by it."""
    return [pytest.param(each, answers, id=each) for each in conditions]
