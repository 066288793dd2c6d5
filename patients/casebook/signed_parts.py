"""The content of a casebook signature besides the forms, as the signer reads it: facts and tables of the rooms above.

A room registers a provider when it starts; what a provider returns is the same for every reader, so it holds nothing
that depends on the arm.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from patients.models import Patient


@dataclass(frozen=True, slots=True)
class SignedTable:
    """Rows of one kind, as texts under their heads."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class SignedPart:
    """One infusion, or another row outside the forms: its facts as (label, text), and what was recorded of it."""

    title: str
    address: str
    state: str
    facts: tuple[tuple[str, str], ...]
    tables: tuple[SignedTable, ...]


providers: list[Callable[[Patient], Iterable[SignedPart]]] = []


def parts_of(patient: Patient) -> list[SignedPart]:
    """Return the parts of a casebook outside the forms. The queries of the providers."""
    return [part for provider in providers for part in provider(patient)]
