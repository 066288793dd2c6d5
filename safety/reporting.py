"""Adverse events are reported, amended, told to the sponsor, reviewed, and never deleted."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Unpack

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit import signatures
from audit.context import because
from audit.stored_text import Text, say, trimmed
from patients.models import Patient
from patients.participation.lifecycle import held, refuse_when_locked
from protocol.values.moments import Moment, before
from safety.classification import NONE_OF_THESE
from safety.event_checks import EventAnswers, answers_of, columns, placed
from safety.models import AdverseEvent


class StaleEvent(Exception):
    """Somebody else changed the event meanwhile; `event` is how it stands now (DAT-11)."""

    def __init__(self, event: AdverseEvent) -> None:
        self.event = event
        super().__init__(f"{event} is now at version {event.version}")


@transaction.atomic
def report_event(
    *,
    patient: Patient,
    by: User,
    save_key: str = "",
    after_lock_reason: str = "",
    **answers: Unpack[EventAnswers],
) -> AdverseEvent:
    """Store a new event under the patient's next number, and start the 24-hour clock of a serious one.

    The same `save_key` twice (a double click) gives the event that the first one made. `after_lock_reason` is
    the controlled way in after the lock, for serious events only (SAF-11). Raises ValidationError with a
    sentence for each answer that is missing, impossible or before the consent.
    """
    patient = held(patient)
    after_lock_reason = after_lock_reason.strip()
    if after_lock_reason:
        _refuse_after_lock(patient, answers)
    else:
        refuse_when_locked(patient)
    if save_key and (twin := patient.adverse_events.filter(save_key=save_key).first()):
        return twin
    stored = columns(patient, answers)
    last = patient.adverse_events.aggregate(last=Max("number"))["last"] or 0
    return AdverseEvent.objects.create(
        trial_id=patient.trial_id,
        patient=patient,
        number=last + 1,
        save_key=save_key,
        after_lock_reason=after_lock_reason,
        **stored,
    )


@transaction.atomic
def amend_event(
    *, event: AdverseEvent, changes: EventAnswers, reason: Text, version: int, by: User
) -> AdverseEvent:
    """Change answers of an event, with a reason (AUD-04); what is not in `changes` stays.

    An event that becomes serious starts a clock from when that became known; both awareness times are kept
    (CLK-04). Raises StaleEvent when `version` is not the current one, ValidationError for what is refused.
    """
    row, patient = _held_event(event, version)
    zone = patient.protocol.rules.trial.site.time_zone
    answers = placed(EventAnswers(**{**answers_of(row, zone), **changes}), zone)
    upgrade = row.none_of_these and NONE_OF_THESE not in answers["seriousness"]
    stored = columns(patient, answers, upgrade=upgrade)
    stored.update(_report_after(row, stored["due_at"], answers, upgrade=upgrade))
    changed = {name: value for name, value in stored.items() if getattr(row, name) != value}
    if not changed:
        raise ValidationError(_("Nothing was changed: there is nothing to save."))
    return _save(row, changed, reason=_given(reason))


@transaction.atomic
def mark_entered_in_error(*, event: AdverseEvent, reason: str, version: int, by: User) -> AdverseEvent:
    """Strike out an event that never was: it stays visible with the reason (SAF-09)."""
    row, _patient = _held_event(event, version)
    return _save(row, {"in_error_reason": _given(reason)}, reason=_given(reason))


@transaction.atomic
def report_to_sponsor(
    *, event: AdverseEvent, at: Moment, by: User, version: int, late_reason: str = ""
) -> AdverseEvent:
    """Stop the 24-hour clock with the time at which the sponsor was told.

    A late report needs its reason (CLK-05). Raises ValidationError for an event that owes no report.
    """
    row, patient = _held_event(event, version)
    at = at.placed(patient.protocol.rules.trial.site.time_zone)
    _check_report(row, at)
    late_reason = late_reason.strip()
    late = _late_needs_reason(row.due_at, at.earliest, late_reason)
    told = {"reported": at.iso, "reported_at": at.earliest, "late_reason": late_reason if late else ""}
    return _save(row, told, reason=say("event.reported"))


@transaction.atomic
def review_events(
    *, events: Sequence[AdverseEvent], versions: dict[int, int], by: User, password: str, meaning: str
) -> int:
    """Sign the review of several events with one password: one signature each, all of them or none.

    versions: the version of each event, by its id, that the person had before their eyes.
    Raises ValidationError when an event changed meanwhile, is not assessed, was entered in error, or for a
    wrong password; then nothing is signed.
    """
    if not events:
        raise ValidationError(_("Choose at least one event."))
    chosen = AdverseEvent.objects.select_for_update(of=("self",)).select_related("patient__trial")
    rows = list(chosen.filter(pk__in=[event.pk for event in events]))
    problems = [problem for row in rows if (problem := not_reviewable(row, versions.get(row.pk)))]
    if problems:
        raise ValidationError(problems)
    for row in rows:
        if not row.after_lock_reason:
            refuse_when_locked(row.patient)
    zone = rows[0].trial.rules.trial.site.time_zone
    signatures.sign_many(targets=rows, meaning=meaning, password=password, by=by, zone=zone)
    return len(rows)


def not_reviewable(event: AdverseEvent, version: int | None = None) -> str:
    """Return why an event cannot be signed now, or nothing."""
    named = {"event": f"{event.patient.code} {event}"}
    if event.in_error:
        return _("%(event)s was entered in error: there is nothing to sign.") % named
    if not event.causality:
        return _("%(event)s has no causality yet: assess it first.") % named
    if version is not None and version != event.version:
        return _("%(event)s was changed while you read it: look at it again.") % named
    return ""


def is_locked(patient: Patient) -> bool:
    """Tell whether the patient or the trial is locked. Reads patient.trial."""
    return bool(patient.locked_at or patient.trial.locked_at)


def _refuse_after_lock(patient: Patient, answers: EventAnswers) -> None:
    if not is_locked(patient):
        raise ValidationError(_("Nothing is locked: report the event in the usual way."))
    if NONE_OF_THESE in (answers.get("seriousness") or ()):
        raise ValidationError(
            {
                "seriousness": _(
                    "After the lock only serious events are reported: choose the criteria that apply."
                )
            }
        )


def _held_event(event: AdverseEvent, version: int) -> tuple[AdverseEvent, Patient]:
    """Lock the event's row. Raises StaleEvent, or ValidationError when nothing may change."""
    rows = AdverseEvent.objects.select_for_update(of=("self",))
    row = rows.select_related("patient__trial", "patient__protocol").get(pk=event.pk)
    if not row.after_lock_reason:
        refuse_when_locked(row.patient)
    if row.version != version:
        raise StaleEvent(row)
    if row.in_error:
        raise ValidationError(_("This event was entered in error: it stays as it is."))
    return row, row.patient


def _save(row: AdverseEvent, changed: dict[str, Any], *, reason: Text) -> AdverseEvent:
    for name, value in {**changed, "version": row.version + 1}.items():
        setattr(row, name, value)
    with because(reason):
        row.save(update_fields=[*changed, "version"])
    return row


def _given(reason: Text) -> Text:
    if not trimmed(reason):
        raise ValidationError({"reason": _("Say why this is changed.")})
    return trimmed(reason)


def _report_after(
    row: AdverseEvent, due_at: datetime | None, answers: EventAnswers, *, upgrade: bool
) -> dict[str, Any]:
    """Return what stays of the report: an upgrade asks for a new one, and the trail keeps the old."""
    if upgrade or row.reported_at is None:
        return {"reported": "", "reported_at": None, "late_reason": ""}
    late_reason = answers.get("late_reason", "")
    _late_needs_reason(due_at, row.reported_at, late_reason)
    return {"late_reason": late_reason}


def _late_needs_reason(due_at: datetime | None, reported_at: datetime, late_reason: str) -> bool:
    late = due_at is not None and reported_at > due_at
    if late and not late_reason:
        raise ValidationError({"late_reason": _("The report came after the deadline: say why.")})
    return late


def _check_report(row: AdverseEvent, at: Moment) -> None:
    if row.due_at is None:
        raise ValidationError(_("This event is not serious: no report is due."))
    if row.reported_at is not None:
        raise ValidationError(_("This event was already reported to the sponsor."))
    if at.precision != "minute":
        raise ValidationError({"at": _("Enter the day and the time of the report.")})
    if at.earliest > timezone.now():
        raise ValidationError({"at": _("This time has not come yet. Check the date.")})
    if before(at, Moment.from_iso(row.serious_aware or row.aware)):
        raise ValidationError({"at": _("This is before the site knew that the event is serious.")})
