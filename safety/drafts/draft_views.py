"""The requests that keep a draft of an adverse event while a person types, and the page that discards one."""

from django.core.exceptions import ValidationError
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from patients.models import Patient
from patients.views.participation import patient_of, step
from safety.drafts.event_drafts import discard_event_draft, keep_event_draft
from safety.forms import DiscardDraftForm, EventForm
from safety.labels import draft_clock_text
from safety.models import EventDraft
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P
from trials.reader import shown_moment


def draft_of(request: TrialRequest, patient: Patient, number: int) -> EventDraft:
    """Return the patient's open draft with this number. Raises Http404 if there is none, or it is not open."""
    rows = EventDraft.objects.visible_to(request.user).filter(state=EventDraft.State.OPEN)
    draft = get_object_or_404(rows, patient=patient, number=number)
    draft.patient = patient
    return draft


def kept(request: TrialRequest, patient: Patient, form: EventForm) -> EventDraft | None:
    """Keep what was sent as a draft. Raises ValidationError for a locked patient."""
    form.is_valid()
    return keep_event_draft(
        patient=patient,
        save_key=form.save_key,
        typed=form.typed(),
        answers=form.answers(),
        by=request.user,
    )


@trial_page(see=None, change=P.REPORT_EVENT)
def keep(request: TrialRequest, code: str) -> JsonResponse:
    """Keep the inputs typed so far as a draft, and say when, and until when the event has to be reported."""
    patient = patient_of(request, code)
    form = EventForm(
        request.POST, trial=request.trial, patient=patient, assessing=request.access.may(P.ASSESS_EVENT)
    )
    try:
        draft = kept(request, patient, form)
    except ValidationError as refused:
        return JsonResponse({"kept": " ".join(refused.messages)}, status=422)
    if draft is None:
        return JsonResponse({"kept": _("Not saved yet")})
    zone = patient.protocol.rules.trial.site.time_zone
    words = _("Kept %(when)s") % {"when": shown_moment(draft.saved_at, zone)}
    reading = draft.clock()
    return JsonResponse({"kept": f"{words} · {draft_clock_text(reading)}" if reading else words})


@trial_page(see=P.REPORT_EVENT, change=P.REPORT_EVENT)
def discard(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """End a draft without an event, with the reason."""
    patient = patient_of(request, code)
    draft = draft_of(request, patient, number)

    def do(form: DiscardDraftForm) -> bool:
        return form.run(discard_event_draft, draft=draft, by=request.user, **form.cleaned_data)

    def done(form: DiscardDraftForm) -> str:
        return reverse("safety:listing", args=[request.trial.slug])

    return step(
        request, DiscardDraftForm, "safety/discard_draft.html", do, done, patient=patient, draft=draft
    )
