"""The rows of a log, and striking out a form that was entered in error."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language

from accounts.access import TrialRequest, trial_page
from accounts.permissions import Permission as P
from patients import entry
from patients.casebook import Casebook, Place
from patients.entry_views import located
from patients.flags import place_readings
from patients.models import Record
from patients.navigation import address_of, form_address, navigation, stage_of
from patients.openness import obstacle
from patients.reading import line, sections
from trials.protocol_items import Item

LINES = 5


@trial_page(see=P.SEE_TRIAL)
def logs(request: TrialRequest, code: str, form: str) -> HttpResponse:
    """List the rows of a log."""
    casebook, place = located(request, code, form, None, 1)
    rows = log_rows(casebook, place)
    items = [item for item in place.form.items if item.type != "rows"][:LINES]
    language = get_language() or "en"
    following = 1 + max((record.repeat for record in rows), default=0)
    context = {
        "patient": casebook.patient,
        "title": place.form.title.in_language(language),
        "navigation": navigation(casebook, place),
        "columns": [item.label.in_language(language) for item in items],
        "rows": [log_row(casebook, record, items, language) for record in rows],
        "new_url": form_address(casebook.patient, form, None, following),
        "closed": obstacle(casebook, place, None),
        "may_enter": request.access.may(P.ENTER_DATA),
    }
    return render(request, "patients/log.html", context)


def log_rows(casebook: Casebook, place: Place) -> list[Record]:
    """Return the rows of a log in their order, those struck out too."""
    rows = [
        record for record in casebook.records if record.form == place.form.code and record.visit_id is None
    ]
    return sorted(rows, key=lambda record: record.repeat)


def log_row(casebook: Casebook, record: Record, items: list[Item], language: str) -> dict[str, Any]:
    """Return one row as the list shows it."""
    struck = record.state == Record.State.STRUCK_OUT
    return {
        "record": record,
        "state": "struck_out" if struck else stage_of(record),
        "flags": ["query"] if getattr(record, "has_open_query", False) else [],
        "lines": [line(item, record.values.get(item.name), language) for item in items],
        "url": form_address(casebook.patient, record.form, None, record.repeat),
    }


@trial_page(see=P.ENTER_DATA, change=P.ENTER_DATA)
def strike(
    request: TrialRequest, code: str, form: str, visit: str | None = None, repeat: int = 1
) -> HttpResponse:
    """Mark a form as entered in error, with a reason."""
    casebook, place = located(request, code, form, visit, repeat)
    record = casebook.record(place)
    if record is None:
        raise Http404
    context: dict[str, Any] = {"patient": casebook.patient, "record": record, "address": address_of(place)}
    status = 200
    if request.method == "POST":
        try:
            entry.strike_out(record=record, reason=request.POST.get("reason", "")[:2000], by=request.user)
            return redirect(address_of(place))
        except ValidationError as refused:
            context["refusal"], status = " ".join(refused.messages), 422
    context["title"] = place.form.title.in_language(get_language() or "en")
    readings = place_readings(casebook, place, record.values)
    context["sections"] = sections(place.form, record.values, readings=readings)
    return render(request, "patients/strike_out.html", context, status=status)
