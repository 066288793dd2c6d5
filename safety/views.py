"""Pages of one adverse event: report, read, amend, record the report to the sponsor, strike out."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from accounts.sessions.kept_forms import kept_data
from patients.entry.form_page.page_drafts import PageDraft, finished
from patients.models import Patient, Query
from patients.participation.milestones import milestones
from patients.participation.treatment.infusion_links import InfusionAddress, infusions_of
from patients.views.fact_links import links_of
from patients.views.participation import patient_of, step
from safety import reporting
from safety.assessment import assess_and_sign
from safety.classification import is_fatal
from safety.course.course_views import course_context
from safety.drafts.draft_views import draft_of, kept
from safety.event_pages import event_address, event_of, trail_address
from safety.event_questions import backgrounds_of
from safety.forms import (
    AfterLockForm,
    AmendForm,
    AssessForm,
    EventForm,
    EventStepForm,
    SponsorForm,
    StrikeOutForm,
    typed_in,
)
from safety.labels import (
    CLASS_TITLES,
    CLOCK_TONES,
    EMERGENT,
    Wording,
    class_tag,
    clock_text,
    finding_words,
    grade_tag,
    since_text,
)
from safety.listing.reviews import TONES, ReviewState, attach_reviews, review_state
from safety.models import AdverseEvent, EventDraft
from safety.sponsor.case_words import shown_clocks, sponsor_facts
from safety.timing import since, treatment_emergent
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P


@trial_page(see=P.REPORT_EVENT, change=P.REPORT_EVENT)
def report(request: TrialRequest, code: str) -> HttpResponse:
    """Report a new event. After the lock, redirect to the page that asks for the reason."""
    patient = patient_of(request, code)
    if request.method == "GET" and reporting.is_locked(patient):
        query = request.GET.dict()
        return redirect(reverse("safety:report-after-lock", args=[request.trial.slug, code], query=query))
    return reported(request, patient, EventForm)


@trial_page(see=P.REPORT_EVENT, change=P.REPORT_EVENT)
def report_after_lock(request: TrialRequest, code: str) -> HttpResponse:
    """Report a serious event of a locked patient or trial, with a reason (SAF-11)."""
    return reported(request, patient_of(request, code), AfterLockForm)


def reported(request: TrialRequest, patient: Patient, form_class: Callable[..., EventForm]) -> HttpResponse:
    """Show the form of a new event; report the event when it is sent."""
    typed = PageDraft(request, patient)
    draft = _chosen_draft(request, patient)
    at_infusion = _infusion_of_address(request, patient)
    form = form_class(
        typed.sent,
        trial=request.trial,
        patient=patient,
        assessing=request.access.may(P.ASSESS_EVENT),
        at_infusion=at_infusion,
        **({"initial": typed_in(draft)} if draft else {}),
    )
    if (kept_only := typed.answer(form)) is not None:
        return kept_only
    if request.method == "POST" and "draft" in request.POST:
        return _draft_saved(request, patient, form)
    if request.method == "POST" and form.is_valid() and _saved(request, patient, form):
        messages.success(request, _("%(event)s is saved.") % {"event": form.result})
        return finished(typed, event_address(form.result))
    status = 200
    if request.method == "POST":
        typed.keep(form)
        status = 422
    typed.show(form)
    context = {"form": form, "patient": patient, "draft": draft, "keeps": form_class is EventForm}
    return render(request, "safety/report.html", context, status=status)


def _saved(request: TrialRequest, patient: Patient, form: EventForm) -> bool:
    given: dict[str, Any] = {"save_key": form.save_key, "confirmed": form.confirmed, **form.answers()}
    if "after_lock_reason" in form.cleaned_data:
        given["after_lock_reason"] = form.cleaned_data["after_lock_reason"]
    return form.run(reporting.report_event, patient=patient, by=request.user, **given)


def _chosen_draft(request: TrialRequest, patient: Patient) -> EventDraft | None:
    """Return the open draft that the address names, or None. Raises Http404 if there is none with the number."""
    number = request.GET.get("draft", "") if request.method == "GET" else ""
    return draft_of(request, patient, int(number)) if re.fullmatch(r"[1-9][0-9]{0,8}", number) else None


def _infusion_of_address(request: TrialRequest, patient: Patient) -> InfusionAddress | None:
    """Return the infusion from whose bedside the form was opened, or None. Raises Http404 for another patient's."""
    number = request.GET.get("infusion", "")
    if not number:
        return None
    found = next((each for each in infusions_of(patient) if str(each.number) == number), None)
    if found is None:
        raise Http404(_("This patient has no such infusion."))
    return found


def _draft_saved(request: TrialRequest, patient: Patient, form: EventForm) -> HttpResponse:
    """Keep the draft and show it again; a page without a script keeps nothing before."""
    is_kept = form.run(kept, request=request, patient=patient, form=form)
    if is_kept and form.result is not None:
        messages.success(request, _("The draft is kept. It is not reported until the event is saved."))
        address = reverse("safety:report", args=[request.trial.slug, patient.code])
        return redirect(f"{address}?draft={form.result.number}")
    context = {"form": form, "patient": patient, "keeps": True}
    return render(request, "safety/report.html", context, status=422)


@sensitive_post_parameters("password")
@trial_page(see=P.SEE_TRIAL, change=P.SIGN)
def event(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Show one event: its answers, class, clock, days since each infusion, signatures. Assess and sign it."""
    patient = patient_of(request, code)
    row = event_of(request, patient, number)
    form, typed = None, PageDraft(request, patient)
    if request.method == "POST":
        form = AssessForm(request.POST, event=row, trial=request.trial, patient=patient)
        if (kept_only := typed.answer(form)) is not None:
            return kept_only
        if form.is_valid() and _assessed(request, row, form):
            messages.success(request, _("%(event)s is assessed and signed.") % {"event": row})
            return finished(typed, event_address(row))
        typed.keep(form)
        row = event_of(request, patient, number)
    attach_reviews([row])
    context = {"patient": patient, "event": row, **event_context(request, row)}
    if context["may_assess"]:
        form = form or AssessForm(kept_data(request), event=row, trial=request.trial, patient=patient)
        typed.answer(form)
        typed.show(form)
        context["form"] = form
    return render(request, "safety/event.html", context, status=422 if request.method == "POST" else 200)


def _assessed(request: TrialRequest, event: AdverseEvent, form: AssessForm) -> bool:
    try:
        return form.run(assess_and_sign, event=event, by=request.user, **form.cleaned_data)
    except reporting.StaleEvent:
        form.add_error(None, _("The event was changed while you typed. Read it again, then go on."))
        return False


def event_context(request: TrialRequest, event: AdverseEvent) -> dict[str, Any]:
    """Return the template context of an event's page."""
    wording = Wording(event.patient.protocol.rules)
    links = links_of(request.access, Query.Target.ADVERSE_EVENT, event)
    reading = event.clock(timezone.now())
    open_now = bool(event.after_lock_reason) or not reporting.is_locked(event.patient)
    may_change = request.access.may(P.REPORT_EVENT) and not event.in_error and open_now
    return {
        "facts": [replace(fact, asked=links.get(fact.item)) for fact in wording.facts(event)],
        "trail_url": trail_address(event) if request.access.may(P.SEE_TRAIL) else "",
        "findings": finding_words(event, backgrounds_of([event], event.patient.protocol.rules)[event.pk]),
        "clock": reading,
        "clock_words": clock_text(reading) if reading else "",
        "clock_tone": CLOCK_TONES[reading.stage] if reading else "",
        "due": wording.instant(event.due_at) if event.due_at else "",
        "began_at": next(
            (each for each in infusions_of(event.patient) if each.number == event.infusion), None
        )
        if event.infusion
        else None,
        **_timing(event, wording),
        **course_context(event),
        "judged": sponsor_facts(event, wording),
        "case_clocks": shown_clocks(event, wording.zone),
        "judges": request.access.may(P.JUDGE_CASE) and not event.in_error and event.due_at is not None,
        "is_fatal": not event.in_error and is_fatal(event.answers),
        "class_tag": class_tag(event),
        "class_title": CLASS_TITLES[event.classification],
        "grade_tag": grade_tag(event),
        "review": review_state(event),
        "review_tone": TONES[review_state(event)],
        "may_change": may_change,
        "may_report": may_change and reading is not None and reading.open,
        "may_assess": request.access.may(P.SIGN)
        and (bool(event.causality) or request.access.may(P.ASSESS_EVENT))
        and open_now
        and not event.in_error
        and review_state(event) != ReviewState.SIGNED,
    }


def _timing(event: AdverseEvent, wording: Wording) -> dict[str, Any]:
    """Return the days and hours since each infusion, and whether the event is treatment-emergent (SAF-15)."""
    given = milestones([event.patient])[event.patient.pk]
    infusions = [each.at for each in given if each.kind == "infusion"]
    return {
        "since": [(each, since_text(since(each.at, event.onset_moment, wording.zone))) for each in given],
        "emergent": EMERGENT[treatment_emergent(infusions, event.onset_moment)],
    }


@trial_page(see=P.REPORT_EVENT, change=P.REPORT_EVENT)
def amend(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Amend an event with a reason. Answers 409 and shows both values if the event changed since it was shown.

    The draft of an amendment is kept like that of any page: no clock starts from it.
    """
    patient = patient_of(request, code)
    row = event_of(request, patient, number)
    typed = PageDraft(request, patient)
    options = {"trial": request.trial, "patient": patient, "assessing": request.access.may(P.ASSESS_EVENT)}
    form = AmendForm(typed.sent, event=row, **options)
    if (kept := typed.answer(form)) is not None:
        return kept
    if request.method == "POST" and form.is_valid():
        try:
            if form.amended(by=request.user):
                return finished(typed, event_address(row))
        except reporting.StaleEvent as stale:
            return conflict(request, stale.event, options, typed)
    if request.method == "POST":
        typed.keep(form)
    typed.show(form)
    context = {"form": form, "patient": patient, "event": row}
    return render(request, "safety/amend.html", context, status=422 if request.method == "POST" else 200)


def conflict(
    request: TrialRequest, event: AdverseEvent, options: dict[str, Any], typed: PageDraft
) -> HttpResponse:
    """Show the stored values beside the typed ones. Sending again applies them to the current version."""
    data = request.POST.copy()
    data["version"] = str(event.version)
    form = AmendForm(data, event=event, **options)
    typed.keep(form)
    typed.show(form)
    context = {
        "form": form, "patient": event.patient, "event": event, "differences": form.differences(),
        "changed": event.history.order_by("-history_id").first(),
    }  # fmt: skip
    return render(request, "safety/amend.html", context, status=409)


@trial_page(see=P.REPORT_EVENT, change=P.REPORT_EVENT)
def sponsor(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Record when the event was reported to the sponsor; this stops the clock."""
    return _closing(request, code, number, SponsorForm, reporting.report_to_sponsor, "safety/sponsor.html")


@trial_page(see=P.REPORT_EVENT, change=P.REPORT_EVENT)
def strike_out(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Mark an event as entered in error. It stays visible."""
    verb = reporting.mark_entered_in_error
    return _closing(request, code, number, StrikeOutForm, verb, "safety/strike_out.html")


def _closing(
    request: TrialRequest, code: str, number: int, form_class: type[EventStepForm], verb: Any, template: str
) -> HttpResponse:
    patient = patient_of(request, code)
    row = event_of(request, patient, number)

    def do(form: Any) -> bool:
        try:
            return form.run(verb, event=row, by=request.user, **form.cleaned_data)
        except reporting.StaleEvent:
            form.add_error(None, _("The event was changed while you typed. Read it again, then go on."))
            return False

    make: Any = partial(form_class, event=row)
    return step(
        request,
        make,
        template,
        do,
        lambda form: event_address(row),
        patient=patient,
        event=row,
        facts=Wording(patient.protocol.rules).facts(row),
    )
