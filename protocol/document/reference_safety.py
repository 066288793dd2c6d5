"""Reference safety information of a protocol: the expected reactions, in versions with the first day of each."""

from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from protocol.document.items import Part
from protocol.document.written_values import Count, Day, Line, ShortLine


class ExpectedReaction(Part):
    """A reaction that is expected up to a grade. ``also``: other names of the same term.

    Without ``highest_grade = 4`` or 5 a life-threatening or fatal reaction is unexpected, whatever its term (SAF-05).
    """

    term: ShortLine
    also: tuple[ShortLine, ...] = ()
    highest_grade: Annotated[Count, Field(le=5)]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the term and its other names."""
        return (self.term, *self.also)


class ReferenceSafety(Part):
    """One version of the reference safety information, in force from a day until that of the next version."""

    version: ShortLine
    effective: Day
    source: Line | None = None
    terms: tuple[ExpectedReaction, ...] = ()

    @model_validator(mode="after")
    def _each_name_once(self) -> Self:
        names = [term_key(name) for each in self.terms for name in each.names]
        if len(set(names)) < len(names):
            raise ValueError("each name of a reaction appears once in a version")
        return self


def term_key(term: str) -> str:
    """Return a term without case, spaces and hyphens: `Multi-organ  failure` and `multiorgan failure` are one term."""
    return "".join(term.replace("-", "").split()).casefold()


def in_order(versions: tuple[ReferenceSafety, ...]) -> tuple[ReferenceSafety, ...]:
    """Return the versions. Raises ValueError unless each begins after the one before and has a name of its own."""
    if len({each.version for each in versions}) < len(versions):
        raise ValueError("each version of the reference safety information has a name of its own")
    if any(later.effective <= earlier.effective for earlier, later in pairwise(versions)):
        raise ValueError("list the versions by their day, the oldest first")
    return versions
