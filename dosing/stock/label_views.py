"""Labels to print: of one bag, of the bags of a lot, and of the kits. The label of a kit is the same in every arm."""

import re
from collections.abc import Sequence

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404

from dosing.infusions.bedside_views import infusion_of
from dosing.models import Bag, Infusion, Kit
from dosing.stock.printed_labels import bag_label, kit_label
from patients.samples.label_sheet import Label, label_sheet
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P


@trial_page(see=P.SEE_TREATMENT)
def bag(request: TrialRequest, number: int) -> HttpResponse:
    """Send the label of a bag as a PDF sheet."""
    rows = Bag.objects.visible_to(request.user).filter(trial=request.trial).select_related("lot")
    row = get_object_or_404(rows, pk=number)
    row.trial = request.trial
    return _sheet([bag_label(row)], row.number)


@trial_page(see=P.SEE_TREATMENT)
def lot(request: TrialRequest, number: int) -> HttpResponse:
    """Send the labels of the bags of a lot as a PDF sheet. Not found without a bag."""
    rows = Bag.objects.visible_to(request.user).filter(trial=request.trial, lot=number)
    bags = list(rows.select_related("lot").order_by("number"))
    for each in bags:
        each.trial = request.trial
    return _sheet([bag_label(each) for each in bags], bags[0].lot.number if bags else "")


@trial_page(see=P.SEE_TRIAL)
def kit(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Send the label of the kit of an infusion. Not found before the infusion has a number."""
    row = infusion_of(request, code, number)
    found = get_object_or_404(Kit, infusion=row)
    found.trial, found.patient, found.infusion = request.trial, row.patient, row
    return _sheet([kit_label(found)], found.shown)


@trial_page(see=P.SEE_TRIAL)
def kits(request: TrialRequest) -> HttpResponse:
    """Send the labels of the kits of all infusions to come. Not found without one."""
    rows = Kit.objects.visible_to(request.user).filter(
        trial=request.trial, infusion__state=Infusion.State.PLANNED
    )
    found = list(rows.select_related("patient", "infusion").order_by("patient__number", "infusion__number"))
    for each in found:
        each.trial = request.trial
    return _sheet([kit_label(each) for each in found], "kits")


def _sheet(labels: Sequence[Label], name: str) -> HttpResponse:
    if not labels:
        raise Http404
    response = HttpResponse(label_sheet(labels), content_type="application/pdf")
    # A number of the stock may have signs that no file name has.
    safe = re.sub(r"[^A-Za-z0-9-]", "_", name)
    response["Content-Disposition"] = f'attachment; filename="labels-{safe}.pdf"'
    return response
