"""The page with the history of a lot, a bag, a donor, or the product of an infusion (AUD-05, AUD-15)."""

from types import SimpleNamespace

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _

from audit.trail_reading.change_labels import Reader
from reports.audit_trail.lines import lines_of
from reports.product_history.rows import KINDS, entries_of
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P
from trials.reader import reader_language


@trial_page(see=P.SEE_TREATMENT)
def history(request: TrialRequest, kind: str, number: int) -> HttpResponse:
    """Show who recorded and changed what, with reasons: also to the laboratory, which reads no other trail."""
    if kind not in KINDS:
        raise Http404
    chosen = KINDS[kind]
    rows = chosen.model._default_manager.visible_to(request.user)  # type: ignore[attr-defined]
    row = get_object_or_404(rows.filter(**{chosen.trial: request.trial}), pk=number)
    reader = Reader(language=reader_language(), zone=request.trial.time_zone)
    reader.may = {str(permission) for permission in request.access.permissions}
    lines = lines_of(entries_of(chosen, row.pk, reader), request.trial.slug, lambda query: [])
    title = _("Infusion %(number)d") % {"number": row.number} if kind == "infusion" else str(row)
    context = {"title": title, "listing": SimpleNamespace(lines=lines), "may_mask": False}
    return render(request, "reports/product_history.html", context)
