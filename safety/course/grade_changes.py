"""Record how the grade of an adverse event changes over time, and strike out a grade (SAF-09)."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from audit.stored_text import Text, system_text, trimmed
from protocol.values.moments import Moment, before
from safety.event_checks import EventAnswers
from safety.models import AdverseEvent, EventGrade
from safety.reporting import amend_event, locked_event
from safety.stopping.watching import lock_for_rules
from trials.reader import shown_moment

FATAL_GRADE = 5


@transaction.atomic
def change_grade(
    *,
    event: AdverseEvent,
    grade: int,
    since: Moment,
    by: User,
    version: int,
    known: Moment | None = None,
    confirmed: str = "",
) -> EventGrade:
    """Record that the event has another grade from a moment on. The event keeps the worst of its grades.

    The first change also stores the grade at the onset as a row. known: when the site learned of a death, which
    starts the clock. Raises StaleEvent if `version` is outdated,
    ValidationError for a time before the last change or the onset, after the end or in the future, and Questioned for
    what a worse grade contradicts (grade 5 without a death).
    """
    # Before the patient, as every report does: with opposite orders one of two would be cancelled as a deadlock.
    lock_for_rules(event.patient)
    row, patient = locked_event(event, version)
    since = since.placed(patient.trial.time_zone)
    rows = list(row.grades.in_force())
    _check(row, rows, grade, since)
    if grade == FATAL_GRADE and row.due_at is None and known is None:
        raise ValidationError(
            {"known": _("Enter when the site learned of the death: the 24 hours start then.")}
        )
    with because(system_text("event.grade_changed")):
        if not rows:
            _add(row, row.grade, Moment.from_iso(row.onset, patient.trial.time_zone))
        stored = _add(row, grade, since)
    _keep_worst(row, system_text("event.grade_changed"), by, confirmed, known)
    return stored


@transaction.atomic
def strike_out_grade(
    *, grade: EventGrade, reason: str, by: User, version: int, confirmed: str = ""
) -> EventGrade:
    """Mark a grade as entered in error; the event has the worst of the others. It stays visible.

    Raises StaleEvent, ValidationError without a reason, for the grade at the onset while others follow, and for a
    grade that is struck out already.
    """
    lock_for_rules(grade.event.patient)
    row, _patient = locked_event(grade.event, version)
    found = EventGrade.objects.select_for_update(of=("self",)).get(pk=grade.pk)
    if found.in_error_reason:
        raise ValidationError(_("This grade is struck out already."))
    if not trimmed(reason):
        raise ValidationError({"reason": _("Say why it is struck out.")})
    others = list(row.grades.in_force().exclude(pk=found.pk))
    if not others:
        raise ValidationError(_("This is the only grade: change the event instead."))
    found.in_error_reason = reason.strip()
    with because(found.in_error_reason):
        found.save(update_fields=["in_error_reason"])
    _keep_worst(row, found.in_error_reason, by, confirmed)
    return found


def course_of(event: AdverseEvent) -> list[EventGrade]:
    """Return the grades of an event in the order of time, struck out ones too. One query."""
    return list(event.grades.all())


def _add(row: AdverseEvent, grade: int, since: Moment) -> EventGrade:
    last = row.grades.aggregate(last=Max("number"))["last"] or 0
    return EventGrade.objects.create(
        event=row,
        patient_id=row.patient_id,
        number=last + 1,
        grade=grade,
        since=since.iso,
        since_earliest=since.earliest,
        after_lock_reason=row.after_lock_reason,
    )


def _keep_worst(
    row: AdverseEvent, reason: Text, by: User, confirmed: str, known: Moment | None = None
) -> None:
    worst = max(row.grades.in_force().values_list("grade", flat=True))
    if worst != row.grade:
        changes = EventAnswers(grade=worst)
        if known is not None and row.due_at is None:
            changes["serious_aware"] = known
            if not row.aware:
                changes["aware"] = known
        amend_event(
            event=row,
            changes=changes,
            reason=reason,
            version=row.version,
            by=by,
            confirmed=confirmed,
            of_course=True,
        )


def _check(row: AdverseEvent, rows: list[EventGrade], grade: int, since: Moment) -> None:
    current = rows[-1].grade if rows else row.grade
    if grade not in range(1, 6):
        raise ValidationError({"grade": _("Choose the grade.")})
    if grade == current:
        raise ValidationError({"grade": _("The event has this grade already.")})
    begins = rows[-1].since_moment if rows else row.onset_moment
    if before(since, begins):
        words = _("The grade cannot change before the last one began (%(since)s).")
        raise ValidationError({"since": words % {"since": shown_moment(begins)}})
    if row.end_moment is not None and before(row.end_moment, since):
        words = _("The event was over by then (%(end)s).")
        raise ValidationError({"since": words % {"end": shown_moment(row.end_moment)}})
    if since.earliest > timezone.now():
        raise ValidationError({"since": _("This time has not come yet. Check the date.")})
