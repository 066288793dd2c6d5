"""Find every mistake of a protocol file at once, each with its key.

First the TOML text, then the shape (keys and types, by pydantic), then the references between the parts
(`protocol.checking.design`, `items`, `expressions`), then the rules that come to nothing (`futile`). Parts of the
wrong shape are removed first, so that one misspelt key does not hide the mistakes elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from protocol.checking.design import design_problems
from protocol.checking.expressions import expression_problems, trial_run
from protocol.checking.futile import futile_rules
from protocol.checking.items import item_problems
from protocol.checking.masked import masked_problems
from protocol.checking.outcomes import outcome_problems
from protocol.checking.shape import Problem, set_aside, shape_problems
from protocol.checking.tabulation import tabulation_problems
from protocol.checking.toml_repair import repaired
from protocol.checking.toml_text import TOO_LONG, Unreadable, tables
from protocol.document.document import Protocol
from protocol.document.repeated_visits import repetition_mistake, written_out

__all__ = ["Examined", "Problem", "ProtocolMistakes", "examined", "problems", "read"]


@dataclass(frozen=True, slots=True)
class Examined:
    """The content of a protocol file.

    ``protocol`` is None unless the file has the right shape; ``doubts`` are the rules that come to nothing and that
    nobody confirmed. They are looked for in a file without mistakes.
    """

    protocol: Protocol | None
    mistakes: list[Problem]
    doubts: list[Problem] = field(default_factory=list)


class ProtocolMistakes(ValueError):
    """A protocol file that cannot be used; ``problems`` lists every mistake."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def problems(text: str) -> list[Problem]:
    """Return every mistake in the TOML ``text``, in the order of the file; empty if it can be loaded."""
    return examined(text).mistakes


def read(text: str) -> Protocol:
    """Return the protocol in the TOML ``text``. Raises ProtocolMistakes if there is any mistake."""
    found = examined(text)
    if found.mistakes or found.protocol is None:
        raise ProtocolMistakes(found.mistakes)
    return found.protocol


def examined(text: str) -> Examined:
    """Return the protocol in the TOML ``text``, with every mistake and every doubt, in the order of the file."""
    try:
        raw = tables(text)
    except Unreadable as error:
        return Examined(None, _of_broken(text, error))
    return _examined(raw)


def _of_broken(text: str, error: Unreadable) -> list[Problem]:
    """Return every mistake of syntax, and the mistakes of the parts that can be read."""
    if error.message == TOO_LONG:
        return [Problem("file", error.message)]
    found = repaired(text)
    if found.raw is None:
        return found.problems or [Problem("file", error.message)]
    others = _examined(found.raw).mistakes
    return found.problems + [problem for problem in others if not found.hides(problem)]


def _examined(written: Mapping[str, Any]) -> Examined:
    raw = written_out(written)
    return _once_for_each_visit(_judged(raw), written)


def _once_for_each_visit(found: Examined, written: Mapping[str, Any]) -> Examined:
    """Return the findings with one mistake of a repeated visit at its own code, not one for each time."""
    visits = written.get("visits")
    repeated = {
        f"visits.{visit['code']}": visit["times"]
        for visit in (visits if isinstance(visits, list) else ())
        if isinstance(visit, dict) and "every" in visit and not repetition_mistake(visit)
    }
    if not repeated:
        return found
    names = {f"{path}{number}": path for path, times in repeated.items() for number in range(1, times + 1)}

    def told_once(problems: list[Problem]) -> list[Problem]:
        return list(dict.fromkeys(Problem(_renamed(each.path, names), each.message) for each in problems))

    return Examined(found.protocol, told_once(found.mistakes), told_once(found.doubts))


def _renamed(path: str, names: Mapping[str, str]) -> str:
    table, _dot, rest = path.partition(".")
    code, dot, key = rest.partition(".")
    visit = f"{table}.{code}"
    return f"{names[visit]}{dot}{key}" if visit in names else path


def _judged(raw: Mapping[str, Any]) -> Examined:
    try:
        protocol = Protocol.model_validate(raw)
    except ValidationError as error:
        shape = shape_problems(error, raw)
        others = [each for each in _mistakes_of_sound_parts(error, raw) if not _follows(each, shape)]
        return Examined(None, _in_order(shape + others, raw))
    # Only a file without other mistakes is run: a run on a wrong expression would report it a second time.
    found = _in_order(_references(protocol, raw), raw) or trial_run(protocol)
    if found:
        return Examined(protocol, found)
    futile = futile_rules(protocol)
    open_doubts, unfounded = _confirmed(protocol, futile.doubts)
    return Examined(protocol, _in_order([*futile.mistakes, *unfounded], raw), _in_order(open_doubts, raw))


def _confirmed(protocol: Protocol, doubts: list[Problem]) -> tuple[list[Problem], list[Problem]]:
    """Return the doubts that nobody confirmed, and a mistake for each confirmation of something not doubted."""
    keys = {each.key for each in protocol.confirmed}
    doubted = {doubt.path for doubt in doubts}
    unfounded = [
        Problem(f"confirmed.{key}", "nothing is doubted at this key: take the confirmation out")
        for key in sorted(keys - doubted)
    ]
    return [doubt for doubt in doubts if doubt.path not in keys], unfounded


def _follows(problem: Problem, shape: list[Problem]) -> bool:
    """Return True if a problem may only follow from a part that was left out for its shape, at its key or below."""
    return any(f"{each.path}.".startswith(f"{problem.path}.") for each in shape)


def _mistakes_of_sound_parts(error: ValidationError, raw: Mapping[str, Any]) -> list[Problem]:
    """Return the mistakes between the parts that do have the right shape."""
    sound = set_aside(error, raw)
    return [] if sound is None else _references(sound, raw)


def _references(protocol: Protocol, raw: Mapping[str, Any]) -> list[Problem]:
    return [
        *design_problems(protocol, raw),
        *item_problems(protocol, raw),
        *masked_problems(protocol, raw),
        *outcome_problems(protocol, raw),
        *tabulation_problems(protocol),
        *expression_problems(protocol, raw),
    ]


def _in_order(found: list[Problem], raw: Mapping[str, Any]) -> list[Problem]:
    """Return the problems in the order of the tables of the file, without duplicates."""
    tables = list(raw)

    def place(problem: Problem) -> int:
        table = problem.path.partition(".")[0]
        return tables.index(table) if table in tables else -1

    return sorted(dict.fromkeys(found), key=place)
