"""Adverse events of an invented patient, reported by the same functions as real ones."""

from datetime import date, timedelta

from django.utils import timezone

from demo.stories import Event
from demo.team import TrialTeam
from patients.models import Patient
from protocol.document.design import Safety
from protocol.document.document import Protocol
from protocol.values.moments import Moment
from safety.choices import causalities
from safety.classification import related
from safety.event_checks import EventAnswers
from safety.models import NOT_OF_SPECIAL_INTEREST
from safety.reporting import report_event, report_to_sponsor


def report(team: TrialTeam, patient: Patient, event: Event, day: date) -> None:
    """Report one adverse event. If the story leaves it unreported, its 24-hour clock is still running."""
    rules = patient.protocol.rules.safety
    onset_day = day + timedelta(days=event.day)
    if onset_day > team.today:
        return
    fresh = not event.reported
    aware = timezone.now() - timedelta(hours=17) if fresh else None
    onset = (
        Moment.from_datetime(aware - timedelta(hours=1), team.zone)
        if aware
        else team.moment(onset_day, 14, 30)
    )
    end = team.moment(onset_day + timedelta(days=event.days), 18) if event.days is not None else None
    if end is not None and end.earliest > timezone.now():
        end = None
    serious = "none_of_these" not in event.seriousness
    known = Moment.from_datetime(aware, team.zone) if aware else team.moment(onset_day, 16)
    answers = EventAnswers(
        term=event.term,
        description="",
        onset=onset,
        ongoing="N" if end else "Y",
        end=end,
        grade=event.grade,
        seriousness=event.seriousness,
        causality=_causality(event, patient.protocol.rules),
        outcome=event.outcome if end or event.outcome == "not_recovered" else "not_recovered",
        action_taken=event.action,
        aesi=_category(event, rules),
        aware=known if serious else None,
    )
    with team.as_role("coordinator") as by:
        row = report_event(patient=patient, by=by, **answers)
        if serious and event.reported:
            at = Moment.from_datetime(known.earliest + timedelta(hours=6), team.zone)
            report_to_sponsor(event=row, at=at, by=by, version=row.version)


def _causality(event: Event, rules: Protocol) -> str:
    """Return the event's causality on the protocol's scale, which may only have related and not related."""
    offered = [code for code, _label in causalities(rules)]
    if event.causality in offered:
        return event.causality
    return next(code for code in offered if related(code) == related(event.causality))


def _category(event: Event, rules: Safety) -> str:
    """Return the category of special interest if the protocol has it; otherwise none."""
    codes = [each.code for each in rules.aesi]
    if not codes:
        return ""
    return event.aesi if event.aesi in codes else NOT_OF_SPECIAL_INTEREST
