"""Send a report of a serious event to the sponsor: the initial one stops the clock, others are numbered (SAF-12)."""

import uuid

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from patients.participation.lifecycle import lock_patient
from protocol.values.moments import Moment
from safety.icsr.blinded import named_in
from safety.labels import Wording
from safety.models import AdverseEvent
from safety.reporting import StaleEvent, report_to_sponsor
from safety.sae_reports.completeness import treatment_words
from safety.sae_reports.stored import SaeReport
from safety.sponsor.case_clocks import start_follow_up

# They change when the report is sent, or are about the sending itself.
NOT_PART_OF_A_REPORT = frozenset({"due_at", "reported", "late_reason"})


@transaction.atomic
def send_report(
    *,
    event: AdverseEvent,
    narrative: str,
    version: int,
    by: User,
    save_key: str = "",
    seen: int | None = None,
    news: str = "",
    late_reason: str = "",
) -> SaeReport:
    """Store the next report of a serious event as sent now. The initial one also stops the 24-hour clock.

    A follow-up on a SUSAR starts the clock in which the sponsor passes it on.

    A second call with the same `save_key` (a double click) returns the first report. Also after the lock: what becomes
    known later is reported too. seen: how many reports the page showed. Raises StaleEvent if that or `version` is
    outdated, ValidationError for a missing narrative, a follow-up without news, a late report without a reason, and a
    text that names the treatment of a masked trial.
    """
    patient = lock_patient(event.patient)
    # Read under the lock: another person may have sent or amended meanwhile.
    row = AdverseEvent.objects.get(pk=event.pk)
    row.patient = patient
    sent = list(row.reports.order_by("number"))
    if save_key and (again := next((report for report in sent if report.save_key == save_key), None)):
        return again
    if row.version != version or seen not in (None, len(sent)):
        raise StaleEvent(row)
    narrative, news = narrative.strip(), news.strip()
    _refuse(row, narrative, news, follow_up=bool(sent))
    if not sent and row.due_at is not None and row.reported_at is None:
        row = _stop_the_clock(row, late_reason, by)
    facts = [list(fact) for fact in facts_of(row)]
    report = SaeReport.objects.create(
        event=row, patient=patient, number=len(sent), narrative=narrative, news=news if sent else "", facts=facts,
        event_version=row.version, sent_by=by, save_key=save_key or uuid.uuid4().hex,
    )  # fmt: skip
    if sent:
        start_follow_up(row, report.sent_at)
    return report


def facts_of(event: AdverseEvent) -> list[tuple[str, str, str]]:
    """Return name, label and text of the answers of an event that a report holds."""
    wording = Wording(event.patient.protocol.rules)
    return [
        (fact.column or "seriousness", str(fact.label), str(fact.value))
        for fact in wording.facts(event)
        if fact.column not in NOT_PART_OF_A_REPORT
    ]


def may_be_reported(event: AdverseEvent) -> bool:
    """Return whether the event is serious or fatal, and so has a report to the sponsor."""
    return event.due_at is not None


def _refuse(event: AdverseEvent, narrative: str, news: str, *, follow_up: bool) -> None:
    if not may_be_reported(event):
        raise ValidationError(_("This event is not serious: no report is due."))
    if event.in_error and not follow_up:
        raise ValidationError(_("This event was entered in error: there is nothing to report."))
    if not narrative:
        raise ValidationError({"narrative": _("Tell what happened: course, treatment, outcome.")})
    if follow_up and not news:
        raise ValidationError({"news": _("Say what is new since the last report.")})
    for name, text in (("narrative", narrative), ("news", news)):
        if word := treatment_named(event, text):
            words = _("The trial is blinded, and “%(word)s” names a treatment or its product. Take it out.")
            raise ValidationError({name: words % {"word": word}})


def treatment_named(event: AdverseEvent, text: str) -> str:
    """Return the word of a text that names an arm or a product of a masked trial; empty without one."""
    return named_in(text, treatment_words(event.patient.trial)) if text else ""


def _stop_the_clock(event: AdverseEvent, late_reason: str, by: User) -> AdverseEvent:
    at = Moment.from_datetime(timezone.now(), event.patient.protocol.rules.trial.site.time_zone)
    patient = event.patient
    row = report_to_sponsor(event=event, at=at, late_reason=late_reason, version=event.version, by=by)
    row.patient = patient
    return row
