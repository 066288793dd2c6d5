"""Raising a query from the page of a form, on the item that is open beside it."""

from dataclasses import replace

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect

from accounts.kept_forms import kept_data
from patients.entry.page import EntryPage, Refused
from patients.models import Query, Record
from patients.queries import threads
from patients.queries.threads import LONGEST, ORIGINS
from patients.views.entry import located, opened, shown
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P


@trial_page(see=P.RAISE_QUERY, change=P.RAISE_QUERY)
def ask(
    request: TrialRequest, code: str, form: str, visit: str | None = None, repeat: int = 1
) -> HttpResponse:
    """Raise a query on one item of a form; what is refused is shown beside the question, nothing typed is lost."""
    casebook = opened(request, code)
    place = located(casebook, form, visit, repeat)
    record = casebook.record(place)
    if record is None or record.state == Record.State.STRUCK_OUT:
        raise Http404
    sent = request.POST if request.method == "POST" else (kept_data(request) or request.POST)
    item, text = sent.get("item", ""), sent.get("text", "")[:LONGEST]
    page = EntryPage(request.access, casebook, place, asked=item)
    panel = replace(page.panel, said=text)
    if request.method == "GET":
        return shown(request, page, panel=panel)
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
            return shown(request, page, 422, panel=replace(panel, said_refused=why))
        return shown(request, replace(page, refused=Refused(why)), 422, panel=panel)
    return redirect(f"{page.address}?field={item}#{item}")
