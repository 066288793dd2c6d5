"""The page of the outcomes, the patients behind each number, and both as CSV."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from urllib.parse import urlencode

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from audit import events
from audit.export_register import Channel, Sending, sent
from outcomes.computing import OutcomeReport, report_of, shows_arms
from reports.outcomes.csv_rows import line_rows, patient_rows
from reports.outcomes.page import BehindPage, ChosenNumber, OutcomePage
from reports.packs.forms import ShownMomentForm
from reports.packs.past_moments import data_of, under_protocol_of
from trials.access import Access, TrialRequest, trial_page
from trials.blinding.unblinded_files import marked_name, marked_rows, sentence
from trials.listing.lines import csv_lines
from trials.listing.page import counted
from trials.permissions import Permission as P
from trials.reader import in_english


@trial_page(see=P.SEE_TRIAL)
def outcomes(request: TrialRequest) -> HttpResponseBase:
    """Show the outcomes; `?outcome=L-P1&reading=events` lists the patients behind, `?format=csv` sends either.

    `?as_of=2026-03-01T14:30+01:00` shows either as the data were then.
    """
    form = ShownMomentForm({"as_of": request.GET.get("as_of", "")}, trial=request.trial)
    if not form.is_valid():
        return render(request, "reports/outcomes.html", {"form": form, "refused": True}, status=400)
    moment: datetime | None = form.cleaned_data["as_of"]
    reader, report, chosen = _read(request, moment)
    if request.GET.get("format") == "csv":
        return _csv(request, reader, report, chosen)
    if _unblinds(request):
        _record_reading(request)
    kept = {"as_of": moment.isoformat()} if moment else {}
    page = OutcomePage(reader, report, kept)
    context = {
        "form": form,
        "moment": moment,
        "kept": urlencode(kept),
        "page": page,
        "behind": BehindPage(chosen, page) if chosen else None,
        "warning": sentence() if _unblinds(request) else "",
        "patients": report.patients,
    }
    response: HttpResponse = render(request, "reports/outcomes.html", context)
    return response


def _read(
    request: TrialRequest, moment: datetime | None
) -> tuple[Access, OutcomeReport, ChosenNumber | None]:
    """Return the reader under the protocol of the moment, the outcomes, and the number that the address names."""
    access = request.access
    if moment is None:
        return access, report_of(access), ChosenNumber.of(access, request.GET)
    reader = under_protocol_of(access, moment)
    chosen = ChosenNumber.of(reader, request.GET)
    read = False

    @contextmanager
    def data() -> Iterator[Access]:
        nonlocal read
        with data_of(access, moment) as then:
            yield then
            if chosen is not None:
                chosen.results  # noqa: B018  read while the data of the moment are there, and kept
            read = True

    report = report_of(reader, moment, data)
    if chosen is not None and not read:
        # The lines were in the cache.
        with data():
            pass
    return reader, report, chosen


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


def _csv(
    request: TrialRequest, reader: Access, report: OutcomeReport, chosen: ChosenNumber | None
) -> HttpResponseBase:
    rules, marked = reader.trial.rules, _unblinds(request)
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
