"""The moment to which the eligibility criteria refer, and how long an assessment holds before the inclusion.

A criterion such as “admitted in the last 48 hours” holds for the time of the assessment: months
later the same answers would still meet it.
"""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from patients.models import EligibilityDecision, Patient
from protocol.document.document import Protocol
from protocol.values.moments import Moment
from protocol.values.parsing import moment
from trials.reader import reader_language, shown_day, shown_moment

INCLUSION = "subject.inclusion_on"


def assessed_at(patient: Patient, records: Mapping[str, Mapping[str, Any]]) -> Moment | None:
    """Return the moment of the assessment; None without one, or if the protocol does not name its item."""
    rule = patient.protocol.rules.assessment
    if rule is None:
        return None
    form, _dot, item = rule.item.partition(".")
    return moment(records.get(form, {}).get(item), str(patient.trial.zone))


def assessed_at_words(rules: Protocol, inputs: Mapping[str, Any], day: date) -> str:
    """Return in words to which moment a criterion with these inputs refers; empty if it reads no moment of its own."""
    if rules.assessment is not None and (assessed := inputs.get(rules.assessment.item)):
        return _("assessed at %(moment)s") % {"moment": shown_moment(str(assessed))}
    if INCLUSION in inputs:
        return _("assessed for inclusion on %(day)s") % {"day": shown_day(day)}
    return ""


def refusal(patient: Patient, assessed: Moment | None, inclusion_on: date) -> str:
    """Return why an inclusion on a day is too late for the assessment; empty if it may be in time.

    The inclusion has no time of day: on an earlier day its first minute counts, today the present one.
    """
    rule = patient.protocol.rules.assessment
    if rule is None or assessed is None:
        return ""
    if _earliest(patient, inclusion_on) - assessed.latest <= timedelta(hours=rule.valid_hours):
        return ""
    return _(
        "The eligibility was assessed at %(assessed)s, more than %(hours)d hours before the inclusion: "
        "assess the patient again in the form “%(form)s”, then sign a new decision."
    ) % {
        "assessed": shown_moment(assessed.iso),
        "hours": rule.valid_hours,
        "form": _form_title(patient.protocol.rules, rule.item),
    }


def _earliest(patient: Patient, day: date) -> datetime:
    if day == patient.trial.today:
        return timezone.now()
    return datetime.combine(day, time.min, patient.trial.zone)


def _form_title(rules: Protocol, item: str) -> str:
    return rules.form(item.partition(".")[0]).title.in_language(reader_language())


def newer_than_decision(assessed: Moment | None, decision: EligibilityDecision) -> str:
    """Return that the patient was assessed again after the decision; empty if not."""
    if assessed is None or not decision.decided_at < assessed.earliest <= timezone.now():
        return ""
    return _(
        "The eligibility was assessed again at %(assessed)s, after the decision: sign a new decision."
    ) % {"assessed": shown_moment(assessed.iso)}


def valid_words(patient: Patient, assessed: Moment | None) -> str:
    """Return when the patient was assessed and how long that holds; empty if the protocol does not limit it."""
    rule = patient.protocol.rules.assessment
    if rule is None or assessed is None:
        return ""
    until = Moment.from_datetime(assessed.latest + timedelta(hours=rule.valid_hours), str(patient.trial.zone))
    return _("Assessed at %(assessed)s. The assessment holds for an inclusion until %(until)s.") % {
        "assessed": shown_moment(assessed.iso),
        "until": shown_moment(until.iso),
    }
