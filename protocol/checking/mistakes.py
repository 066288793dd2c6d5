"""Find every mistake of a protocol file at once, each with its key.

First the shape (keys and types, by pydantic), then the references between the parts (`protocol.checking.design`,
`items`, `expressions`). Parts of the wrong shape are removed first, so that one misspelt key does not hide the
mistakes elsewhere.
"""

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from protocol.checking.design import design_problems
from protocol.checking.expressions import expression_problems, trial_run
from protocol.checking.items import item_problems
from protocol.checking.shape import Problem, set_aside, shape_problems
from protocol.document.document import Protocol

__all__ = ["Problem", "ProtocolMistakes", "problems", "read"]


class ProtocolMistakes(ValueError):
    """A protocol file that cannot be used; ``problems`` lists every mistake."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def problems(text: str) -> list[Problem]:
    """Return every mistake in the TOML ``text``, in the order of the file; empty if it can be loaded."""
    raw = _toml(text)
    return [raw] if isinstance(raw, Problem) else _examined(raw)[1]


def read(text: str) -> Protocol:
    """Return the protocol in the TOML ``text``. Raises ProtocolMistakes if there is any mistake."""
    raw = _toml(text)
    if isinstance(raw, Problem):
        raise ProtocolMistakes([raw])
    protocol, found = _examined(raw)
    if found or protocol is None:
        raise ProtocolMistakes(found)
    return protocol


def _toml(text: str) -> dict[str, Any] | Problem:
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        message, _, place = str(error).rstrip(")").partition(" (at ")
        return Problem(place or "file", message)


def _examined(raw: Mapping[str, Any]) -> tuple[Protocol | None, list[Problem]]:
    try:
        protocol = Protocol.model_validate(raw)
    except ValidationError as error:
        return None, _in_order(shape_problems(error, raw) + _mistakes_of_sound_parts(error, raw), raw)
    # Only a file without other mistakes is run: a run on a wrong expression would report it a second time.
    return protocol, _in_order(_references(protocol, raw), raw) or trial_run(protocol)


def _mistakes_of_sound_parts(error: ValidationError, raw: Mapping[str, Any]) -> list[Problem]:
    """Return the mistakes between the parts that do have the right shape."""
    sound = set_aside(error, raw)
    return [] if sound is None else _references(sound, raw)


def _references(protocol: Protocol, raw: Mapping[str, Any]) -> list[Problem]:
    return [
        *design_problems(protocol, raw),
        *item_problems(protocol, raw),
        *expression_problems(protocol, raw),
    ]


def _in_order(found: list[Problem], raw: Mapping[str, Any]) -> list[Problem]:
    """Return the problems in the order of the tables of the file, without duplicates."""
    tables = list(raw)

    def place(problem: Problem) -> int:
        table = problem.path.partition(".")[0]
        return tables.index(table) if table in tables else -1

    return sorted(dict.fromkeys(found), key=place)
