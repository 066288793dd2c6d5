"""Pages of the log of contacts: what is due and the log of the trial, the log of one patient, the steps on one row."""

from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from patients.entry.form_page.page_drafts import PageDraft, finished
from patients.models import ContactAttempt, Patient, Query, Visit
from patients.participation.logs import contacts as log
from patients.participation.logs.contact_forms import ContactFilter, ContactForm, CorrectContactForm
from patients.participation.logs.prescreening_forms import StrikeRowForm
from patients.views.fact_links import fact_links
from patients.views.participation import patient_of
from patients.views.visits import title_of
from trials.access import TrialRequest, trial_page
from trials.listing import Column, Listing, choice_text
from trials.permissions import Permission as P

COLUMNS = (
    Column(name="patient", label=gettext_lazy("Patient"), value=lambda row: row.patient.code,
           sort=("patient", "number")),
    Column(name="number", label=gettext_lazy("No."), value=lambda row: row.number),
    Column(name="tried_on", label=gettext_lazy("Day"), value=lambda row: row.tried_on, sort=("tried_on",),
           css="nowrap"),
    Column(name="outcome", decides=True, label=gettext_lazy("Outcome"), value=lambda row: row.outcome,
           text=choice_text(ContactAttempt, "outcome"), sort=("outcome",)),
    Column(name="way", label=gettext_lazy("Way"), value=lambda row: row.way,
           text=choice_text(ContactAttempt, "way"), sort=("way",)),
    Column(name="tried_by", label=gettext_lazy("By whom"), value=lambda row: row.tried_by, free_text=True),
    Column(name="note", label=gettext_lazy("Note"), value=lambda row: row.note, free_text=True),
    Column(name="struck_out_reason", label=gettext_lazy("Struck out because"),
           value=lambda row: row.struck_out_reason, free_text=True),
)  # fmt: skip
MOST_DUE = 100


@trial_page(see=P.SEE_TRIAL)
def contacts(request: TrialRequest) -> HttpResponseBase:
    """List the contacts that are due, and every attempt of the trial."""
    rows = ContactAttempt.objects.visible_to(request.user).filter(patient__trial=request.trial)
    slug = request.trial.slug
    page = Listing(
        request,
        queryset=rows.select_related("patient"),
        columns=COLUMNS,
        sort="-tried_on",
        filterset=ContactFilter(request.GET, queryset=rows, trial=request.trial),
        row_url=lambda row: reverse("patients:patient-contacts", args=[slug, row.patient.code]),
        name="contacts",
        empty=_("No attempt to reach a patient is recorded."),
    )
    if page.wants_csv:
        return page.csv()
    due = log.contacts_due(request.trial, Visit.objects.visible_to(request.user))
    due = due.select_related("patient__protocol", "protocol").defer(
        "patient__protocol__text", "protocol__text"
    )
    ordered = [
        (visit, title_of(visit, visit.patient))
        for visit in due.order_by("window_to", "patient__number")[:MOST_DUE]
    ]
    return page.response("patients/contacts.html", {"due": ordered, "may": request.access.may(P.ENTER_DATA)})


def with_links(request: TrialRequest, patient: Patient) -> list[Any]:
    """Return the attempts to reach a patient, each with its bubbles. Two queries."""
    rows = list(ContactAttempt.objects.filter(patient=patient).order_by("number"))
    for row in rows:
        row.patient = patient
    links = fact_links(request.access, Query.Target.CONTACT, rows)
    return [(row, links[row.pk]) for row in rows]


@trial_page(see=P.SEE_TRIAL)
def of_patient(request: TrialRequest, code: str) -> HttpResponse:
    """List the attempts to reach one patient."""
    patient = patient_of(request, code)
    due = log.contacts_due(request.trial, Visit.objects.filter(patient=patient)).order_by("position")
    closed = patient.locked_at or patient.frozen_at or request.trial.locked_at or request.trial.frozen_at
    context = {
        "patient": patient,
        "rows": with_links(request, patient),
        "due": [(visit, title_of(visit, patient)) for visit in due],
        "may": request.access.may(P.ENTER_DATA) and not closed,
    }
    return render(request, "patients/contacts_of_patient.html", context)


@trial_page(see=P.ENTER_DATA, change=P.ENTER_DATA)
def add(request: TrialRequest, code: str) -> HttpResponse:
    """Enter an attempt to reach a patient."""
    patient = patient_of(request, code)
    typed = PageDraft(request, patient)
    form = ContactForm(typed.sent, trial=request.trial, patient=patient)
    if (kept := typed.answer(form)) is not None:
        return kept
    if request.method == "POST" and form.is_valid():
        given = {"patient": patient, "facts": form.facts(), "save_key": form.cleaned_data["save_key"]}
        if form.run(log.add_contact, by=request.user, **given):
            messages.success(request, _("The attempt is recorded."))
            return finished(typed, _log_of(patient))
    return _shown(
        request,
        form,
        patient,
        typed,
        title=_("Record an attempt to reach the patient"),
        action=_("Record it"),
    )


@trial_page(see=P.ENTER_DATA, change=P.ENTER_DATA)
def correct(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Correct an attempt with a reason."""
    patient, row = _row(request, code, number)
    typed = PageDraft(request, patient)
    form = CorrectContactForm(typed.sent, trial=request.trial, patient=patient, row=row)
    if (kept := typed.answer(form)) is not None:
        return kept
    if request.method == "POST" and form.is_valid():
        verb = partial(log.correct_contact, facts=form.facts())
        if _run(request, form, verb):
            return finished(typed, _log_of(patient))
    strike = (
        "" if row.struck_out else reverse("patients:contact-strike", args=[request.trial.slug, code, number])
    )
    title = _("Correct contact %(number)s") % {"number": number}
    return _shown(request, form, patient, typed, title=title, action=_("Save the change"), strike_url=strike)


@trial_page(see=P.ENTER_DATA, change=P.ENTER_DATA)
def strike_out(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Strike out an attempt with a reason."""
    patient, row = _row(request, code, number)
    typed = PageDraft(request, patient)
    form = StrikeRowForm(typed.sent, trial=request.trial, patient=patient, row=row)
    if (kept := typed.answer(form)) is not None:
        return kept
    if request.method == "POST" and form.is_valid() and _run(request, form, log.strike_out_contact):
        return finished(typed, _log_of(patient))
    title = _("Strike out contact %(number)s") % {"number": number}
    return _shown(request, form, patient, typed, title=title, action=_("Strike it out"), danger=True)


def _log_of(patient: Patient) -> str:
    return reverse("patients:patient-contacts", args=[patient.trial.slug, patient.code])


def _row(request: TrialRequest, code: str, number: int) -> tuple[Patient, ContactAttempt]:
    patient = patient_of(request, code)
    row: ContactAttempt = get_object_or_404(ContactAttempt, patient=patient, number=number)
    row.patient = patient
    return patient, row


def _run(request: TrialRequest, form: Any, verb: Any) -> bool:
    given = {name: form.cleaned_data[name] for name in ("change_reason", "version")}
    return bool(form.run(verb, row=form.row, by=request.user, **given))


def _shown(
    request: TrialRequest, form: Any, patient: Patient, typed: PageDraft, **context: Any
) -> HttpResponse:
    status = 200
    if request.method == "POST":
        typed.keep(form)
        status = 422
    typed.show(form)
    full = {"form": form, "patient": patient, **context}
    return render(request, "patients/contact_step.html", full, status=status)
