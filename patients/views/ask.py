"""The view that raises a query from the page of a form, on the item shown in the panel."""

from dataclasses import replace

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect

from accounts.sessions.kept_forms import kept_data
from patients.entry.form_page.page import EntryPage, Refused
from patients.models import Query, Record
from patients.queries import threads
from patients.queries.threads import LONGEST, ORIGINS
from patients.views.entry import open_casebook, place_of, render_page
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P


@trial_page(see=P.RAISE_QUERY, change=P.RAISE_QUERY)
def ask(
    request: TrialRequest, code: str, form: str, visit: str | None = None, repeat: int = 1
) -> HttpResponse:
    """Raise a query on one item of a form. If it is refused, the page shows the message with the typed text (422)."""
    casebook = open_casebook(request, code)
    place = place_of(casebook, form, visit, repeat)
    record = casebook.record(place)
    if record is None or record.state == Record.State.STRUCK_OUT:
        raise Http404
    posted = request.POST if request.method == "POST" else (kept_data(request) or request.POST)
    item, text = posted.get("item", ""), posted.get("text", "")[:LONGEST]
    page = EntryPage(request.access, casebook, place, panel_item=item)
    panel = replace(page.panel, typed_text=text)
    if request.method == "GET":
        return render_page(request, page, panel=panel)
    try:
        threads.raise_query(
            record=record,
            item=item,
            text=text,
            origin=ORIGINS.get(request.access.role.code, Query.Origin.MONITOR),
            by=request.user,
            role=request.access.role.code,
        )
    except ValidationError as refused:
        why = " ".join(refused.messages)
        if panel.field and panel.may_ask:
            return render_page(request, page, 422, panel=replace(panel, refusal=why))
        return render_page(request, replace(page, refused=Refused(why)), 422, panel=panel)
    return redirect(f"{page.address}?field={item}#{item}")
