"""Pages of the coding: which events are coded and how, and the code of one event (SAF-10)."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.sessions.kept_forms import sent_or_kept
from patients.views.participation import patient_of
from safety import labels
from safety.dictionaries.coding import CodedEvent, code_event, coded_events
from safety.dictionaries.filters import STATES, TONES, CodingFilter
from safety.dictionaries.forms import CodingForm
from safety.dictionaries.loading import dictionary_of, found, pinned
from safety.dictionaries.models import Dictionary, DictionaryTerm
from safety.models import AdverseEvent
from safety.views import event_of
from trials.access import TrialRequest, trial_page
from trials.listing import Column, Listing
from trials.models import Trial
from trials.permissions import Permission as P


def coding_columns() -> tuple[Column, ...]:
    """Return the columns of the coding list. Rows need `coded`, the event with its code."""
    return (
        Column(name="patient", label=gettext_lazy("Patient"), value=lambda row: row.patient.code, css="code nowrap",
               sort=("patient_id", "number")),
        Column(name="number", label=gettext_lazy("No."), value=lambda row: row.number, css="num"),
        Column(name="term", label=gettext_lazy("Words of the reporter"), value=lambda row: row.term, free_text=True),
        Column(name="code", label=gettext_lazy("Code"), value=lambda row: _of(row, "code"), css="nowrap"),
        Column(name="coded", label=gettext_lazy("Coded term"), value=lambda row: _of(row, "name")),
        Column(name="preferred", label=gettext_lazy("Preferred term"), value=lambda row: _of(row, "preferred")),
        Column(name="organ_class", label=gettext_lazy("System organ class"),
               value=lambda row: _of(row, "organ_class")),
        Column(name="dictionary", label=gettext_lazy("Dictionary"),
               value=lambda row: str(row.coded.coding.dictionary) if row.coded.coding else ""),
        Column(name="state", label=gettext_lazy("Coding"), value=lambda row: row.coded.state.value, decides=True,
               text=lambda row: labels.tag(TONES[row.coded.state], STATES[row.coded.state])),
    )  # fmt: skip


def _of(row: Any, name: str) -> str:
    return getattr(row.coded.coding, name) if row.coded.coding else ""


def release_words(trial: Trial) -> str:
    """Return the dictionary that the protocol file names: `MedDRA 27.1`."""
    kind, version = pinned(trial.rules)
    return f"{Dictionary.Kind(kind).label} {version}"


@trial_page(see=P.SEE_TRIAL)
def listing(request: TrialRequest) -> HttpResponseBase:
    """List the events with their codes; those whose code no longer exists are found by the filter."""
    dictionary = dictionary_of(request.trial.rules)
    rows = AdverseEvent.objects.of(request.access).not_in_error().prefetch_related("patient")
    slug = request.trial.slug

    def attach(events: Sequence[Any]) -> None:
        for event, coded in zip(events, coded_events(events, dictionary), strict=True):
            event.coded = coded

    page = Listing(
        request,
        queryset=rows,
        columns=coding_columns(),
        sort="patient",
        filterset=CodingFilter(request.GET, queryset=rows, dictionary=dictionary),
        name="coding",
        row_url=lambda event: reverse("safety:code-event", args=[slug, event.patient.code, event.number]),
        prepare=attach,
        empty=gettext_lazy("No adverse event is reported yet."),
    )
    context = {"dictionary": dictionary, "release": release_words(request.trial)}
    return page.response("safety/dictionaries/listing.html", context)


@trial_page(see=P.SEE_TRIAL, change=P.CODE_EVENT)
def code(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Show the code of an event; search the dictionary as its name is typed, and code or recode the event."""
    patient = patient_of(request, code)
    event = event_of(request, patient, number)
    dictionary = dictionary_of(request.trial.rules)
    (coded,) = coded_events([event], dictionary)
    typed = sent_or_kept(request)
    sent = request.GET if typed is None else typed
    search = sent.get("search", "" if coded.coding else event.term)
    terms = _terms(dictionary, search, typed.get("code", "") if typed is not None else "")
    form = CodingForm(
        typed,
        trial=request.trial, patient=patient, terms=terms, words=event.term, recoding=coded.coding is not None,
    )  # fmt: skip
    if request.method == "POST" and form.is_valid() and _coded(request, form, event):
        messages.success(request, _("%(event)s is coded: %(code)s.") % {"event": event, "code": form.result})
        return redirect("safety:coding", request.trial.slug)
    context = {
        "patient": patient, "event": event, "coded": coded, "form": form, "search": search, "terms": terms,
        "dictionary": dictionary, "release": release_words(request.trial), "state": _state(coded),
        "may_code": request.access.may(P.CODE_EVENT) and not event.in_error,
    }  # fmt: skip
    template = (
        "safety/dictionaries/_terms.html"
        if request.headers.get("HX-Request")
        else "safety/dictionaries/code.html"
    )
    return render(request, template, context, status=422 if request.method == "POST" else 200)


def _state(coded: CodedEvent) -> object:
    return labels.tag(TONES[coded.state], STATES[coded.state])


def _terms(dictionary: Dictionary | None, search: str, sent: str) -> list[DictionaryTerm]:
    """Return the terms found, and the one that was sent."""
    if dictionary is None:
        return []
    terms = list(found(dictionary, search[:200]))
    if sent and all(term.code != sent for term in terms):
        terms += DictionaryTerm.objects.filter(dictionary=dictionary, code=sent[:250])
    return terms


def _coded(request: TrialRequest, form: CodingForm, event: AdverseEvent) -> bool:
    cleaned = form.cleaned_data
    return form.run(
        code_event,
        event=event,
        term=form.term,
        words=cleaned["words"],
        reason=cleaned.get("reason", ""),
        by=request.user,
    )
