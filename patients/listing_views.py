"""Listings of patients and of queries, and one query's thread."""

from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.access import TrialRequest, trial_page
from accounts.permissions import Permission as P
from patients import querying
from patients.entry_urls import record_address
from patients.filters import PatientFilter, QueryFilter
from patients.forms import QueryTextForm, StepForm
from patients.models import Patient, Query
from patients.views import step
from trials.listing import Column, Listing

PATIENT_COLUMNS = (
    Column(name="patient", label=_("Patient"), value=lambda row: row.code, sort=("number",), css="code"),
    Column(
        name="status",
        label=_("Status"),
        value=lambda row: row.state,
        text=lambda row: row.get_state_display(),
    ),
    Column(name="group", label=_("Group"), value=lambda row: row.group),
    Column(name="screened_on", label=_("Screened"), value=lambda row: row.screened_on, sort=("screened_on",)),
    Column(name="included_on", label=_("Included"), value=lambda row: row.enrolled_on),
    Column(name="first_infusion_on", label=_("First infusion"), value=lambda row: row.first_infusion_on),
    Column(name="ended_on", label=_("End of study"), value=lambda row: row.ended_on),
    Column(
        name="end_reason",
        label=_("Reason for the end"),
        value=lambda row: row.end_reason,
        text=lambda row: row.get_end_reason_display() or row.failure_reason,
        free_text=True,
    ),
)


@trial_page(see=P.SEE_TRIAL)
def patients(request: TrialRequest) -> HttpResponseBase:
    """List the patients of the trial."""
    rows = Patient.objects.visible_to(request.user).filter(trial=request.trial)
    listing = Listing(
        request,
        queryset=rows,
        columns=PATIENT_COLUMNS,
        sort="patient",
        filterset=PatientFilter(request.GET, queryset=rows),
        row_url=lambda row: reverse("reports:casebook", args=[request.trial.slug, row.code]),
        name="patients",
        empty=_("Nobody was screened yet."),
    )
    return listing.response("patients/listing.html", {"may_screen": request.access.may(P.SCREEN)})


def item_label(query: Query) -> str:
    """Return the question's item in words."""
    form = query.record.protocol.rules.form(query.record.form)
    return f"{form.title.in_language('en')} – {form.item(query.item).label.in_language('en')}"


QUERY_COLUMNS = (
    Column(name="patient", label=_("Patient"), value=lambda row: row.patient.code, css="code"),
    Column(name="item", label=_("Item"), value=item_label),
    Column(name="question", label=_("Question"), value=lambda row: row.text, free_text=True, css="wide"),
    Column(
        name="raised_by",
        label=_("Raised by"),
        value=lambda row: row.origin,
        text=lambda row: row.get_origin_display(),
    ),
    Column(
        name="status",
        label=_("Status"),
        value=lambda row: row.state,
        text=lambda row: row.get_state_display(),
    ),
    Column(name="opened_at", label=_("Opened"), value=lambda row: row.opened_at, sort=("opened_at",)),
    Column(name="age_days", label=_("Age (days)"), value=lambda row: row.age_days, css="num"),
)


@trial_page(see=P.SEE_TRIAL)
def queries(request: TrialRequest) -> HttpResponseBase:
    """List the queries of the trial."""
    rows = Query.objects.visible_to(request.user).filter(patient__trial=request.trial)
    rows = rows.select_related("patient", "record__visit", "record__protocol")
    listing = Listing(
        request,
        queryset=rows,
        columns=QUERY_COLUMNS,
        sort="opened_at",
        filterset=QueryFilter(request.GET, queryset=rows),
        row_url=lambda row: query_address(row, request.trial.slug),
        name="queries",
        empty=_("No query: nothing is asked at present."),
    )
    return listing.response("patients/queries.html")


def query_address(query: Query, slug: str) -> str:
    """Return the address of the thread."""
    return reverse("patients:query", args=[slug, query.pk])


@trial_page(see=P.SEE_TRIAL)
def query(request: TrialRequest, number: int) -> HttpResponse:
    """Show one thread and what can be done with it."""
    return thread(request, number, lambda form, row: False)


def query_of(request: TrialRequest, number: int) -> Query:
    """Return the query of this trial or answer 404."""
    rows = Query.objects.visible_to(request.user).select_related(
        "patient__trial", "record__visit", "record__protocol"
    )
    return get_object_or_404(rows, pk=number, patient__trial=request.trial)


def thread(request: TrialRequest, number: int, do: Any) -> HttpResponse:
    """Show the thread with its form; on POST carry out the verb."""
    row = query_of(request, number)
    messages = row.messages.select_related("author")
    return step(
        request,
        QueryTextForm,
        "patients/query.html",
        lambda form: do(form, row),
        lambda form: query_address(row, request.trial.slug),
        patient=row.patient,
        query=row,
        thread=messages,
        label=item_label(row),
        place=record_address(row.record, request.trial.slug),
        may_answer=request.access.may(P.ANSWER_QUERY) and row.state == Query.State.OPEN,
        may_close=request.access.may(P.RAISE_QUERY) and row.state != Query.State.CLOSED,
        may_reopen=request.access.may(P.RAISE_QUERY) and row.state != Query.State.OPEN,
    )


def _verb(request: TrialRequest, number: int, verb: Any) -> HttpResponse:
    def do(form: StepForm, row: Query) -> bool:
        role = request.access.role.code
        return form.carried_out(verb, query=row, text=form.cleaned_data["text"], by=request.user, role=role)

    return thread(request, number, do)


@trial_page(see=None, change=P.ANSWER_QUERY)
def answer(request: TrialRequest, number: int) -> HttpResponse:
    """Answer an open query."""
    return _verb(request, number, querying.answer_query)


@trial_page(see=None, change=P.RAISE_QUERY)
def close(request: TrialRequest, number: int) -> HttpResponse:
    """Close a query."""
    return _verb(request, number, querying.close_query)


@trial_page(see=None, change=P.RAISE_QUERY)
def reopen(request: TrialRequest, number: int) -> HttpResponse:
    """Open a query again."""
    return _verb(request, number, querying.reopen_query)
