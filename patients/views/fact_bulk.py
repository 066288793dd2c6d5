"""The page that raises queries on one fact of several rows: chosen in a listing, shown, confirmed."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from patients.casebook.facts import Fact, FactKind, patient_of_row
from patients.entry.form_page.page_drafts import PageDraft, finished
from patients.models import Query
from patients.queries import fact_bulk
from patients.queries.bulk import AT_ONCE
from patients.queries.threads import ORIGINS
from patients.views.bulk import AskForm, raised_words
from patients.views.query_log import GENERAL, QueryLog
from trials.access import TrialRequest, trial_page
from trials.listing.selection import numbers_of
from trials.permissions import Permission as P


@dataclass(frozen=True)
class FactLine:
    """One row of the preview; `refusal` is the message why no query is raised on it."""

    fact: Fact
    refusal: str = ""

    @property
    def token(self) -> int:
        """Return the row as sent by the page."""
        return int(self.fact.row.pk)

    @property
    def patient_code(self) -> str:
        """Return the subject code."""
        return str(self.fact.patient.code)

    @property
    def form(self) -> str:
        """Return the name of the row."""
        return self.fact.title

    @property
    def item(self) -> str:
        """Return the label of the fact, empty while none is chosen."""
        return self.fact.label

    @property
    def value(self) -> str:
        """Return the value of the fact."""
        return self.fact.value


@dataclass(frozen=True)
class FactPreview:
    """The rows of the page, those on which a query will be raised apart from those left out."""

    lines: list[FactLine]

    @property
    def raised(self) -> list[FactLine]:
        """Return the rows on which a query will be raised."""
        return [line for line in self.lines if not line.refusal]

    @property
    def left_out(self) -> list[FactLine]:
        """Return the rows left out, each with its reason."""
        return [line for line in self.lines if line.refusal]


def _preview(kind: FactKind, rows: list[Any], item: str) -> FactPreview:
    facts = [Fact(kind, row, item) for row in rows]
    refused = fact_bulk.query_refusals(facts) if item else {}
    return FactPreview([FactLine(fact, refused.get(fact.row.pk, "")) for fact in facts])


def _rows(request: TrialRequest, kind: FactKind) -> list[Any]:
    sent = (request.POST if request.method == "POST" else request.GET).getlist("row")
    found = kind.rows(numbers_of(sent))
    return [row for row in found if patient_of_row(row).trial_id == request.trial.pk]


@trial_page(see=P.RAISE_QUERY, change=P.RAISE_QUERY)
def ask_about_facts(request: TrialRequest, target: str) -> HttpResponse:
    """Show the queries to raise on the ticked rows; raise them after the confirmation."""
    return ask_about_ticked(request, GENERAL, target)


def ask_about_ticked(request: TrialRequest, log: QueryLog, target: str) -> HttpResponse:
    """Show the queries of one log to raise on the ticked rows; raise them after the confirmation."""
    kind = log.kinds.get(target)
    if kind is None or target not in log.listings:
        raise Http404
    rows = _rows(request, kind)
    items = {item: str(label) for row in rows for item, (label, _value) in kind.facts(row).items()}
    typed = PageDraft(request, None)
    form = AskForm(typed.sent, trial=request.trial, items=list(items.items()))
    if (kept := typed.answer(form)) is not None:
        return kept
    ready = form.is_valid()
    preview = _preview(kind, rows, form.cleaned_data.get("item", "") if ready else "")
    if ready and rows and "confirm" in request.POST and _raised(request, kind, rows, form):
        return finished(typed, reverse(log.listings[target], args=[request.trial.slug]))
    if request.method == "POST":
        typed.keep(form)
    typed.show(form)
    context = {
        "form": form,
        "preview": preview,
        "chosen": [row.pk for row in rows],
        "ready": ready,
        "most": AT_ONCE,
        "batch": uuid.uuid4().hex,
        "back": reverse(log.listings[target], args=[request.trial.slug]),
    }
    refused = request.method == "POST" and not (ready and form.is_valid())
    return render(request, "patients/ask.html", context, status=422 if refused else 200)


def _raised(request: TrialRequest, kind: FactKind, rows: list[Any], form: AskForm) -> bool:
    role = request.access.role.code
    done = form.run(
        fact_bulk.raise_fact_queries,
        kind=kind,
        keys=[row.pk for row in rows],
        item=form.cleaned_data["item"],
        text=form.cleaned_data["text"],
        origin=ORIGINS.get(role, Query.Origin.MONITOR),
        by=request.user,
        role=role,
        batch=request.POST["confirm"][:32],
    )
    if done:
        messages.success(request, raised_words(len(form.result)))
    return done
