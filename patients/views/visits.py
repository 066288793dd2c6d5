"""Pages of a visit: its forms, and recording it as held, missed or unscheduled."""

import re
from datetime import date
from functools import partial
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _

from patients.casebook.asked_forms import asked_forms
from patients.casebook.casebook import Casebook
from patients.casebook.navigation import next_step_address, stage_at, visit_after
from patients.models import Patient, Record, Visit
from patients.models.visit_forms import visit_title
from patients.participation import visits
from patients.participation.correction_forms import CorrectDayForm, StepCorrectionForm
from patients.participation.forms import HoldVisitForm, MissVisitForm, StepForm, UnscheduledForm
from patients.participation.visit_status import UNFINISHED
from patients.samples.expected import plans_at
from patients.views.participation import patient_of, step
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P
from trials.reader import reader_language

KEY = re.compile(r"([A-Za-z0-9]+)(?:-([1-9][0-9]{0,3}))?", re.ASCII)


def visit_of(patient: Patient, key: str) -> Visit:
    """Return the visit with a key such as `D28` or `UNS-2`. Raises Http404."""
    matched = KEY.fullmatch(key)
    if not matched:
        raise Http404
    return get_object_or_404(Visit, patient=patient, code=matched[1], number=int(matched[2] or 1))


@trial_page(see=P.SEE_TRIAL)
def visit(request: TrialRequest, code: str, visit: str) -> HttpResponse:
    """Show one visit: its days, status and forms."""
    try:
        casebook = Casebook.open(user=request.user, trial=request.trial, code=code)
    except Patient.DoesNotExist as missing:
        raise Http404 from missing
    patient, row = casebook.patient, visit_of(casebook.patient, visit)
    forms, after = entries_of(casebook, row), visit_after(casebook, row)
    may_enter = request.access.may(P.ENTER_DATA) and patient.state in visits.SETTLING_STATES
    context = {
        "patient": patient,
        "casebook": casebook,
        "visit": row,
        "visit_title": title_of(row, patient),
        "infusion": infusion_of(row, patient),
        "forms": forms,
        "next_step": next_step(row, patient, forms) if may_enter else "",
        "after": after,
        "after_title": title_of(after, patient) if after else "",
        "may_enter": may_enter,
        "samples": [plan.title.in_language(reader_language()) for plan in plans_at(patient, row)],
    }
    return render(request, "patients/visit.html", context)


def infusion_of(visit: Visit, patient: Patient) -> int | None:
    """Return the number of the infusion planned at a visit, None without one or before inclusion."""
    planned = {each.code: each.infusion for each in patient.protocol.rules.visits}
    return planned.get(visit.code) if patient.enrolled_on else None


def next_step(visit: Visit, patient: Patient, forms: list[dict[str, Any]]) -> str:
    """Return the next step at a visit: `hold`, the code of a required form, or an empty text."""
    if visit.state == Visit.State.MISSED:
        return ""
    if patient.state in (Patient.State.ENROLLED, Patient.State.ENDED) and visit.state == Visit.State.PLANNED:
        return "hold"
    waiting = (form for form in forms if form["when"] == "required" and form["state"] in UNFINISHED)
    return next((form["form"].code for form in waiting), "")


def address_of(visit: Visit, patient: Patient) -> str:
    """Return the address of the visit's page."""
    return reverse("patients:visit", args=[patient.trial.slug, patient.code, visit.key])


def title_of(visit: Visit, patient: Patient) -> str:
    """Return the title of a visit in the reader's language."""
    return visit_title(patient.protocol, visit, reader_language(), _("Unscheduled visit"))


def entries_of(casebook: Casebook, visit: Visit) -> list[dict[str, Any]]:
    """Return the forms of this visit as template context, each with its stage and flags."""
    patient, language = casebook.patient, reader_language()
    found = []
    for entry in asked_forms(casebook, visit):
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


def day_of_screening(visit: Visit, patient: Patient) -> date | None:
    """Return the day of screening, which is typed once, for the visit that the protocol plans on it; else None."""
    planned = next((each for each in patient.protocol.rules.visits if each.code == visit.code), None)
    on_that_day = planned is not None and planned.anchor == "screening" and planned.day == 0
    return patient.screened_on if on_that_day else None


@trial_page(see=P.SEE_TRIAL, change=P.ENTER_DATA)
def hold(request: TrialRequest, code: str, visit: str) -> HttpResponse:
    """Record the day on which the visit was held."""
    patient = patient_of(request, code)
    row = visit_of(patient, visit)
    row.patient = patient

    def do(form: Any) -> bool:
        verb = partial(visits.hold_visit, visit=row)
        if isinstance(form, StepCorrectionForm):
            return form.run_asking(patient, verb, by=request.user, **form.facts())
        return bool(form.run(verb, by=request.user, confirmed=form.confirmed, **form.facts()))

    settled = row.state in (Visit.State.HELD, Visit.State.MISSED)
    return step(
        request,
        partial(CorrectDayForm, initial={"on": row.held_on})  # type: ignore[arg-type]
        if settled
        else partial(HoldVisitForm, filled_in=day_of_screening(row, patient)),
        "patients/visit_hold.html",
        do,
        lambda form: next_step_address(row, patient),
        patient=patient,
        visit=row,
        visit_title=title_of(row, patient),
    )


@trial_page(see=P.SEE_TRIAL, change=P.ENTER_DATA)
def miss(request: TrialRequest, code: str, visit: str) -> HttpResponse:
    """Record that the visit was missed."""
    patient = patient_of(request, code)
    row = visit_of(patient, visit)

    def do(form: StepForm) -> bool:
        return form.run(visits.miss_visit, visit=row, by=request.user, **form.cleaned_data)

    return step(
        request,
        MissVisitForm,
        "patients/visit_miss.html",
        do,
        lambda form: next_step_address(row, patient),
        patient=patient,
        visit=row,
        visit_title=title_of(row, patient),
    )


@trial_page(see=P.SEE_TRIAL, change=P.ENTER_DATA)
def unscheduled(request: TrialRequest, code: str) -> HttpResponse:
    """Add an unscheduled visit."""
    patient = patient_of(request, code)

    def do(form: StepForm) -> bool:
        return form.run(
            visits.add_unscheduled,
            patient=patient,
            by=request.user,
            confirmed=form.confirmed,
            **form.cleaned_data,
        )

    return step(
        request,
        UnscheduledForm,
        "patients/visit_new.html",
        do,
        lambda form: next_step_address(form.result, patient),
        patient=patient,
    )
