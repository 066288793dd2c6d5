"""The parts of a patient's pages: header, lock, next step, places of the death and tree, each with the patient."""

from typing import Any

from django import template

from accounts.addresses import address
from patients.casebook.navigation import Navigation
from patients.models import Patient, Visit
from patients.participation.death import death_of
from patients.views.death_links import death_places
from patients.views.identity_looks import name_for
from patients.views.review.lock_notice import lock_notice as notice_of
from reports.casebook.page_parts import dossier_in, next_step_card, tree_of
from reports.casebook.subject import header
from safety.after_death import has_fatal_event
from trials.access import TrialRequest
from trials.permissions import Permission
from trials.reader import shown_moment

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
        **_unblinding(request),
        "may_identify": request.access.may(Permission.SEE_IDENTITY),
        "casebook": address("reports:casebook", request.trial.slug, patient.code),
    }


def _unblinding(request: TrialRequest) -> dict[str, bool]:
    """Return which steps of unblinding are offered: in a masked trial, to those who do not know the treatment."""
    access = request.access
    return {
        "may_unblind": request.trial.masked and access.blinded and access.may(Permission.UNBLIND),
        "may_unblind_susar": request.trial.masked and access.blinded and access.may(Permission.UNBLIND_SUSAR),
        "may_expose": request.trial.masked and access.may(Permission.REPORT_EXPOSURE),
    }


@register.inclusion_tag("patients/_lock_notice.html", takes_context=True)
def lock_notice(context: dict[str, Any], patient: Patient) -> dict[str, Any]:
    """Return the context of the notice about the lock or freeze of the page: trial, patient, visit, or form."""
    page = context.get("page")
    place = getattr(page, "place", None)
    visit = place.visit if place is not None else context.get("visit")
    found = notice_of(
        context["request"].trial,
        patient,
        visit if isinstance(visit, Visit) else None,
        getattr(page, "record", None) if place is not None else None,
    )
    return {"notice": found}


@register.inclusion_tag("patients/_death_places.html", takes_context=True)
def death_links(context: dict[str, Any], patient: Patient, stated: object = True) -> dict[str, Any]:
    """Return the context of the links between the places that state the death; none unless one is stated.

    `unexplained`: the day of a death of which no adverse event is the cause; it asks for the event (SAF-13).
    """
    if not stated:
        return {"places": []}
    death, request = death_of(patient), context["request"]
    unexplained = death is not None and not has_fatal_event(patient)
    return {
        "places": death_places(patient, death),
        "unexplained": shown_moment(death.moment) if death and unexplained else "",
        "may_report": request.access.may(Permission.REPORT_EVENT),
        "patient": patient,
        "slug": request.trial.slug,
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
