"""The two logs of queries: the general one here, and that of the product in `dosing`."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from patients.casebook.facts import KINDS, FactKind
from patients.models import Query, QueryRow
from trials.permissions import Permission as P


@dataclass(frozen=True, slots=True)
class QueryLog:
    """One log: its rows and kinds of facts, the names of its addresses, who asks, who answers, and who verifies.

    listings: by kind of row, the listing in which rows are ticked to ask about them.
    """

    model: type[QueryRow]
    kinds: Mapping[str, FactKind]
    listing: str
    listings: Mapping[str, str]
    title: str | Promise
    name: str
    raises: P
    answers: P
    verifies: P

    def address(self, slug: str) -> str:
        """Return the address of the listing."""
        return reverse(self.listing, args=[slug])


GENERAL = QueryLog(
    model=Query,
    kinds=KINDS,
    listing="patients:queries",
    listings={
        Query.Target.ADVERSE_EVENT: "safety:listing",
        Query.Target.INFUSION: "dosing:listing",
        Query.Target.CONSENT: "patients:consents",
        Query.Target.ELIGIBILITY: "patients:decisions",
        Query.Target.DISPOSITION: "patients:listing",
    },
    title=_("Queries"),
    name="queries",
    raises=P.RAISE_QUERY,
    answers=P.ANSWER_QUERY,
    verifies=P.VERIFY,
)
