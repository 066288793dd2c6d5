"""Pages of a visit: its forms, held, missed, unscheduled."""

import re

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.access import TrialRequest, trial_page
from accounts.permissions import Permission as P
from patients import visiting
from patients.casebook import Casebook, visit_title
from patients.forms import HoldVisitForm, MissVisitForm, StepForm, UnscheduledForm
from patients.models import Patient, Record, Visit
from patients.navigation import stage_at
from patients.views import casebook_of, patient_of, step

KEY = re.compile(r"([A-Za-z0-9]+)(?:-([1-9][0-9]{0,3}))?", re.ASCII)


def visit_of(patient: Patient, key: str) -> Visit:
    """Return the visit named `D28` or `UNS-2`, or answer 404."""
    matched = KEY.fullmatch(key)
    if not matched:
        raise Http404
    return get_object_or_404(Visit, patient=patient, code=matched[1], number=int(matched[2] or 1))


def address_of(visit: Visit, patient: Patient) -> str:
    """Return the address of the visit's page."""
    return reverse("patients:visit", args=[patient.trial.slug, patient.code, visit.key])


@trial_page(see=P.SEE_TRIAL)
def visit(request: TrialRequest, code: str, visit: str) -> HttpResponse:
    """Show one visit: when it is planned, what happened, which forms it has."""
    patient = patient_of(request, code)
    row = visit_of(patient, visit)
    context = {
        "patient": patient,
        "visit": row,
        "visit_title": visit_title(patient.protocol, row, get_language() or "en", _("Unscheduled visit")),
        "forms": entries_of(patient, row),
        "may_enter": request.access.may(P.ENTER_DATA),
        "patient_open": patient.state in visiting.OPEN_STATES,
    }
    return render(request, "patients/visit.html", context)


def entries_of(patient: Patient, visit: Visit) -> list[dict[str, object]]:
    """Return the forms of this visit with where each stands."""
    casebook, language = Casebook(patient, [visit]), get_language() or "en"
    found = []
    for entry in casebook.forms_at(visit):
        rows = [
            record for record in casebook.records if (record.visit_id, record.form) == (visit.pk, entry.form)
        ]
        record = next((each for each in rows if each.state != Record.State.STRUCK_OUT), None)
        form = casebook.version_for(entry.form, visit, record).rules.form(entry.form)
        state, flags = (
            stage_at(record, visit, patient),
            "query" if getattr(record, "has_open_query", False) else "",
        )
        title = form.title.in_language(language)
        found.append({"form": form, "title": title, "when": entry.when, "state": state, "flags": flags})
    return found


@trial_page(see=P.SEE_TRIAL, change=P.ENTER_DATA)
def hold(request: TrialRequest, code: str, visit: str) -> HttpResponse:
    """Record the day on which the visit took place."""
    patient = patient_of(request, code)
    row = visit_of(patient, visit)

    def do(form: StepForm) -> bool:
        return form.carried_out(visiting.hold_visit, visit=row, by=request.user, **form.cleaned_data)

    return step(
        request,
        HoldVisitForm,
        "patients/visit_hold.html",
        do,
        lambda form: address_of(row, patient),
        patient=patient,
        visit=row,
    )


@trial_page(see=P.SEE_TRIAL, change=P.ENTER_DATA)
def miss(request: TrialRequest, code: str, visit: str) -> HttpResponse:
    """Record that the visit did not take place."""
    patient = patient_of(request, code)
    row = visit_of(patient, visit)

    def do(form: StepForm) -> bool:
        return form.carried_out(visiting.miss_visit, visit=row, by=request.user, **form.cleaned_data)

    return step(
        request,
        MissVisitForm,
        "patients/visit_miss.html",
        do,
        lambda form: casebook_of(patient),
        patient=patient,
        visit=row,
    )


@trial_page(see=P.SEE_TRIAL, change=P.ENTER_DATA)
def unscheduled(request: TrialRequest, code: str) -> HttpResponse:
    """Add a visit that is not planned."""
    patient = patient_of(request, code)

    def do(form: StepForm) -> bool:
        return form.carried_out(
            visiting.add_unscheduled, patient=patient, by=request.user, **form.cleaned_data
        )

    return step(
        request,
        UnscheduledForm,
        "patients/visit_new.html",
        do,
        lambda form: address_of(form.result, patient),
        patient=patient,
    )
