"""Send a case to the authority: the file is made, frozen, and the clocks that wait for it stop (SAF-12, ICS-01)."""

import hashlib
import uuid

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from audit.stored_text import system_text
from protocol.values.moments import Moment
from safety.authority.case_parts import supplement_of
from safety.authority.completing import held_event
from safety.authority.stored import AuthorityReport
from safety.models import AdverseEvent, CaseDecision
from safety.sae_reports.completeness import CheckedCase, checked_case
from safety.sae_reports.sheet import sheet_of
from safety.sponsor.case_clocks import current
from safety.sponsor.cases import StaleCase
from safety.sponsor.decisions import decide_case, send_follow_up

Result = CaseDecision.Result


def case_to_send(event: AdverseEvent) -> CheckedCase:
    """Return the case with what drug safety gave, and what is missing. Reads; its treatment stays blinded."""
    sent = list(event.authority_reports.order_by("number"))
    reports = list(event.reports.order_by("number"))
    return checked_case(event=event, reports=reports, supplement=supplement_of(event, sent))


@transaction.atomic
def send_to_authority(
    *,
    event: AdverseEvent,
    seen: int,
    by: User,
    news: str = "",
    late_reason: str = "",
    save_key: str = "",
) -> AuthorityReport:
    """Freeze the case as sent now, and record it as the decision on each clock that waits.

    seen: how many reports the page showed. A second call with the same `save_key` returns the first report. Raises
    StaleCase if another was sent meanwhile, ValidationError for a case that is incomplete or was decided not to be
    reportable, a follow-up without news, and a late report without a reason.
    """
    row = held_event(event)
    sent = list(row.authority_reports.order_by("number"))
    if save_key and (again := next((each for each in sent if each.save_key == save_key), None)):
        return again
    if len(sent) != seen:
        raise StaleCase
    if sent and not news.strip():
        raise ValidationError({"news": _("Say what is new since the last report.")})
    checked = case_to_send(row)
    if checked.findings:
        raise ValidationError(checked.sentences)
    _stop_the_clocks(row, late_reason, by)
    with because(system_text("case.sent")):
        return _frozen(row, checked, len(sent), news.strip() if sent else "", by, save_key)


def _frozen(
    row: AdverseEvent, checked: CheckedCase, number: int, news: str, by: User, save_key: str
) -> AuthorityReport:
    # Imported here: only a web worker that reads or writes a message holds the library for XML.
    from safety.icsr.writing import xml_of

    message, case = xml_of(checked.case), checked.case
    return AuthorityReport.objects.create(
        event=row,
        patient=row.patient,
        number=number,
        # A case without a report of the site lacks its narrative, and was refused.
        based_on=row.reports.order_by("number").reverse()[0],
        batch=case.transmission.batch_number,
        case_number=case.identity.number,
        news=news,
        narrative=case.narrative.text,
        content=content_of(checked),
        message=message.decode(),
        sha256=hashlib.sha256(message).hexdigest(),
        sent_by=by,
        save_key=save_key or uuid.uuid4().hex,
    )


def content_of(checked: CheckedCase) -> list[list[str]]:
    """Return element, name and value of each row of the sheet, without the narrative, which is kept apart."""
    rows = (row for section in sheet_of(checked.case) for row in section.rows)
    return [[row.element, row.name, row.value] for row in rows if row.element != "H.1"]


def _stop_the_clocks(row: AdverseEvent, late_reason: str, by: User) -> None:
    """Decide each clock that counts and waits; a follow-up that was due is sent with a later report."""
    now = Moment.from_datetime(timezone.now(), row.patient.trial.time_zone)
    for clock in current(row.case_clocks.order_by("pk")):
        decision = CaseDecision.objects.filter(clock=clock).first()
        clock.patient = row.patient
        if decision is None:
            decide_case(clock=clock, result=Result.SENT, at=now, late_reason=late_reason, by=by)
        elif decision.result == Result.NOT_REPORTABLE:
            raise ValidationError(_("It is decided that this case is not reportable: nothing is sent."))
        elif decision.follow_up_due_at is not None and decision.follow_up_sent_at is None:
            decision.patient = row.patient
            send_follow_up(decision=decision, at=now, late_reason=late_reason, by=by)
