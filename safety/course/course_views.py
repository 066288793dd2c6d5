"""Pages of the course of an event: another grade, a link; and striking either out."""

from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from patients.models import Patient
from patients.views.participation import patient_of, step
from safety.course.course_forms import GradeForm, LinkForm
from safety.course.grade_changes import change_grade, course_of, strike_out_grade
from safety.course.links import key_of, link_event, strike_out_link, targets_by_key
from safety.event_pages import event_address, event_of
from safety.forms import EventStepForm, StrikeOutForm
from safety.models import AdverseEvent, EventGrade, EventLink
from safety.reporting import StaleEvent
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P
from trials.reader import shown_moment


@trial_page(see=P.REPORT_EVENT, change=P.REPORT_EVENT)
def grade(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Record another grade of an event from a moment on."""
    patient = patient_of(request, code)
    row = event_of(request, patient, number)

    def do(form: GradeForm) -> bool:
        return _run(form, change_grade, event=row, by=request.user, confirmed=form.confirmed, **form.facts())

    return _page(request, patient, row, GradeForm, "safety/grade.html", do)


@trial_page(see=P.REPORT_EVENT, change=P.REPORT_EVENT)
def strike_grade(request: TrialRequest, code: str, number: int, row: int) -> HttpResponse:
    """Mark a grade as entered in error."""
    patient = patient_of(request, code)
    event = event_of(request, patient, number)
    found = get_object_or_404(EventGrade, event=event, pk=row)
    if found.in_error_reason:
        return _struck_out_before(request, event)
    found.event = event

    def do(form: StrikeOutForm) -> bool:
        return _run(
            form,
            strike_out_grade,
            grade=found,
            by=request.user,
            confirmed=form.confirmed,
            **form.cleaned_data,
        )

    return _page(
        request, patient, event, StrikeOutForm, "safety/strike_part.html", do, part=grade_words(found)
    )


def _struck_out_before(request: TrialRequest, event: AdverseEvent) -> HttpResponse:
    """Lead back to the event: a second click, or somebody else, was faster."""
    messages.info(request, _("This was marked as entered in error already."))
    return redirect(event_address(event))


@trial_page(see=P.REPORT_EVENT, change=P.REPORT_EVENT)
def link(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Link an event to a form or an infusion of its patient."""
    patient = patient_of(request, code)
    row = event_of(request, patient, number)

    def do(form: LinkForm) -> bool:
        return _run(form, link_event, event=row, by=request.user, **form.cleaned_data)

    return _page(request, patient, row, LinkForm, "safety/link.html", do)


@trial_page(see=P.REPORT_EVENT, change=P.REPORT_EVENT)
def strike_link(request: TrialRequest, code: str, number: int, row: int) -> HttpResponse:
    """Mark a link as entered in error."""
    patient = patient_of(request, code)
    event = event_of(request, patient, number)
    found = get_object_or_404(EventLink, event=event, pk=row)
    if found.in_error_reason:
        return _struck_out_before(request, event)
    found.event = event

    def do(form: StrikeOutForm) -> bool:
        return _run(form, strike_out_link, link=found, by=request.user, **form.cleaned_data)

    part = link_words(found, targets_by_key(patient, [found]))
    return _page(request, patient, event, StrikeOutForm, "safety/strike_part.html", do, part=part)


def course_context(event: AdverseEvent) -> dict[str, Any]:
    """Return the context of the course on the page of an event. Two queries, four with links."""
    links = list(event.links.all())
    targets = targets_by_key(event.patient, links)
    return {
        "grades": [(each, grade_words(each)) for each in course_of(event)],
        "links": [(each, link_words(each, targets), _url(targets, each)) for each in links],
    }


def grade_words(grade: EventGrade) -> str:
    """Return a grade with its beginning."""
    return _("Grade %(grade)s since %(since)s") % {"grade": grade.grade, "since": shown_moment(grade.since)}


def link_words(link: EventLink, targets: dict[str, Any]) -> str:
    """Return the title of the target of a link, as its form calls it now."""
    known = targets.get(key_of(link))
    if known is not None:
        return str(known.label)
    if link.infusion:
        return _("Infusion %(number)s") % {"number": link.infusion}
    return _("A form that was struck out")


def _url(targets: dict[str, Any], link: EventLink) -> str:
    known = targets.get(key_of(link))
    return str(known.url) if known is not None else ""


def _run(form: EventStepForm, verb: Any, **arguments: Any) -> bool:
    try:
        return form.run(verb, **arguments)
    except StaleEvent:
        form.add_error(None, _("The event was changed while you typed. Read it again, then go on."))
        return False


def _page(
    request: TrialRequest,
    patient: Patient,
    event: AdverseEvent,
    form_class: Any,
    template: str,
    do: Any,
    **context: Any,
) -> HttpResponse:
    make: Any = partial(form_class, event=event)
    return step(
        request,
        make,
        template,
        do,
        lambda form: event_address(event),
        patient=patient,
        event=event,
        **context,
    )
