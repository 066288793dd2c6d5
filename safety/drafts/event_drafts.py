"""Keep and discard drafts of adverse events: what was typed is stored, and an urgent one is reported like an event."""

from collections.abc import Callable
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from audit.stored_text import system_text
from patients.models import Patient
from patients.participation.lifecycle import lock_patient, refuse_when_locked
from safety.drafts.draft_clock import draft_clock_start, may_be_serious
from safety.event_checks import EventAnswers
from safety.models import CAUSES, AdverseEvent, EventDraft
from safety.reporting_clocks.clocks import hours_deadline
from trials.models import Trial

Typed = list[tuple[str, str]]
State = EventDraft.State
# Only an investigator is asked for it: a draft that another person goes on with keeps the investigator's answer.
NOT_ALWAYS_ASKED = ("causality", *CAUSES)


@transaction.atomic
def keep_event_draft(
    *, patient: Patient, save_key: str, typed: Typed, answers: EventAnswers, by: User
) -> EventDraft | None:
    """Store what was typed as the open draft of the page with this key; the clock follows the answers.

    answers: those of them that can be read. Returns None if nothing was typed, or if the draft is not open any more.
    Raises ValidationError for a locked patient.
    """
    patient = lock_patient(patient)
    refuse_when_locked(patient)
    draft = EventDraft.objects.filter(patient=patient, save_key=save_key).first()
    saved = AdverseEvent.objects.filter(patient=patient, save_key=save_key).exists()
    if saved or not save_key or (draft is not None and draft.state != State.OPEN):
        return None
    if draft is None:
        if not any(text.strip() for name, text in typed if name != "save_key"):
            return None
        draft = _new(patient, save_key)
    draft.payload = [*typed, *_kept(draft, typed)]
    draft.term = answers.get("term", "")[:200]
    draft.saved_at = timezone.now()
    for name, value in _clock(draft, answers).items():
        setattr(draft, name, value)
    draft.save()
    return draft


@transaction.atomic
def discard_event_draft(*, draft: EventDraft, reason: str, by: User) -> EventDraft:
    """End a draft without an event, with the reason. Raises ValidationError without one, or if it is not open."""
    patient = lock_patient(draft.patient)
    refuse_when_locked(patient)
    row = EventDraft.objects.select_for_update(of=("self",)).get(pk=draft.pk)
    if row.state != State.OPEN:
        raise ValidationError(_("This draft is finished or discarded already."))
    if not reason.strip():
        raise ValidationError({"reason": _("Say why there is no event to report.")})
    row.state, row.discarded_reason = State.DISCARDED, reason.strip()
    with because(reason.strip()):
        row.save(update_fields=["state", "discarded_reason"])
    return row


def open_draft(patient: Patient, save_key: str) -> EventDraft | None:
    """Return the open draft of the page with this key, or None. One query, none without a key."""
    if not save_key:
        return None
    return EventDraft.objects.filter(patient=patient, save_key=save_key, state=State.OPEN).first()


def clock_of_draft(draft: EventDraft | None) -> datetime | None:
    """Return the start of the clock that the event keeps: a first save without a typed awareness; None otherwise."""
    return draft.clock_starts_at if draft is not None and draft.aware_at is None else None


def finish(draft: EventDraft, event: AdverseEvent) -> None:
    """End a draft with the event saved from its page."""
    draft.state, draft.event = State.FINISHED, event
    with because(system_text("event.draft_finished")):
        draft.save(update_fields=["state", "event"])


def open_drafts(trial: Trial) -> list[EventDraft]:
    """Return the open drafts of a trial, the most urgent first."""
    rows = EventDraft.objects.filter(trial=trial, state=State.OPEN).select_related("patient")
    return sorted(rows, key=lambda draft: (draft.due_at is None, draft.due_at or draft.saved_at))


def _new(patient: Patient, save_key: str) -> EventDraft:
    last = EventDraft.objects.filter(patient=patient).aggregate(last=Max("number"))["last"] or 0
    now = timezone.now()
    return EventDraft(
        trial_id=patient.trial_id,
        patient=patient,
        number=last + 1,
        save_key=save_key,
        payload=[],
        first_saved_at=now,
    )


def _kept(draft: EventDraft, typed: Typed) -> Typed:
    sent = {name for name, _text in typed}
    return [(name, text) for name, text in draft.payload if name in NOT_ALWAYS_ASKED and name not in sent]


def _clock(draft: EventDraft, answers: EventAnswers) -> dict[str, datetime | None]:
    rules = draft.patient.protocol.rules.safety
    urgent = may_be_serious(
        seriousness=answers.get("seriousness", frozenset()),
        grade=answers.get("grade"),
        outcome=answers.get("outcome", ""),
        kind=answers.get("kind", ""),
        expedited=answers.get("aesi", "") in rules.expedited,
    )
    known = answers.get("serious_aware") or answers.get("aware")
    aware_at = known.earliest if known else None
    start = draft_clock_start(urgent=urgent, aware_at=aware_at, first_saved_at=draft.first_saved_at)
    return {
        "aware_at": aware_at,
        "clock_starts_at": start,
        "due_at": hours_deadline(start, rules.sae_clock_hours) if start else None,
    }


def mask_text(trial_id: int, patient_id: int, mask: Callable[[str], str]) -> int:
    """Mask a text in what was typed of a patient's unsaved events; return in how many drafts (AUD-12)."""
    changed = []
    for draft in EventDraft.objects.filter(trial=trial_id, patient=patient_id):
        payload, term = [[name, mask(text)] for name, text in draft.payload], mask(draft.term)
        if (payload, term) != (draft.payload, draft.term):
            draft.payload, draft.term = payload, term
            changed.append(draft)
    return EventDraft.objects.bulk_update(changed, ["payload", "term"])
