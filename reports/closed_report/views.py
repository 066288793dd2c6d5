"""The page of the closed report. Each look at it is recorded as a reading of the treatment (AUD-08)."""

from django.http import HttpResponse
from django.shortcuts import render

from audit import events
from reports.closed_report.figures import closed_report
from trials.access import TrialRequest, trial_page
from trials.blinding.unblinded_files import sentence
from trials.permissions import Permission as P
from trials.reader import reader_language


@trial_page(see=P.SEE_CLOSED_REPORT)
def report(request: TrialRequest) -> HttpResponse:
    """Show the figures of each arm; of no patient, and only to readers of the closed report."""
    if request.trial.masked:
        events.record(
            kind=events.AccessKind.TREATMENT_SEEN,
            trial_id=request.trial.pk,
            detail={"page": request.path},
            request=request,
            see=P.SEE_TREATMENT,
        )
    context = {
        "report": closed_report(request.trial, reader_language()),
        "warning": sentence() if request.trial.masked else "",
    }
    return render(request, "reports/closed_report.html", context)
