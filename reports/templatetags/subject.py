"""The parts of a patient's pages: `subject_header`, `next_step` and `casebook_tree`, each with the patient."""

from typing import Any

from django import template

from accounts.addresses import address
from patients.casebook.navigation import Navigation
from patients.models import Patient
from patients.views.identity_looks import name_for
from reports.casebook.page_parts import dossier_in, next_step_card, tree_of
from reports.casebook.subject import header
from trials.permissions import Permission

register = template.Library()


@register.inclusion_tag("components/subject.html", takes_context=True)
def subject_header(context: dict[str, Any], patient: Patient) -> dict[str, Any]:
    """Return the context of the header, with the buttons that the user may use. Showing the name is recorded."""
    request = context["request"]
    may_report = request.access.may(Permission.REPORT_EVENT)
    return {
        "request": request,
        "patient": patient,
        "subject": header(patient, request.access, dossier_in(context, patient)),
        "may_report": may_report and patient.state != Patient.State.SCREEN_FAILED,
        "name": name_for(request, patient),
        "may_identify": request.access.may(Permission.SEE_IDENTITY),
        "casebook": address("reports:casebook", request.trial.slug, patient.code),
    }


@register.inclusion_tag("reports/_next_step.html", takes_context=True)
def next_step(context: dict[str, Any], patient: Patient) -> dict[str, Any]:
    """Return the context of the card with the patient's next step."""
    return {"card": next_step_card(dossier_in(context, patient))}


@register.inclusion_tag("patients/_casebook_nav.html", takes_context=True)
def casebook_tree(
    context: dict[str, Any], patient: Patient, places: Navigation | None = None
) -> dict[str, Any]:
    """Return the context of the tree of visits and logs. places: the navigation, if the page marks its form in it."""
    dossier, request = dossier_in(context, patient), context["request"]
    known = places or dossier.places
    return {
        "request": request,
        "patient": patient,
        "visits": tree_of(dossier, known, request.path),
        "logs": known.logs,
        "left": context.get("left"),
        "may_add_visit": context.get("may_add_visit"),
    }
