"""The bubbles beside the facts on pages of events, infusions, consents, eligibility and the end of study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from patients.casebook.facts import KINDS, FactKind, fact_address, open_numbers, patient_of_row
from trials.access import Access
from trials.permissions import Permission as P


@dataclass(frozen=True, slots=True)
class FactLink:
    """The bubble beside a fact: the page with its queries, and how many are not closed."""

    url: str
    label: str
    open: int


def fact_links(access: Access, target: str, rows: Sequence[Any]) -> dict[int, dict[str, FactLink]]:
    """Return the bubbles by key of the row and by fact. One query.

    A reader who raises no queries sees those of facts that were asked about.
    """
    return links_of_kind(access, KINDS[target], rows, P.RAISE_QUERY)


def links_of_kind(
    access: Access, kind: FactKind, rows: Sequence[Any], raises: P
) -> dict[int, dict[str, FactLink]]:
    """Return the bubbles like `fact_links`. raises: the right with which queries of this kind are raised. One query."""
    asked, found = open_numbers(kind, [row.pk for row in rows]) if rows else {}, {}
    for row in rows:
        patient, asks = patient_of_row(row), access.may(raises) and not kind.refusal(row)
        found[row.pk] = {
            item: FactLink(
                fact_address(patient, kind.target, row.pk, item), str(label), asked.get((row.pk, item), 0)
            )
            for item, (label, _value) in kind.facts(row).items()
            if asks or (row.pk, item) in asked
        }
    return found


def links_of(access: Access, target: str, row: Any) -> Mapping[str, FactLink]:
    """Return the bubbles of one row by fact. One query."""
    return fact_links(access, target, [row])[row.pk]
