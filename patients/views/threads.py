"""The thread of one query: on its own page, or in the panel beside its field."""

from dataclasses import replace
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from patients.casebook.casebook import Casebook
from patients.casebook.item_history import add_threads
from patients.entry.drafts import discard
from patients.entry.form_page.field_panel import FieldPanel
from patients.entry.form_page.page_drafts import PageDraft, message_place
from patients.models import QueryRow
from patients.participation.forms import QueryTextForm, StepForm
from patients.queries import threads
from patients.views.entry import page_to_open
from patients.views.participation import step
from patients.views.query_log import GENERAL, QueryLog
from patients.views.query_words import field_address, query_address, query_words
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P


def query_of(request: TrialRequest, number: int, log: QueryLog = GENERAL) -> QueryRow:
    """Return a query of this trial. Raises Http404."""
    above = [*log.model.above, *(["record__protocol"] if log.model.above else [])]
    rows = log.model.objects.visible_to(request.user).select_related(
        "patient__trial", "patient__protocol", *above, "opened_by"
    )
    row: QueryRow = get_object_or_404(rows, pk=number, patient__trial=request.trial)
    if row.record is not None:
        row.record.patient = row.patient
    return row


@trial_page(see=P.SEE_TRIAL)
def query(request: TrialRequest, number: int) -> HttpResponse:
    """Show the thread of a query with the actions the role may take."""
    return thread(request, query_of(request, number), lambda form: False)


def thread(request: TrialRequest, row: QueryRow, do: Any, log: QueryLog = GENERAL) -> HttpResponse:
    """Render the thread with its form; on POST call `do` and redirect to the field or page that sent it."""
    slug, in_panel = request.trial.slug, "in_panel" in request.POST
    may_answer = request.access.may(log.answers) and row.state == row.State.OPEN
    may_close = request.access.may(log.raises) and row.state != row.State.CLOSED
    verb = "answer" if may_answer else "close" if may_close else "reopen"
    keep_at = reverse(row.steps[verb], args=[slug, row.pk])
    add_threads([row], row.patient.protocol.rules.trial.site.time_zone)
    return step(
        request,
        QueryTextForm,
        "patients/query.html",
        do,
        lambda form: field_address(row, slug) if in_panel else query_address(row, slug),
        patient=row.patient,
        typed=PageDraft(request, row.patient, place=message_place(row), keep_at=keep_at),
        query=row,
        label=query_words(row),
        place=field_address(row, slug),
        may_answer=may_answer,
        may_close=may_close,
        may_reopen=request.access.may(log.raises) and row.state != row.State.OPEN,
    )


def take_step(request: TrialRequest, row: QueryRow, verb: Any, log: QueryLog = GENERAL) -> HttpResponse:
    """Answer, close or reopen a query."""

    def do(form: StepForm) -> bool:
        role = request.access.role.code
        return form.run(verb, query=row, text=form.cleaned_data["text"], by=request.user, role=role)

    if "HX-Request" in request.headers and request.method == "POST" and row.record is not None:
        return _panel_answer(request, row, do)
    return thread(request, row, do, log)


def _panel_answer(request: TrialRequest, row: QueryRow, do: Any) -> HttpResponse:
    """Return the panel alone, so that the form beside it keeps its unsaved input."""
    form = QueryTextForm(request.POST, trial=request.trial, patient=row.patient)
    done = form.is_valid() and do(form)
    if done:
        discard(place=message_place(row), user=request.user)
    panel = replace(_panel(request, row), typed_for_query=row.pk)
    if not done:
        typed_text = request.POST.get("text", "")[: threads.LONGEST]
        why = " ".join(str(sentence) for each in form.errors.values() for sentence in each)
        panel = replace(panel, typed_text=typed_text, refusal=why)
    return render(request, "patients/_field_panel.html", {"panel": panel}, status=200 if done else 422)


def _panel(request: TrialRequest, row: QueryRow) -> FieldPanel:
    record: Any = row.record
    casebook = Casebook.open(user=request.user, trial=request.trial, code=row.patient.code)
    visit, repeat = (record.visit.key, 1) if record.visit else (None, record.repeat)
    place = casebook.place(record.form, visit, repeat, record.protocol)
    return page_to_open(request, casebook, place, panel_item=row.item).panel


@trial_page(see=P.ANSWER_QUERY, change=P.ANSWER_QUERY)
def answer(request: TrialRequest, number: int) -> HttpResponse:
    """Answer an open query."""
    return take_step(request, query_of(request, number), threads.answer_query)


@trial_page(see=P.RAISE_QUERY, change=P.RAISE_QUERY)
def close(request: TrialRequest, number: int) -> HttpResponse:
    """Close a query."""
    return take_step(request, query_of(request, number), threads.close_query)


@trial_page(see=P.RAISE_QUERY, change=P.RAISE_QUERY)
def reopen(request: TrialRequest, number: int) -> HttpResponse:
    """Reopen a query."""
    return take_step(request, query_of(request, number), threads.reopen_query)
