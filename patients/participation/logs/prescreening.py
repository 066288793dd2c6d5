"""The pre-screening log: rows entered, corrected and struck out, and the counts with which the flow diagram starts.

Who is screened is not in the log: the list of patients has them.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any, TypedDict

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from accounts.models import User
from patients.models import Patient, PrescreeningRow
from patients.models.prescreening import MOST_PEOPLE, REASONS_OF
from patients.participation.logs.log_rows import correct_row, next_row_number, refuse_stale_row, strike_row
from trials.models import Trial

Outcome = PrescreeningRow.Outcome


class PrescreeningFacts(TypedDict):
    """The facts of people who were considered, as a person enters them. The note names the reason `other`."""

    considered_on: date
    people: int
    outcome: str
    reason: str
    note: str


@dataclass(frozen=True, slots=True)
class FlowCounts:
    """The first numbers of the flow diagram. `reasons`: by outcome, how many people by reason, most first."""

    screened: int
    not_approached: int
    declined: int
    reasons: dict[str, dict[str, int]]

    @property
    def considered(self) -> int:
        """Return how many people were considered, those who were screened included."""
        return self.screened + self.not_approached + self.declined


def flow_counts(trial: Trial) -> FlowCounts:
    """Return how many people were considered, not approached, declined and screened. Two statements."""
    rows = PrescreeningRow.objects.filter(trial=trial).in_force().order_by()
    summed = rows.values_list("outcome", "reason").annotate(people=Sum("people"))
    reasons: dict[str, dict[str, int]] = {outcome: {} for outcome in Outcome.values}
    for outcome, reason, people in sorted(summed, key=lambda row: (-row[2], row[1])):
        reasons[outcome][reason] = people
    return FlowCounts(
        screened=Patient.objects.filter(trial=trial).count(),
        not_approached=sum(reasons[Outcome.NOT_APPROACHED].values()),
        declined=sum(reasons[Outcome.DECLINED].values()),
        reasons=reasons,
    )


@transaction.atomic
def add_prescreening(
    *, trial: Trial, facts: PrescreeningFacts, by: User, save_key: str = ""
) -> PrescreeningRow:
    """Enter people who were considered and not screened. The same `save_key` again returns the first row.

    Raises ValidationError by field for a day to come, an impossible number, a reason that the outcome cannot have,
    `other` without a note, and in a frozen or locked trial.
    """
    trial = _held(trial)
    rows = PrescreeningRow.objects.filter(trial=trial)
    if save_key and (existing := rows.filter(save_key=save_key).first()):
        return existing
    stored = _checked(trial, facts)
    number = next_row_number(rows)
    row: PrescreeningRow = rows.create(
        trial=trial, number=number, recorded_by=by, save_key=save_key, **stored
    )
    return row


@transaction.atomic
def correct_prescreening(
    *, row: PrescreeningRow, facts: PrescreeningFacts, change_reason: str, version: int, by: User
) -> PrescreeningRow:
    """Correct a row with a reason. Raises ValidationError like `add_prescreening`, and if the row changed meanwhile."""
    trial, row = _locked(row, version)
    correct_row(row, _checked(trial, facts), change_reason)
    return row


@transaction.atomic
def strike_out_prescreening(
    *, row: PrescreeningRow, change_reason: str, version: int, by: User
) -> PrescreeningRow:
    """Strike out a row entered in error, with the reason. It is counted no more."""
    _trial, row = _locked(row, version)
    strike_row(row, change_reason)
    return row


def _held(trial: Trial) -> Trial:
    trial = Trial.objects.for_update(trial.pk)
    if trial.locked_at:
        raise ValidationError(_("The trial is locked: no data can be changed."))
    if trial.frozen_at:
        raise ValidationError(_("The trial is frozen: nothing is entered until it is released."))
    return trial


def _locked(row: PrescreeningRow, version: int) -> tuple[Trial, PrescreeningRow]:
    trial = _held(row.trial)
    # Read under the lock of the trial: every step on the log takes it first.
    current: PrescreeningRow = PrescreeningRow.objects.get(pk=row.pk)
    current.trial = trial
    refuse_stale_row(current, version)
    return trial, current


def _checked(trial: Trial, facts: PrescreeningFacts) -> dict[str, Any]:
    errors = {}
    if facts["considered_on"] > trial.today:
        errors["considered_on"] = _("This day has not come yet. Check the year.")
    if not 1 <= facts["people"] <= MOST_PEOPLE:
        errors["people"] = _("Enter a number from 1 to %(most)s.") % {"most": MOST_PEOPLE}
    if facts["outcome"] not in Outcome.values:
        errors["outcome"] = _("Choose the outcome.")
    elif facts["reason"] not in REASONS_OF[Outcome(facts["outcome"])]:
        errors["reason"] = _("This reason does not belong to the outcome. Choose another one.")
    if facts["reason"] == PrescreeningRow.Reason.OTHER and not facts["note"].strip():
        errors["note"] = _("Name the other reason.")
    if errors:
        raise ValidationError(dict(errors))
    return {**facts, "note": facts["note"].strip()}
