"""Labels to print: of one bag, of the bags of a lot, and of the kits. The label of a kit is the same in every arm."""

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from dosing.allocation.views import kits as kits_page
from dosing.infusions.bedside_views import infusion_of
from dosing.models import Bag, Infusion, Kit
from dosing.stock.labels.printed_labels import bag_label, kit_label
from patients.samples.label_sending import send_labels
from patients.samples.label_sheet import Label
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P


@trial_page(see=P.SEE_TREATMENT)
def bag(request: TrialRequest, number: int) -> HttpResponse:
    """Send the label of a bag as a PDF sheet."""
    rows = Bag.objects.visible_to(request.user).filter(trial=request.trial).select_related("lot")
    row = get_object_or_404(rows, pk=number)
    row.trial = request.trial
    return _of_stock(request, [bag_label(row)], row.number)


@trial_page(see=P.SEE_TREATMENT)
def lot(request: TrialRequest, number: int) -> HttpResponse:
    """Send the labels of the bags of a lot as a PDF sheet. Not found without a bag."""
    rows = Bag.objects.visible_to(request.user).filter(trial=request.trial, lot=number)
    bags = list(rows.select_related("lot").order_by("number"))
    for each in bags:
        each.trial = request.trial
    return _of_stock(request, [bag_label(each) for each in bags], bags[0].lot.number if bags else "")


@trial_page(see=P.SEE_TRIAL)
def kit(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Send the label of the kit of an infusion. Not found before the infusion has a number."""
    row = infusion_of(request, code, number)
    found = get_object_or_404(Kit, infusion=row)
    found.trial, found.patient, found.infusion = request.trial, row.patient, row
    return send_labels(request, [kit_label(found)], found.shown, patient_id=row.patient_id)


@trial_page(see=P.SEE_TRIAL)
def kits(request: TrialRequest) -> HttpResponseBase:
    """Send the labels of the kits of all infusions to come; without one, show the page of the kits."""
    rows = Kit.objects.visible_to(request.user).filter(
        trial=request.trial, infusion__state=Infusion.State.PLANNED
    )
    found = list(rows.select_related("patient", "infusion").order_by("patient__number", "infusion__number"))
    for each in found:
        each.trial = request.trial
    if not found:
        messages.info(request, _("No infusion to come has a kit: there is no label to print."))
        return kits_page(request, slug=request.trial.slug)
    return send_labels(request, [kit_label(each) for each in found], "kits")


def _of_stock(request: TrialRequest, labels: Sequence[Label], name: str) -> HttpResponse:
    # In a masked trial a blinded reader must not learn which lots there are.
    return send_labels(request, labels, name, see=str(P.SEE_TREATMENT) if request.trial.masked else "")
