"""Look-back: from a lot or a donor to every recipient and every adverse event of each (ATM-02, ATM-03).

Product data: in a masked trial only for readers who may know the treatment.
"""

from collections import defaultdict
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _

from dosing.models import Donor, Lot
from dosing.stock.balance import recipients_of
from safety.models import AdverseEvent
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P


@trial_page(see=P.SEE_TREATMENT)
def of_lot(request: TrialRequest, number: int) -> HttpResponse:
    """Show who received content of a lot, with the adverse events of each."""
    row = get_object_or_404(Lot.objects.visible_to(request.user).filter(trial=request.trial), pk=number)
    title = _("Look-back of lot %(lot)s") % {"lot": row.number}
    return _shown(request, title, lot=row)


@trial_page(see=P.SEE_TREATMENT)
def of_donor(request: TrialRequest, number: int) -> HttpResponse:
    """Show who received cells of a donor, with the adverse events of each."""
    row = get_object_or_404(Donor.objects.visible_to(request.user).filter(trial=request.trial), pk=number)
    title = _("Look-back of donor %(donor)s") % {"donor": row.code}
    return _shown(request, title, lot__bank__donation__donor=row)


def _shown(request: TrialRequest, title: str, **chain: Any) -> HttpResponse:
    recipients = recipients_of(**chain)
    events: dict[int, list[AdverseEvent]] = defaultdict(list)
    rows = (
        AdverseEvent.objects.visible_to(request.user)
        .filter(patient__in=[patient.pk for patient, _numbers, _lots in recipients])
        .not_in_error()
    )
    # Only what the page shows: a donor may have hundreds of recipients, each with many events of many columns.
    for event in rows.only("patient", "number", "term", "grade").order_by("patient", "pk"):
        events[event.patient_id].append(event)
    found = [(*recipient, events[recipient[0].pk]) for recipient in recipients]
    return render(request, "reports/look_back.html", {"title": title, "recipients": found})
