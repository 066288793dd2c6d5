"""Report, amend, sign and strike out adverse events, and record their report to the sponsor."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Unpack

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit import signatures
from audit.context import because
from audit.stored_text import Text, system_text, trimmed
from patients.models import Patient, Query
from patients.participation.asked_facts import answer_by_change, close_asked
from patients.participation.lifecycle import lock_patient, lock_patients, refuse_when_locked
from patients.participation.questions import Question, ask
from protocol.values.moments import Moment, before
from safety.classification import NONE_OF_THESE
from safety.drafts.event_drafts import clock_of_draft, finish, open_draft
from safety.event_checks import EventAnswers, answers_of, columns, counts_as_serious, has_clock, normalised
from safety.event_questions import (
    KnownEvent,
    background_of,
    dates_in,
    death_to_record,
    known_events,
    questions_about,
)
from safety.late_reports import note_late_report
from safety.models import FACTS, AdverseEvent
from safety.reporting_clocks.clock_table import Reportable
from safety.sponsor.case_clocks import note_next_due, start_clocks
from safety.stopping.watching import lock_for_rules, watch


class StaleEvent(Exception):
    """The event changed since it was shown; `event` is its current row (DAT-11)."""

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
    confirmed: str = "",
    **answers: Unpack[EventAnswers],
) -> AdverseEvent:
    """Store a new event with the patient's next number; a serious or fatal one starts the 24-hour clock.

    A second call with the same `save_key` (a double click) returns the first event; the draft of that page is
    finished, and the event keeps the start of its clock. `after_lock_reason` allows a
    serious event after the lock (SAF-11). Raises ValidationError with a message for each answer that is missing or
    impossible, and Questioned for answers that contradict each other or another record and are not `confirmed`.
    """
    lock_for_rules(patient)
    # Locks the patient: two events reported at once must not get the same number.
    patient = lock_patient(patient)
    after_lock_reason = after_lock_reason.strip()
    if after_lock_reason:
        _refuse_after_lock(patient, answers)
    else:
        refuse_when_locked(patient)
    # Read under the lock, so that the second click finds the event of the first.
    known = known_events(patient)
    if save_key and (existing := next((each for each in known if each.save_key == save_key), None)):
        return patient.adverse_events.get(pk=existing.pk)
    draft = open_draft(patient, save_key)
    stored = columns(patient, answers, draft_clock_at=clock_of_draft(draft))
    ask(_questions(patient, answers, known=known), confirmed)
    event = AdverseEvent.objects.create(
        trial_id=patient.trial_id,
        patient=patient,
        number=max((each.number for each in known), default=0) + 1,
        save_key=save_key,
        after_lock_reason=after_lock_reason,
        **stored,
    )
    if draft is not None:
        finish(draft, event)
    watch(event, by)
    return event


@transaction.atomic
def amend_event(
    *,
    event: AdverseEvent,
    changes: EventAnswers,
    reason: Text,
    version: int,
    by: User,
    confirmed: str = "",
    of_course: bool = False,
) -> AdverseEvent:
    """Change answers of an event with a reason (AUD-04). Answers absent from `changes` stay as they are.

    An event that becomes serious starts its clock at `serious_aware`; both awareness times are kept (CLK-04). One
    that becomes a SUSAR, or a fatal one, starts the sponsor's. of_course: the grade follows from its dated rows.
    Raises StaleEvent if `version` is outdated, ValidationError for a refused answer or if nothing changed, and
    Questioned for a contradiction that the change adds and that is not `confirmed`.
    """
    lock_for_rules(event.patient)
    row, patient = locked_event(event, version)
    zone = patient.protocol.rules.trial.site.time_zone
    before_change = answers_of(row, zone)
    answers = normalised(EventAnswers(**{**before_change, **changes}), zone)
    upgrade = _is_upgrade(row, before_change, answers)
    stored = columns(patient, answers, upgrade=upgrade, draft_clock_at=row.draft_clock_at)
    stored.update(_report_after(row, stored["due_at"], answers, upgrade=upgrade))
    changed = {name: value for name, value in stored.items() if getattr(row, name) != value}
    if not changed:
        raise ValidationError(_("Nothing was changed: there is nothing to save."))
    if "grade" in changed and not of_course and row.grades.in_force().exists():
        raise ValidationError(
            {"grade": _("The grade changed over time: record or strike out a grade of its course.")}
        )
    reason, was = _required_reason(reason), row.reportable
    known = {each.code for each in _questions(patient, before_change, row.number)}
    ask([each for each in _questions(patient, answers, row.number) if each.code not in known], confirmed)
    saved = _save(row, changed, reason=reason)
    items = [item for item, names in FACTS.items() if not changed.keys().isdisjoint(names)]
    answer_by_change(reason=reason, items=items, by=by, target=Query.Target.ADVERSE_EVENT, target_id=row.pk)
    watch(saved, by)
    _start_clocks_of_sponsor(saved, was)
    return note_late_report(saved, by)


def _is_upgrade(row: AdverseEvent, before_change: EventAnswers, answers: EventAnswers) -> bool:
    """Return whether a change starts the clock of the site: the first one, or anew for an event that becomes serious.

    A report of a kind of its own, or of special interest, may have a clock without being serious.
    """
    if row.due_at is None:
        return has_clock(answers, row.patient.protocol.rules)
    return counts_as_serious(answers) and not counts_as_serious(before_change)


def _start_clocks_of_sponsor(event: AdverseEvent, was: Reportable) -> None:
    # The sponsor reads the same database: it is aware from the moment of the change.
    with because(system_text("case.event_changed")):
        if start_clocks(event, was, timezone.now()):
            note_next_due(event)


@transaction.atomic
def mark_entered_in_error(*, event: AdverseEvent, reason: str, version: int, by: User) -> AdverseEvent:
    """Mark an event as entered in error. It stays visible, with the reason (SAF-09)."""
    row, _patient = locked_event(event, version)
    words = _required_reason(reason)
    saved = _save(row, {"in_error_reason": words}, reason=words)
    with because(words):
        close_asked(because=words, target=Query.Target.ADVERSE_EVENT, target_id=row.pk)
    return note_late_report(saved, by)


@transaction.atomic
def report_to_sponsor(
    *, event: AdverseEvent, at: Moment, by: User, version: int, late_reason: str = ""
) -> AdverseEvent:
    """Stop the 24-hour clock at the time of the report to the sponsor.

    Raises ValidationError for an event without a due report, an impossible time, and a late report without a
    reason (CLK-05).
    """
    row, patient = locked_event(event, version)
    at = at.placed(patient.protocol.rules.trial.site.time_zone)
    _check_report(row, at)
    late_reason = late_reason.strip()
    late = _late_needs_reason(row.due_at, at.earliest, late_reason)
    columns = {
        "reported": at.iso,
        "reported_at": at.earliest,
        "reported_entered_at": timezone.now(),
        "late_reason": late_reason if late else "",
    }
    return note_late_report(_save(row, columns, reason=system_text("event.reported")), by)


@transaction.atomic
def review_events(
    *, events: Sequence[AdverseEvent], versions: dict[int, int], by: User, password: str, meaning: str
) -> int:
    """Sign the review of several events with one password: one signature for each, all or none. Return their number.

    versions: the version of each event that was shown to the signer, by event id.
    Raises ValidationError for a wrong password, and for an event that changed since, has no causality or was
    entered in error.
    """
    if not events:
        raise ValidationError(_("Choose at least one event."))
    chosen = AdverseEvent.objects.filter(pk__in=[event.pk for event in events])
    lock_patients(Patient.objects.filter(pk__in=chosen.order_by().values("patient_id")))
    # Read under the locks: an event may have changed, or a patient been locked, since the page was shown.
    rows = list(chosen.select_related("patient__trial").order_by("pk"))
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
    """Return why an event cannot be signed now, or an empty text."""
    named = {"event": f"{event.patient.code} {event}"}
    if event.in_error:
        return _("%(event)s was entered in error: there is nothing to sign.") % named
    if not event.causality:
        return _("%(event)s has no causality yet: assess it first.") % named
    if version is not None and version != event.version:
        return _("%(event)s was changed while you read it: look at it again.") % named
    return ""


def is_locked(patient: Patient) -> bool:
    """Return whether the patient or the trial is locked. Reads patient.trial: may cost a query."""
    return bool(patient.locked_at or patient.trial.locked_at)


def _refuse_after_lock(patient: Patient, answers: EventAnswers) -> None:
    if not is_locked(patient):
        raise ValidationError(_("Nothing is locked: report the event in the usual way."))
    if NONE_OF_THESE in (answers.get("seriousness") or ()) and not has_clock(answers, patient.protocol.rules):
        raise ValidationError(
            {
                "seriousness": _(
                    "After the lock only serious events are reported: choose the criteria that apply."
                )
            }
        )


def locked_event(event: AdverseEvent, version: int) -> tuple[AdverseEvent, Patient]:
    """Return the event's row, locked until the transaction ends, and its patient.

    Raises StaleEvent if `version` is outdated, ValidationError if the event may not change.
    """
    patient = lock_patient(event.patient)
    # Read after the patient's lock: every step on an event of the patient takes that lock first.
    row = AdverseEvent.objects.select_for_update(of=("self",)).get(pk=event.pk)
    row.patient = patient
    # An event reported after the lock can also be amended after it.
    if not row.after_lock_reason:
        refuse_when_locked(row.patient)
    if row.version != version:
        raise StaleEvent(row)
    if row.in_error:
        raise ValidationError(_("This event was entered in error: it stays as it is."))
    return row, patient


def _save(row: AdverseEvent, changed: dict[str, Any], *, reason: Text) -> AdverseEvent:
    for name, value in {**changed, "version": row.version + 1}.items():
        setattr(row, name, value)
    with because(reason):
        row.save(update_fields=[*changed, "version"])
    return row


def _questions(
    patient: Patient, answers: EventAnswers, number: int = 0, known: Sequence[KnownEvent] | None = None
) -> list[Question]:
    """Return the contradictions of the answers. Reads the death, the first consent and the patient's other events."""
    answers = normalised(answers, patient.protocol.rules.trial.site.time_zone)
    found = background_of(patient, answers["term"], answers.get("onset"), number=number, events=known)
    dates = dates_in(answers)
    return [*questions_about(patient, dates, found), *death_to_record(patient, dates, found)]


def _required_reason(reason: Text) -> Text:
    if not trimmed(reason):
        raise ValidationError({"reason": _("Say why this is changed.")})
    return trimmed(reason)


def _report_after(
    row: AdverseEvent, due_at: datetime | None, answers: EventAnswers, *, upgrade: bool
) -> dict[str, Any]:
    """Return the report columns after an amendment.

    An event that becomes serious needs a new report; the trail keeps the old one.
    """
    if upgrade or row.reported_at is None:
        return {"reported": "", "reported_at": None, "reported_entered_at": None, "late_reason": ""}
    late_reason = answers["late_reason"]
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
