"""The casebook page of one patient: forms, next steps and profile."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.http import HttpResponse
from django.shortcuts import render

from accounts.addresses import address
from audit.export_register import Channel, Sending, sent
from dosing.infusions.bedside_views import waiting_instructions
from patients.casebook.navigation import FormLink, Navigation, VisitLink
from patients.casebook.navigation import navigation as places
from patients.models import Patient, Record
from patients.participation.visit_status import (
    COMPLETE,
    MISSED,
    NOT_APPLICABLE,
    NOT_STARTED,
    STAGES,
    UNFINISHED,
)
from reports.casebook.patient_data import PatientData
from reports.casebook.profile import BY_DATE, BY_DAY, Chart
from reports.casebook.steps import Step, steps
from trials.access import TrialRequest, trial_page
from trials.blinding.unblinded_files import LINE, holds_treatment, marked_name
from trials.permissions import Permission as P

# The profile styles of static/stroma.css in the light colours. A downloaded SVG file has no other style sheet.
PAPER_STYLE = """
text{font:12px Arial,"Liberation Sans",Helvetica,sans-serif;fill:#546274}.ink{fill:#15202c}.strong{font-weight:640}
.gridline{stroke:#e6eaef}.lane{stroke:#dde3ea}.axis{stroke:#74808f;fill:none}.band{fill:#dfeee5}
.window{fill:#0b5c8e;opacity:.2}.visit-done{fill:#1a7340}.visit-late{fill:#b3261e}
.visit-next{fill:#fff;stroke:#0b5c8e;stroke-width:1.75}.infusion{fill:#0b5c8e}.medication{fill:#667b90}
.g1{fill:#f6da86;stroke:#8f6b0c}.g2{fill:#f0a744;stroke:#96590a}.g3{fill:#e0643a;stroke:#a4381a}
.g4{fill:#9e1b24;stroke:#9e1b24}.g5{fill:#3b0d14;stroke:#3b0d14}
.line-1{fill:none;stroke:#0a6b70;stroke-width:2}.point-1{fill:#0a6b70;stroke:#fff;stroke-width:1.5}
.line-2{fill:none;stroke:#4d3fa3;stroke-width:2}.point-2{fill:#4d3fa3;stroke:#fff;stroke-width:1.5}
.today{stroke:#b3261e;stroke-width:1.5}.today-label{fill:#b3261e;font-weight:640}
"""


@dataclass(frozen=True, slots=True)
class CasebookNavigation:
    """Left side of the casebook: visits with forms and logs, the patient's steps, the number of adverse events."""

    places: Navigation
    steps: list[Step]
    events: int


@dataclass(frozen=True, slots=True)
class FormRow:
    """One form over all visits: (link, whether this is the current visit). No link if the visit lacks the form."""

    title: str
    cells: list[tuple[FormLink | None, bool]]


@trial_page(see=P.SEE_TRIAL)
def casebook(request: TrialRequest, code: str) -> HttpResponse:
    """Show the casebook. `?axis=date` labels the profile with dates instead of study days."""
    access = request.access
    dossier = PatientData.open(access, code)
    axis = BY_DATE if request.GET.get("axis") == BY_DATE else BY_DAY
    left = navigation(dossier)
    complete, expected = progress(left.places.visits)
    context = {
        "patient": dossier.patient,
        "dossier": dossier,
        "navigation": left.places,
        "left": left,
        "profile": Chart(dossier, axis).profile(),
        "by_date": axis == BY_DATE,
        "forms": form_matrix(left.places.visits),
        "complete": complete,
        "expected": expected,
        "may_add_visit": access.may(P.ENTER_DATA) and dossier.is_open,
        "to_sign": _to_sign(dossier.casebook.records) if access.may(P.SIGN) else 0,
        "instructions": waiting_instructions(request, dossier.patient),
    }
    return render(request, "reports/casebook.html", context)


@trial_page(see=P.SEE_TRIAL)
def download(request: TrialRequest, code: str) -> HttpResponse:
    """Send the profile as an SVG file in the light colours."""
    dossier = PatientData.open(request.access, code)
    axis = BY_DATE if request.GET.get("axis") == BY_DATE else BY_DAY
    return drawing(request, dossier.patient, Chart(dossier, axis), "profile")


def drawing(request: TrialRequest, patient: Patient, chart: Chart, name: str) -> HttpResponse:
    """Return a chart of a patient as an SVG file, and register the download. name: the end of the file's name."""
    marked = holds_treatment(request.access)
    content = chart.profile().figure.standalone(PAPER_STYLE, stamp=LINE if marked else "")
    file = marked_name(f"{patient.code}-{name}.svg", marked=marked)
    headers = {"Content-Disposition": f'attachment; filename="{file}"'}
    response = HttpResponse(content, content_type="image/svg+xml", headers=headers)
    sending = Sending(
        channel=Channel.DRAWING,
        trial_id=request.trial.pk,
        patient_id=patient.pk,
        treatment=request.access.sees_treatment,
        see=request.access.see_of_files,
        told={"file": file},
    )
    return sent(response, sending, request=request)


def navigation(dossier: PatientData) -> CasebookNavigation:
    """Return the left side of a patient's casebook, with the visit to work on marked as current."""
    base = address("reports:casebook", dossier.access.trial.slug, dossier.patient.code)
    found = places(dossier.casebook)
    current = _to_work_on(found.visits)
    visits = tuple(replace(visit, current=visit is current) for visit in found.visits)
    return CasebookNavigation(replace(found, visits=visits), steps(dossier, base), len(dossier.events))


def _to_work_on(visits: Sequence[VisitLink]) -> VisitLink | None:
    """Return the first unfinished visit that is due or overdue, else the first one begun, else None."""
    waiting = [visit for visit in visits if visit.state in UNFINISHED]
    urgent = (visit for visit in waiting if {"overdue", "due"} & set(visit.flags))
    return next(urgent, None) or next((visit for visit in waiting if visit.state != NOT_STARTED), None)


def _to_sign(records: Sequence[Record]) -> int:
    """Return the number of complete forms, log rows included, without a valid signature."""
    return sum(
        record.state == Record.State.COMPLETE and not getattr(record, "is_signed", False)
        for record in records
    )


def progress(visits: Sequence[VisitLink]) -> tuple[int, int]:
    """Return (complete, expected) forms of visits that count. Optional forms are expected once begun."""
    counted = [
        form for visit in visits if visit.state not in (MISSED, NOT_APPLICABLE) for form in visit.forms
    ]
    expected = [form for form in counted if form.needed or form.state != NOT_STARTED]
    return sum(form.state in STAGES[COMPLETE:] for form in expected), len(expected)


def form_matrix(visits: Sequence[VisitLink]) -> list[FormRow]:
    """Return a row for each form of any visit, in visit order."""
    titles = {form.code: form.title for visit in visits for form in visit.forms}
    asked = [({form.code: form for form in visit.forms}, visit.current) for visit in visits]
    return [
        FormRow(title, [(forms.get(code), now) for forms, now in asked]) for code, title in titles.items()
    ]
