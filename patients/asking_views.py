"""Raising a query from the page of a form, on the item that is open beside it."""

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect

from accounts.access import TrialRequest, trial_page
from accounts.permissions import Permission as P
from patients import querying
from patients.entry_page import EntryPage
from patients.entry_views import located, shown
from patients.models import Query, Record

LONGEST = 4000
ORIGINS = {"monitor": Query.Origin.MONITOR, "data_manager": Query.Origin.DATA_MANAGER}


@trial_page(see=None, change=P.RAISE_QUERY)
def ask(
    request: TrialRequest, code: str, form: str, visit: str | None = None, repeat: int = 1
) -> HttpResponse:
    """Raise a query on one item of a form; what is refused is shown beside the question."""
    casebook, place = located(request, code, form, visit, repeat)
    record = casebook.record(place)
    if record is None or record.state == Record.State.STRUCK_OUT:
        raise Http404
    role, item = request.access.role.code, request.POST.get("item", "")
    try:
        querying.raise_query(
            record=record,
            item=item,
            text=request.POST.get("text", "")[:LONGEST],
            origin=ORIGINS.get(role, Query.Origin.MONITOR),
            by=request.user,
            role=role,
        )
    except ValidationError as refused:
        page = EntryPage(
            request, casebook, place, may_enter=False, asked=item, refusal=" ".join(refused.messages)
        )
        return shown(request, page, 422)
    return redirect(f"{EntryPage(request, casebook, place, may_enter=False).address}?field={item}#{item}")
