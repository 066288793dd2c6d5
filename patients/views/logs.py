"""Pages of a log, and the page that strikes out a form entered in error."""

from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render

from patients.casebook.form_content import sections
from patients.casebook.navigation import address_of
from patients.casebook.range_flags import place_readings
from patients.entry import saving
from patients.entry.logs import log_context
from patients.views.entry import open_casebook, page_to_open, place_of, render_page
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P
from trials.reader import reader_language


@trial_page(see=P.SEE_TRIAL)
def logs(request: TrialRequest, code: str, form: str) -> HttpResponse:
    """List the rows of a log; `?row=4` opens a row for entry in the list."""
    casebook = open_casebook(request, code)
    place = place_of(casebook, form, None, 1)
    row_asked = request.GET.get("row", "")
    if not (row_asked.isascii() and row_asked.isdigit() and 0 < len(row_asked) < 6):
        return render(request, "patients/log.html", log_context(request.access, casebook, place))
    row = place_of(casebook, form, None, int(row_asked))
    page = replace(page_to_open(request, casebook, row), listed=True)
    return render_page(request, page) if page.editable else redirect(address_of(row))


@trial_page(see=P.ENTER_DATA, change=P.ENTER_DATA)
def strike(
    request: TrialRequest, code: str, form: str, visit: str | None = None, repeat: int = 1
) -> HttpResponse:
    """Strike out a form as entered in error, with a reason."""
    casebook = open_casebook(request, code)
    place = place_of(casebook, form, visit, repeat)
    record = casebook.record(place)
    if record is None:
        raise Http404
    context: dict[str, Any] = {"patient": casebook.patient, "record": record, "address": address_of(place)}
    status = 200
    if request.method == "POST":
        try:
            saving.strike_out(record=record, reason=request.POST.get("reason", "")[:2000], by=request.user)
            return redirect(address_of(place))
        except ValidationError as refused:
            context["refusal"], status = " ".join(refused.messages), 422
    context["title"] = place.form.title.in_language(reader_language())
    readings = place_readings(casebook, place, record.values)
    context["sections"] = sections(place.form, record.values, readings=readings)
    return render(request, "patients/strike_out.html", context, status=status)
