"""Decisions on a case: a report to the authority, or that none is due. Only drug safety reads it (A.8, CLK-05)."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from audit.stored_text import system_text
from patients.participation.lifecycle import lock_patient
from protocol.values.moments import Moment
from safety.models import CaseClock, CaseDecision
from safety.reporting_clocks.clock_table import ClockKind, deadline

FATAL_KINDS = frozenset({ClockKind.SUSAR_FATAL, ClockKind.SUSAR_BECAME_FATAL})
Result = CaseDecision.Result


@transaction.atomic
def decide_case(
    *, clock: CaseClock, result: str, at: Moment, by: User, reason: str = "", late_reason: str = ""
) -> CaseDecision:
    """Record what came of a case when its clock ran. The first report of a fatal SUSAR has a follow-up 8 days later.

    Nothing that others may read changes. Raises ValidationError for a clock with a decision, an impossible time, a
    late report without its reason, and “not reportable” without a reason.
    """
    patient = lock_patient(clock.patient)
    if CaseDecision.objects.filter(clock=clock).exists():
        raise ValidationError(_("A decision is recorded already: it stays."))
    at = at.placed(patient.trial.time_zone)
    reason, late_reason = reason.strip(), late_reason.strip()
    errors = _errors(clock, result, at, reason, late_reason)
    if errors:
        raise ValidationError(errors)
    is_sent = result == Result.SENT
    late = is_sent and at.earliest > clock.due_at
    follows = is_sent and ClockKind(clock.kind) in FATAL_KINDS
    zone = patient.trial.time_zone
    with because(system_text("case.decided")):
        return CaseDecision.objects.create(
            clock=clock,
            patient=patient,
            result=result,
            decided_on=at.iso,
            decided_on_at=at.earliest,
            reason=reason,
            late_reason=late_reason if late else "",
            follow_up_due_at=deadline(ClockKind.SUSAR_FATAL_FOLLOW_UP, at.earliest, zone=zone)
            if follows
            else None,
            decided_by=by,
        )


@transaction.atomic
def send_follow_up(*, decision: CaseDecision, at: Moment, by: User, late_reason: str = "") -> CaseDecision:
    """Record when the follow-up of a fatal or life-threatening SUSAR was sent. It stays.

    Raises ValidationError without a follow-up to send, for an impossible time, and for a late one without its reason.
    """
    patient = lock_patient(decision.patient)
    row = CaseDecision.objects.select_for_update(of=("self",)).get(pk=decision.pk)
    if row.follow_up_due_at is None or row.follow_up_sent_at is not None:
        raise ValidationError(_("No follow-up is due."))
    at, late_reason = at.placed(patient.trial.time_zone), late_reason.strip()
    errors = _of_time(at, row.decided_on_at) or _of_lateness(at, row.follow_up_due_at, late_reason)
    if errors:
        raise ValidationError(errors)
    row.follow_up_sent_at = at.earliest
    row.follow_up_late_reason = late_reason if at.earliest > row.follow_up_due_at else None
    with because(system_text("case.followed_up")):
        row.save(update_fields=["follow_up_sent_at", "follow_up_late_reason"])
    return row


def _errors(clock: CaseClock, result: str, at: Moment, reason: str, late_reason: str) -> dict[str, str]:
    if result not in Result.values:
        return {"result": _("Choose one of the answers offered.")}
    errors = _of_time(at, clock.starts_at)
    if result == Result.NOT_REPORTABLE and not reason:
        errors["reason"] = _("Say why it is not reportable.")
    if result == Result.SENT and not errors:
        errors = _of_lateness(at, clock.due_at, late_reason)
    return errors


def _of_time(at: Moment, not_before: datetime) -> dict[str, str]:
    if at.precision != "minute":
        return {"at": _("Enter the day and the time.")}
    if at.earliest > timezone.now():
        return {"at": _("This time has not come yet. Check the date.")}
    if at.earliest < not_before:
        return {"at": _("This is before the clock started. Check the date.")}
    return {}


def _of_lateness(at: Moment, due_at: datetime, late_reason: str) -> dict[str, str]:
    if at.earliest > due_at and not late_reason:
        return {"late_reason": _("The report came after the deadline: say why.")}
    return {}
