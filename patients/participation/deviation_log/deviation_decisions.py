"""The acts of people in a log of deviations: enter one by hand, classify, amend with a reason, strike out.

Each verb serves both logs: `log` or the deviation itself says which.
"""

from datetime import date
from typing import Any, TypedDict

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from audit.stored_text import Text, trimmed
from patients.models import Deviation, DeviationClass, DeviationRow, Patient
from patients.participation.deviation_log.deviations import next_number
from patients.participation.lifecycle import lock_patient, refuse_when_locked
from protocol.values.moments import Moment

MOST_SIGNS = 4000


class StaleDeviation(Exception):
    """The deviation changed since it was shown; `deviation` is its current row (DAT-11)."""

    def __init__(self, deviation: DeviationRow) -> None:
        self.deviation = deviation
        super().__init__(f"{deviation} is now at version {deviation.version}")


class DeviationFacts(TypedDict):
    """The facts of a deviation that a person enters. `occurred_on` may be partial; an empty action is none yet."""

    category: str
    occurred_on: Moment
    detected_on: date
    description: Text
    action_taken: str


@transaction.atomic
def add_deviation(
    *,
    patient: Patient,
    facts: DeviationFacts,
    by: User,
    save_key: str = "",
    log: type[DeviationRow] = Deviation,
) -> Any:
    """Enter a deviation by hand, with the patient's next number. The same `save_key` again returns the first one.

    Raises ValidationError by field for impossible days, an unknown category or no text, and after a lock.
    """
    patient = lock_patient(patient)
    refuse_when_locked(patient)
    rows: Any = log._default_manager
    if save_key and (existing := rows.filter(patient=patient, save_key=save_key).first()):
        return existing
    columns = _columns(log, patient, facts)
    number = next_number(log, patient)
    return rows.create(patient=patient, number=number, recorded_by=by, save_key=save_key, **columns)


@transaction.atomic
def classify_deviation(
    *,
    deviation: DeviationRow,
    classification: str,
    version: int,
    by: User,
    action_taken: str = "",
    reported_on: date | None = None,
    reason: str = "",
) -> Any:
    """Classify a deviation as minor, major or reportable; what was decided is changed with a reason (AUD-04).

    A correction of its place no longer waits for a person afterwards.
    Raises StaleDeviation if `version` is not the current one. Raises ValidationError by field for no class, a report of
    a deviation that is not reportable, and a report before the deviation was noticed or in the future.
    """
    patient, row = _locked(deviation, version)
    if classification not in {DeviationClass.MINOR, DeviationClass.MAJOR, DeviationClass.REPORTABLE}:
        raise ValidationError({"classification": _("Choose minor, major or reportable.")})
    _check_report(patient, row.detected_on, classification, reported_on)
    chosen = {
        "classification": classification,
        "action_taken": action_taken.strip(),
        "reported_on": reported_on,
    }
    overwritten = [name for name, value in chosen.items() if getattr(row, name) not in {value, "", None}]
    if row.classified and overwritten and not reason.strip():
        raise ValidationError({"reason": _("Say why this is changed.")})
    stored: dict[str, Any] = {**chosen, "place_corrected": ""}
    if row.classification != classification:
        stored |= {"classified_by": by, "classified_at": timezone.now()}
    return _save(row, stored, reason.strip())


@transaction.atomic
def amend_deviation(
    *, deviation: DeviationRow, facts: DeviationFacts, reason: str, version: int, by: User
) -> Any:
    """Change what a deviation says, with a reason. The category of one found at a place stays.

    Raises StaleDeviation if `version` is not the current one. Raises ValidationError by field like `add_deviation`,
    without a reason, and if nothing changed.
    """
    patient, row = _locked(deviation, version)
    category = row.category if row.place else facts["category"]
    stored = _columns(type(row), patient, DeviationFacts(**{**facts, "category": category}))
    _check_report(patient, stored["detected_on"], row.classification, row.reported_on)
    changed = {name: value for name, value in stored.items() if getattr(row, name) != value}
    if not changed:
        raise ValidationError(_("Nothing was changed: there is nothing to save."))
    return _save(row, {**changed, "amended_at": timezone.now()}, _needed(reason))


@transaction.atomic
def strike_out_deviation(*, deviation: DeviationRow, reason: str, version: int, by: User) -> Any:
    """Strike out a deviation that was none, with the reason. It stays visible and keeps its number.

    Raises StaleDeviation if `version` is not the current one, ValidationError without a reason.
    """
    _patient, row = _locked(deviation, version)
    return _save(row, {"struck_out_reason": _needed(reason), "place_corrected": ""}, _needed(reason))


def deviation_is_closed(deviation: DeviationRow) -> bool:
    """Return whether nothing more can be changed: struck out, or under a lock. Reads patient and trial."""
    patient = deviation.patient
    locked = bool(patient.locked_at or patient.trial.locked_at) and not deviation.after_lock_reason
    return deviation.struck_out or locked


def _locked(deviation: DeviationRow, version: int) -> tuple[Patient, Any]:
    patient = lock_patient(deviation.patient)
    # Read after the patient's lock: every step on a deviation of the patient takes that lock first.
    rows: Any = type(deviation)._default_manager
    row = rows.select_for_update(of=("self",)).get(pk=deviation.pk)
    row.patient = patient
    if not row.after_lock_reason:
        refuse_when_locked(patient)
    if row.version != version:
        raise StaleDeviation(row)
    if row.struck_out:
        raise ValidationError(_("%(deviation)s is struck out: it stays as it is.") % {"deviation": row})
    return patient, row


def _columns(log: type[DeviationRow], patient: Patient, facts: DeviationFacts) -> dict[str, Any]:
    errors = _day_errors(patient, facts["occurred_on"], facts["detected_on"])
    if facts["category"] not in dict(log._meta.get_field("category").choices or ()):
        errors["category"] = _("Choose what it concerns.")
    if not trimmed(facts["description"]):
        errors["description"] = _("Say what happened.")
    if errors:
        raise ValidationError(dict(errors))
    return {
        "category": facts["category"],
        "occurred_on": facts["occurred_on"].iso,
        "detected_on": facts["detected_on"],
        "description": trimmed(facts["description"]),
        "action_taken": facts["action_taken"].strip(),
    }


def _day_errors(patient: Patient, occurred: Moment, detected: date) -> dict[str, str]:
    today, errors = patient.trial.today, {}
    if occurred.hour is not None:
        errors["occurred_on"] = _("Enter the day, without a time.")
    elif occurred.first_day > today:
        errors["occurred_on"] = _("This day has not come yet. Check the year.")
    if detected > today:
        errors["detected_on"] = _("This day has not come yet. Check the year.")
    elif not errors and occurred.first_day > detected:
        errors["detected_on"] = _("It cannot be noticed before it happened: correct one of the dates.")
    return errors


def _check_report(patient: Patient, detected: date, classification: str, reported_on: date | None) -> None:
    if reported_on is None:
        return
    if classification != DeviationClass.REPORTABLE:
        problem = _("Only a reportable deviation is reported to the sponsor.")
    elif reported_on > patient.trial.today:
        problem = _("This day has not come yet. Check the year.")
    elif reported_on < detected:
        problem = _("It cannot be reported before it was noticed: correct one of the dates.")
    else:
        return
    raise ValidationError({"reported_on": problem})


def _needed(reason: str) -> str:
    if not reason.strip():
        raise ValidationError({"reason": _("Say why.")})
    return reason.strip()


def _save(row: Any, stored: dict[str, Any], reason: Text) -> Any:
    for name, value in {**stored, "version": row.version + 1}.items():
        setattr(row, name, value)
    with because(reason):
        row.save(update_fields=[*stored, "version"])
    return row
