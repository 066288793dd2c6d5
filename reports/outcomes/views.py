"""The page of the outcomes, the patients behind each number, and both as CSV."""

from itertools import chain

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from audit import events
from audit.export_register import Channel, Sending, sent
from reports.outcomes.computing import OutcomeReport, report_of, shows_arms
from reports.outcomes.csv_rows import line_rows, patient_rows
from reports.outcomes.page import BehindPage, ChosenNumber, OutcomePage
from trials.access import TrialRequest, trial_page
from trials.listing.lines import csv_lines
from trials.listing.page import counted
from trials.permissions import Permission as P
from trials.reader import in_english
from trials.unblinded_files import marked_name, marked_rows, sentence


@trial_page(see=P.SEE_TRIAL)
def outcomes(request: TrialRequest) -> HttpResponseBase:
    """Show the outcomes; `?outcome=L-P1&reading=events` lists the patients behind, `?format=csv` sends either."""
    report = report_of(request.access)
    chosen = ChosenNumber.of(request.access, request.GET)
    if request.GET.get("format") == "csv":
        return _csv(request, report, chosen)
    if _unblinds(request):
        _record_reading(request)
    page = OutcomePage(request.access, report)
    context = {
        "page": page,
        "behind": BehindPage(chosen, page) if chosen else None,
        "warning": sentence() if _unblinds(request) else "",
        "patients": report.patients,
    }
    response: HttpResponse = render(request, "reports/outcomes.html", context)
    return response


def _unblinds(request: TrialRequest) -> bool:
    return request.trial.masked and shows_arms(request.access)


def _record_reading(request: TrialRequest) -> None:
    # Lines from the cache fetch no row of the allocation, by which a reading would be noticed.
    events.record(
        kind=events.AccessKind.TREATMENT_SEEN,
        trial_id=request.trial.pk,
        detail={"page": request.path},
        request=request,
        see=P.SEE_TREATMENT,
    )


def _csv(request: TrialRequest, report: OutcomeReport, chosen: ChosenNumber | None) -> HttpResponseBase:
    rules, marked = request.trial.rules, _unblinds(request)
    counts = {"rows": 0}
    rows = in_english(lambda: patient_rows(chosen, rules) if chosen else line_rows(report, rules))
    lines = csv_lines(chain(marked_rows(marked=marked), counted(rows, counts)))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    name = marked_name("outcome.csv" if chosen else "outcomes.csv", marked=marked)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    sending = Sending(
        channel=Channel.LISTING,
        trial_id=request.trial.pk,
        treatment=marked,
        see=str(P.SEE_TREATMENT) if marked else "",
        told={"listing": "outcomes", "filters": request.GET.urlencode()},
        counts=counts,
    )
    return sent(response, sending, request=request)
