"""Columns and filters of the listings of bags and of their movements."""

from datetime import tzinfo
from typing import Any

import django_filters
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.translation import gettext_lazy as _

from dosing.models import Bag, BagMovement, Lot
from dosing.stock.ledger import MovementKind
from trials.listing import Column, choice_text
from trials.reader import shown_day, shown_moment, shown_number

ANY = _("Any")
ACCOUNTS = dict(BagMovement.Account.choices)


def with_account(bags: QuerySet[Bag]) -> QuerySet[Any]:
    """Return bags with `account` and `place` after the last movement that stands."""
    last = (
        BagMovement.objects.filter(bag=OuterRef("pk"), reversed_by=None)
        .exclude(kind=MovementKind.REVERSAL)
        .order_by("-position")
    )
    return bags.annotate(
        account=Subquery(last.values("target")[:1]), stored_at=Subquery(last.values("place")[:1])
    )


BAGS = (
    Column(name="number", label=_("Bag"), value=lambda row: row.number, sort=("number",), css="code nowrap"),
    Column(name="lot", label=_("Lot"), value=lambda row: row.lot.number, css="nowrap"),
    Column(name="status", decides=True, label=_("Status of the lot"), value=lambda row: row.lot.status,
           text=lambda row: row.lot.get_status_display()),
    Column(name="account", label=_("Where it is"), value=lambda row: row.account or "",
           text=lambda row: str(ACCOUNTS.get(row.account, ""))),
    Column(name="place", label=_("Storage place"), value=lambda row: row.stored_at or "", free_text=True),
    Column(name="cells", label=_("Cells (×10⁶)"), value=lambda row: row.cells, css="num",
           text=lambda row: shown_number(row.cells / 1_000_000) if row.cells is not None else ""),
    Column(name="volume_ml", label=_("Volume (mL)"), value=lambda row: row.volume_ml, css="num",
           text=lambda row: shown_number(row.volume_ml.normalize())),
    Column(name="expires_on", label=_("Expires on"), value=lambda row: row.lot.expires_on, css="nowrap",
           text=lambda row: shown_day(row.lot.expires_on)),
    Column(name="european_code", label=_("Single European Code"), value=lambda row: row.european_code,
           on_page=False),
)  # fmt: skip


def movement_columns(zone: tzinfo) -> tuple[Column, ...]:
    """Return the columns of the accountability log, with times at the site."""
    return (
        Column(name="written", label=_("No."), value=lambda row: row.pk, sort=("id",), css="num"),
        Column(name="at", label=_("At"), value=lambda row: row.at, css="nowrap",
               text=lambda row: shown_moment(row.at, zone)),
        Column(name="bag", label=_("Bag"), value=lambda row: row.bag.number, css="code nowrap"),
        Column(name="lot", label=_("Lot"), value=lambda row: row.lot.number, css="nowrap"),
        Column(name="kind", decides=True, label=_("Movement"), value=lambda row: row.kind,
               text=choice_text(BagMovement, "kind")),
        Column(name="source", label=_("From"), value=lambda row: row.source, text=choice_text(BagMovement, "source")),
        Column(name="target", label=_("To"), value=lambda row: row.target, text=choice_text(BagMovement, "target")),
        Column(name="volume_ml", label=_("Volume (mL)"), value=lambda row: row.volume_ml, css="num",
               text=lambda row: shown_number(row.volume_ml.normalize())),
        Column(name="place", label=_("Storage place"), value=lambda row: row.place, free_text=True, on_page=False),
        Column(name="patient", label=_("Patient"), value=lambda row: row.patient.code if row.patient else "",
               css="nowrap"),
        Column(name="infusion", label=_("Infusion"), value=lambda row: row.infusion.number if row.infusion else None),
        Column(name="carrier", label=_("Brought or received by"), value=lambda row: row.carrier, free_text=True,
               on_page=False),
        Column(name="logger", label=_("Temperature logger"), value=lambda row: row.logger, free_text=True,
               on_page=False),
        Column(name="note", label=_("Note"), value=lambda row: row.note, free_text=True),
        Column(name="recorded_by", label=_("Recorded by"), value=lambda row: row.recorded_by.full_name, free_text=True),
        Column(name="recorded_at", label=_("Recorded at"), value=lambda row: row.recorded_at, on_page=False),
    )  # fmt: skip


class BagFilter(django_filters.FilterSet):
    """Bags by number, lot, status of the lot, and where they are."""

    number = django_filters.CharFilter(label=_("Bag"), lookup_expr="icontains", max_length=20)
    lot = django_filters.CharFilter(
        label=_("Lot"), field_name="lot__number", lookup_expr="icontains", max_length=20
    )
    status = django_filters.ChoiceFilter(
        label=_("Status of the lot"), field_name="lot__status", choices=Lot.Status.choices, empty_label=ANY
    )
    account = django_filters.ChoiceFilter(
        label=_("Where it is"), field_name="account", choices=BagMovement.Account.choices, empty_label=ANY
    )

    class Meta:
        model = Bag
        fields: list[str] = []


class MovementFilter(django_filters.FilterSet):
    """Movements by bag, lot, kind and patient."""

    bag = django_filters.CharFilter(
        label=_("Bag"), field_name="bag__number", lookup_expr="icontains", max_length=20
    )
    lot = django_filters.CharFilter(
        label=_("Lot"), field_name="lot__number", lookup_expr="icontains", max_length=20
    )
    kind = django_filters.ChoiceFilter(label=_("Movement"), choices=BagMovement.Kind.choices, empty_label=ANY)
    patient = django_filters.CharFilter(
        label=_("Patient"), field_name="patient__code", lookup_expr="icontains", max_length=20
    )

    class Meta:
        model = BagMovement
        fields: list[str] = []
