"""The listing of queries with its figures, and the page that closes answered queries together."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from patients.casebook.facts import OTHER, OTHER_TARGETS
from patients.casebook.item_history import add_threads
from patients.entry.form_page.page_drafts import PageDraft, finished
from patients.models import QueryRow
from patients.participation.forms import QueryTextForm
from patients.queries import bulk
from patients.queries.bulk import AT_ONCE
from patients.queries.figures import query_figures
from patients.queries.filters import QueryFilter, form_choices
from patients.views.query_log import GENERAL, QueryLog
from patients.views.query_words import COLUMNS, field_address, query_words, with_values
from trials.access import TrialRequest, trial_page
from trials.listing import Listing, Selection
from trials.listing.selection import numbers_of, pairs_of
from trials.permissions import Permission as P
from trials.reader import shown_number


def queries_of(request: TrialRequest, log: QueryLog = GENERAL) -> Any:
    """Return the queries of this trial, with the related rows that their columns need."""
    rows = log.model.objects.visible_to(request.user).filter(patient__trial=request.trial)
    if not log.model.above:
        return rows.select_related("patient", "opened_by")
    rows = rows.select_related("patient", "record__visit", "record__protocol", "opened_by")
    return rows.defer("record__values")


@trial_page(see=P.SEE_TRIAL)
def queries(request: TrialRequest) -> HttpResponseBase:
    """List the queries of the trial; roles that close queries can tick answered ones."""
    return list_queries(request, GENERAL, QueryFilter)


def list_queries(request: TrialRequest, log: QueryLog, filters: type[QueryFilter]) -> HttpResponseBase:
    """List the queries of one log."""
    rows, slug, access = queries_of(request, log), request.trial.slug, request.access
    selection = Selection(
        url=reverse(f"{log.listing}-close", args=[slug]),
        label=gettext_lazy("Close the ticked queries"),
        name="query",
        allowed=lambda row: row.state == row.State.ANSWERED,
        every=gettext_lazy("Close all answered ones of this list"),
    )
    zone = request.trial.rules.trial.site.time_zone

    def prepare(rows: Sequence[QueryRow]) -> None:
        with_values(rows)
        add_threads(rows, zone)

    listing = Listing(
        request,
        queryset=rows,
        columns=COLUMNS,
        sort="opened_at",
        filterset=filters(request.GET, queryset=rows, access=access),
        row_url=lambda row: opened_from_list(row, slug, answers=access.may(log.answers)),
        prepare=prepare,
        selection=selection if access.may(log.raises) else None,
        name=log.name,
        empty=gettext_lazy("There are no queries."),
    )
    if listing.wants_csv:
        return listing.csv()
    return listing.response("patients/queries.html", {"title": log.title, **figures(request, log)})


def figures(request: TrialRequest, log: QueryLog = GENERAL) -> dict[str, Any]:
    """Return the figures above the list as template context, the numbers by form with the titles of the forms."""
    titles = dict([*form_choices(request.trial), *OTHER_TARGETS])
    titles |= {f"{OTHER}{kind.target}": str(kind.name) for kind in log.kinds.values()}
    found = query_figures(user=request.user, trial=request.trial, log=log.model)
    median = "–" if found.days_to_answer is None else shown_number(f"{found.days_to_answer:.1f}")
    return {
        "figures": found,
        "median": median,
        "by_form": [(form, titles.get(form, form), number) for form, number in found.by_form],
    }


def opened_from_list(row: QueryRow, slug: str, *, answers: bool) -> str:
    """Return the address of a query's field; for a role that answers, of the answer box beside it."""
    return field_address(row, slug, at=f"answer-{row.pk}" if answers and row.state == row.State.OPEN else "")


@trial_page(see=P.RAISE_QUERY, change=P.RAISE_QUERY)
def close_many(request: TrialRequest) -> HttpResponse:
    """Show the answers of the chosen queries; close them all with one text."""
    return close_ticked(request, GENERAL, QueryFilter)


def close_ticked(request: TrialRequest, log: QueryLog, filters: type[QueryFilter]) -> HttpResponse:
    """Show the answers of the chosen queries of one log; close them all with one text."""
    seen, too_many = _seen(request, log, filters)
    rows = list(queries_of(request, log).filter(pk__in=seen).select_related("patient__trial"))
    with_values(rows)
    typed = PageDraft(request, None)
    form = QueryTextForm(typed.sent, trial=request.trial)
    if (kept := typed.answer(form)) is not None:
        return kept
    if request.method == "POST" and form.is_valid():
        own = {row.pk: seen[row.pk] for row in rows}
        arguments = {"text": form.cleaned_data["text"], "by": request.user, "role": request.access.role.code}
        if form.run(bulk.close_queries, seen=own, log=log.model, **arguments):
            messages.success(request, closed_words(len(form.result), len(own)))
            return finished(typed, log.address(request.trial.slug))
    if request.method == "POST":
        typed.keep(form)
    typed.show(form)
    return _closing_page(request, log, form, rows, too_many=too_many)


def closed_words(closed: int, chosen: int) -> str:
    """Return the message how many queries were closed, and how many were left as they are."""
    message = ngettext("%(number)s query is closed.", "%(number)s queries are closed.", closed) % {
        "number": closed
    }
    left = chosen - closed
    if not left:
        return message
    words = ngettext(
        "%(number)s was left as it is: it was written to meanwhile.",
        "%(number)s were left as they are: they were written to meanwhile.",
        left,
    )
    return f"{message} {words % {'number': left}}"


def _seen(request: TrialRequest, log: QueryLog, filters: type[QueryFilter]) -> tuple[dict[int, int], bool]:
    """Return the chosen queries with the last message read of each, and whether more than AT_ONCE were chosen.

    The message is 0 before the page was shown.
    """
    if request.method == "POST":
        return pairs_of(request.POST.getlist("query")), False
    if "all" not in request.GET:
        return dict.fromkeys(numbers_of(request.GET.getlist("query")), 0), False
    answered = queries_of(request, log).filter(state=log.model.State.ANSWERED)
    filterset = filters(request.GET, queryset=answered, access=request.access)
    rows = filterset.qs if filterset.is_valid() else answered.none()
    found = list(rows.order_by("pk").values_list("pk", flat=True)[: AT_ONCE + 1])
    return dict.fromkeys(found[:AT_ONCE], 0), len(found) > AT_ONCE


def _closing_page(
    request: TrialRequest, log: QueryLog, form: QueryTextForm, rows: list[QueryRow], *, too_many: bool
) -> HttpResponse:
    add_threads(rows, request.trial.rules.trial.site.time_zone)
    last = bulk.with_last_message((row.pk for row in rows), log.model) if rows else {}
    shown = [(row, query_words(row), bulk.not_closable(row)) for row in rows]
    context = {
        "form": form,
        "rows": [(row, label, last.get(row.pk, 0)) for row, label, why in shown if not why],
        "left_out": [(row, label, why) for row, label, why in shown if why],
        "too_many": too_many,
        "most": AT_ONCE,
        "title": _("Close queries"),
        "back": log.address(request.trial.slug),
    }
    return render(
        request, "patients/close_queries.html", context, status=422 if request.method == "POST" else 200
    )
