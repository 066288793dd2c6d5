"""The log of queries on the product: its addresses and rights, the bubbles beside its facts, and its filters."""

from collections.abc import Iterable, Mapping
from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from dosing.models import ProductQuery
from dosing.product_queries.kinds import KINDS, Target
from patients.casebook.facts import OTHER
from patients.models import Query
from patients.queries.filters import QueryFilter
from patients.views.fact_links import FactLink, links_of_kind
from patients.views.query_log import QueryLog
from trials.access import Access
from trials.permissions import Permission as P

LOG = QueryLog(
    model=ProductQuery,
    kinds=KINDS,
    listing="dosing:product-queries",
    listings={Target.PREPARATION: "dosing:product-verification", Target.BAG_MOVEMENT: "dosing:movements"},
    title=_("Product queries"),
    name="product-queries",
    raises=P.ASK_PRODUCT,
    answers=P.PREPARE_PRODUCT,
    verifies=P.VERIFY_PRODUCT,
)
ABOUT = [(f"{OTHER}{code}", label) for code, label in Target.choices]


def product_links(
    access: Access, target: str, keys: Iterable[int | None]
) -> dict[int, Mapping[str, FactLink]]:
    """Return the bubbles by key of the row and by fact; none for a row without a patient."""
    wanted = [key for key in keys if key]
    rows = KINDS[target].rows(wanted) if wanted else []
    return {**links_of_kind(access, KINDS[target], rows, LOG.raises)} if rows else {}


def waiting_for(access: Access) -> Q:
    """Return the condition for product queries that wait for the reader's role: open or answered ones."""
    if access.may(LOG.answers):
        return Q(state=Query.State.OPEN)
    return Q(state=Query.State.ANSWERED) if access.may(LOG.raises) else Q(pk__in=())


class ProductQueryFilter(QueryFilter):
    """Product queries by the role they wait for, status, age, kind of row, patient and origin."""

    origin = django_filters.ChoiceFilter(
        label=_("Raised by"),
        choices=[choice for choice in Query.Origin.choices if choice[0] != Query.Origin.CHECK],
        empty_label=_("Any"),
    )

    class Meta:
        model = ProductQuery
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters["form_code"].extra["choices"] = ABOUT

    def by_form(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep queries on one kind of row."""
        return rows.filter(target=value.removeprefix(OTHER))

    def waiting_for_me(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep queries that wait for the reader's role."""
        return rows.filter(waiting_for(self.access))
