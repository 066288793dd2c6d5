"""Pages of drug safety: its cases, the judgement of one, the decision on a clock, the follow-up of a report.

Only drug safety opens them: what came of a case depends on the arm (A.8).
"""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from patients.models import Patient
from patients.views.participation import patient_of, step
from safety.event_pages import event_address, event_of
from safety.labels import Wording, class_tag, clock_tag
from safety.models import AdverseEvent, CaseClock, CaseDecision
from safety.sponsor.case_forms import CaseDecisionForm, CaseForm, FollowUpForm
from safety.sponsor.case_words import (
    CLOCK_TITLES,
    GROUNDS,
    decision_words,
    decisions_of,
    proposal,
    shown_clocks,
    sponsor_facts,
)
from safety.sponsor.cases import StaleCase, judge_case
from safety.sponsor.decisions import decide_case, send_follow_up
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P
from trials.reader import shown_moment

# Of each group; the listing of adverse events has all.
MOST = 200


@trial_page(see=P.JUDGE_CASE)
def cases(request: TrialRequest) -> HttpResponse:
    """List the serious events without a case, and the clocks that run, with what came of those that ended."""
    events = AdverseEvent.objects.of(request.access).without_case()
    waiting = events.select_related("patient").order_by("due_at", "pk")[:MOST]
    rows = CaseClock.objects.visible_to(request.user).filter(patient__trial=request.trial)
    clocks = list(rows.select_related("event__patient").order_by("due_at", "pk")[:MOST])
    decided, now, zone = decisions_of(clocks), timezone.now(), request.trial.time_zone
    shown = [
        (clock, CLOCK_TITLES[clock.kind], shown_moment(clock.due_at, zone),
         decision_words(decided.get(clock.pk), clock, now), _follow_up(decided.get(clock.pk), zone))
        for clock in clocks
    ]  # fmt: skip
    context = {
        "waiting": [(event, class_tag(event), clock_tag(event, now)) for event in waiting],
        "open": [row for row in shown if row[0].pk not in decided],
        "decided": [row for row in shown if row[0].pk in decided],
    }
    return render(request, "safety/cases.html", context)


@trial_page(see=P.JUDGE_CASE, change=P.JUDGE_CASE)
def case(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Open the case of an event, or judge it again; show its clocks with what came of them."""
    patient = patient_of(request, code)
    event = event_of(request, patient, number)

    def do(form: CaseForm) -> bool:
        given: dict[str, Any] = {name: form.cleaned_data.get(name) for name in ("known", "reason")}
        given = {name: value for name, value in given.items() if value}
        try:
            return form.run(
                judge_case,
                event=event,
                version=form.cleaned_data["version"],
                by=request.user,
                **given,
                **form.judgement(),
            )
        except StaleCase:
            form.add_error(None, _("The case was changed while you typed. Read it again, then go on."))
            return False

    def make(*args: Any, **kwargs: Any) -> CaseForm:
        return CaseForm(*args, event=event, **kwargs)

    done = event_address(event, "safety:case")
    context = _case_context(request, event)
    return step(request, make, "safety/case.html", do, lambda form: done, patient=patient, **context)  # type: ignore[arg-type]


def _case_context(request: TrialRequest, event: AdverseEvent) -> dict[str, Any]:
    wording, zone, now = Wording(event.patient.protocol.rules), request.trial.time_zone, timezone.now()
    clocks, found = shown_clocks(event, zone), proposal(event)
    decided = decisions_of(each.clock for each in clocks)
    return {
        "event": event,
        "facts": wording.facts(event),
        "class_tag": class_tag(event),
        "clocks": [
            (each, decided.get(each.clock.pk), decision_words(decided.get(each.clock.pk), each.clock, now),
             _follow_up(decided.get(each.clock.pk), zone))
            for each in clocks
        ],
        "judged": sponsor_facts(event, wording),
        "ground": GROUNDS[found.ground],
        "versions": ", ".join(found.versions),
        "is_closed": bool(decided),
        "may_unblind": request.trial.masked and request.access.may(P.UNBLIND_SUSAR),
    }  # fmt: skip


def _follow_up(decision: CaseDecision | None, zone: str) -> str:
    """Return when the follow-up was sent, or until when it has to be; empty if none is due."""
    if decision is None or decision.follow_up_due_at is None:
        return ""
    if decision.follow_up_sent_at is not None:
        return _("Follow-up sent %(when)s") % {"when": shown_moment(decision.follow_up_sent_at, zone)}
    return _("Follow-up due %(when)s") % {"when": shown_moment(decision.follow_up_due_at, zone)}


def _clock_of(request: TrialRequest, patient: Patient, number: int, clock: int) -> CaseClock:
    event = event_of(request, patient, number)
    found = get_object_or_404(CaseClock, event=event, pk=clock)
    found.event, found.patient = event, patient
    return found


@trial_page(see=P.JUDGE_CASE, change=P.JUDGE_CASE)
def decide(request: TrialRequest, code: str, number: int, clock: int) -> HttpResponse:
    """Record what came of a case when one of its clocks ran."""
    patient = patient_of(request, code)
    found = _clock_of(request, patient, number, clock)

    def do(form: CaseDecisionForm) -> bool:
        return form.run(decide_case, clock=found, by=request.user, **form.cleaned_data)

    return _step(request, patient, found, CaseDecisionForm, _("Record the decision"), do)


@trial_page(see=P.JUDGE_CASE, change=P.JUDGE_CASE)
def follow_up(request: TrialRequest, code: str, number: int, clock: int) -> HttpResponse:
    """Record when the follow-up of a fatal or life-threatening SUSAR was sent."""
    patient = patient_of(request, code)
    found = _clock_of(request, patient, number, clock)
    decision = get_object_or_404(CaseDecision, clock=found, follow_up_due_at__isnull=False)
    decision.patient = patient

    def do(form: FollowUpForm) -> bool:
        return form.run(send_follow_up, decision=decision, by=request.user, **form.cleaned_data)

    return _step(request, patient, found, FollowUpForm, _("Record the follow-up"), do)


def _step(
    request: TrialRequest, patient: Patient, clock: CaseClock, form_class: Any, action: str, do: Any
) -> HttpResponse:
    done = reverse("safety:case", args=[request.trial.slug, patient.code, clock.event.number])
    due = shown_moment(clock.due_at, request.trial.time_zone)
    return step(
        request, form_class, "safety/case_step.html", do, lambda form: done,
        patient=patient, event=clock.event, title=CLOCK_TITLES[clock.kind], due=due, action=action, back=done,
    )  # fmt: skip
