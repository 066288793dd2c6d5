"""Pages of shipments: the list, one shipment with its tubes, sent, received, corrected."""

from functools import partial
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from patients.models import SampleMovement, Shipment
from patients.samples import shipping
from patients.samples.filters import ShipmentFilter
from patients.samples.ledger import Kind
from patients.samples.shipment_forms import CorrectShipmentForm, ReceiveForm, ShipForm
from patients.views.participation import step
from trials.access import TrialRequest, trial_page
from trials.listing import Column, Listing, choice_text
from trials.permissions import Permission as P

TEMPLATE = "patients/shipment_step.html"
COLUMNS = (
    Column(name="number", label=gettext_lazy("No."), value=lambda row: row.number, sort=("number",)),
    Column(name="destination", label=gettext_lazy("Destination"), value=lambda row: row.destination, free_text=True),
    Column(name="sent", label=gettext_lazy("Sent"), value=lambda row: row.sent_at, sort=("sent_at",), css="nowrap"),
    Column(name="received", decides=True, label=gettext_lazy("Received"), value=lambda row: row.received_at,
           css="nowrap"),
    Column(name="tubes", label=gettext_lazy("Tubes"), value=lambda row: row.tubes),
    Column(name="carrier", label=gettext_lazy("Carrier"), value=lambda row: row.carrier, free_text=True),
    Column(name="consignment", label=gettext_lazy("Number of the consignment"), value=lambda row: row.consignment,
           free_text=True),
    Column(name="packing", label=gettext_lazy("Packing"), value=lambda row: row.packing,
           text=choice_text(Shipment, "packing")),
    Column(name="logger", label=gettext_lazy("Temperature logger"), value=lambda row: row.logger, free_text=True),
)  # fmt: skip


@trial_page(see=P.SEE_TRIAL)
def shipments(request: TrialRequest) -> HttpResponseBase:
    """List the shipments of the trial."""
    rows = Shipment.objects.visible_to(request.user).filter(trial=request.trial)
    sent = Q(movements__kind=Kind.SHIPPED, movements__reversal=None)
    slug = request.trial.slug
    page = Listing(
        request,
        queryset=rows.annotate(tubes=Count("movements", filter=sent)),
        columns=COLUMNS,
        sort="-number",
        filterset=ShipmentFilter(request.GET, queryset=rows),
        row_url=lambda row: reverse("patients:shipment", args=[slug, row.number]),
        name="shipments",
        empty=_("No tube was sent yet."),
    )
    return page.response("patients/shipments.html", {"may": request.access.may(P.ENTER_DATA)})


@trial_page(see=P.SEE_TRIAL)
def shipment(request: TrialRequest, number: int) -> HttpResponse:
    """Show one shipment, and how each of its tubes arrived."""
    row = _shipment(request, number)
    rows = SampleMovement.objects.filter(shipment=row).in_force()
    movements = list(rows.select_related("aliquot__sample", "patient").order_by("aliquot__code", "at", "pk"))
    arrived = {each.aliquot_id: each for each in movements if each.kind != Kind.SHIPPED}
    tubes = [(each, arrived.get(each.aliquot_id)) for each in movements if each.kind == Kind.SHIPPED]
    context = {
        "shipment": row,
        "tubes": tubes,
        "waiting": len(tubes) - sum(found is not None for _sent, found in tubes),
        "may": request.access.may(P.ENTER_DATA),
    }
    return render(request, "patients/shipment.html", context)


@trial_page(see=P.ENTER_DATA, change=P.ENTER_DATA)
def ship(request: TrialRequest) -> HttpResponse:
    """Send tubes in one shipment. The address may name tubes (`tubes=`), as the page of a sample does."""
    tubes = "\n".join(filter(None, request.GET.get("tubes", "")[:2000].split(",")))

    def do(form: Any) -> bool:
        names = ("aliquots", "sent", "save_key")
        given = {name: form.cleaned_data[name] for name in names}
        verb = partial(shipping.ship_aliquots, trial=request.trial, facts=form.facts())
        return bool(form.run(verb, by=request.user, **given))

    return step(
        request,
        partial(ShipForm, initial={"aliquots": tubes}),  # type: ignore[arg-type]
        TEMPLATE,
        do,
        lambda form: _page_of(form.result, request.trial.slug),
        title=_("Send tubes"),
        action=_("Record the shipment"),
        back=reverse("patients:shipments", args=[request.trial.slug]),
    )


@trial_page(see=P.ENTER_DATA, change=P.ENTER_DATA)
def receive(request: TrialRequest, number: int) -> HttpResponse:
    """Record how the tubes of a shipment arrived."""
    row = _shipment(request, number)
    tubes = list(shipping.on_their_way(row).order_by("code"))

    def do(form: Any) -> bool:
        return bool(form.run(shipping.receive_shipment, shipment=row, by=request.user, **form.arrived()))

    title = _("Receipt of shipment %(number)s") % {"number": number}
    return _step_on(request, row, partial(ReceiveForm, row=row, tubes=tubes), do, title)


@trial_page(see=P.ENTER_DATA, change=P.ENTER_DATA)
def correct(request: TrialRequest, number: int) -> HttpResponse:
    """Correct the facts of a shipment with a reason."""
    row = _shipment(request, number)

    def do(form: Any) -> bool:
        given = {name: form.cleaned_data[name] for name in ("change_reason", "version")}
        verb = partial(shipping.correct_shipment, shipment=row, facts=form.facts())
        return bool(form.run(verb, by=request.user, **given))

    title = _("Correct shipment %(number)s") % {"number": number}
    return _step_on(request, row, partial(CorrectShipmentForm, row=row), do, title)


def _step_on(request: TrialRequest, row: Shipment, form_class: Any, do: Any, title: str) -> HttpResponse:
    page = _page_of(row, request.trial.slug)

    def done(form: Any) -> str:
        messages.success(request, _("The change is recorded."))
        return page

    return step(request, form_class, TEMPLATE, do, done, title=title, action=_("Record it"), back=page)


def _page_of(row: Shipment, slug: str) -> str:
    return reverse("patients:shipment", args=[slug, row.number])


def _shipment(request: TrialRequest, number: int) -> Shipment:
    rows = Shipment.objects.visible_to(request.user).select_related("recorded_by")
    return get_object_or_404(rows, trial=request.trial, number=number)
