"""Withdrawal of consent for a part of the trial: treatment, samples, follow-up, or any new data (PRV-03).

The patient stays in the trial for the rest; what was collected is kept. The end of study by withdrawal is another step
(`disposition`). Adverse events are reported whatever was withdrawn.
"""

from collections.abc import Mapping
from datetime import date

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from audit.context import because
from audit.stored_text import Text, trimmed
from patients.models import Patient
from patients.participation.after_day import LastDays, earliest, questions_after_withdrawal
from patients.participation.consents.consent import consents_of
from patients.participation.lifecycle import lock_patient, require_state
from patients.participation.questions import ask
from patients.participation.reasons import required_reason
from patients.participation.screening import not_in_the_future
from patients.participation.visits import SETTLING_STATES, replan

# By column of the patient, in the order of the page.
PARTS: dict[str, str | Promise] = {
    "treatment_withdrawn_on": gettext_lazy("Treatment: no infusion is given any more"),
    "samples_withdrawn_on": gettext_lazy("Samples: none is taken any more"),
    "follow_up_withdrawn_on": gettext_lazy("Follow-up: no visit takes place any more"),
    "data_withdrawn_on": gettext_lazy("Data: nothing new is entered any more"),
}
# Without visits or new data nothing is given either.
STOPS_TREATMENT = ("treatment_withdrawn_on", "follow_up_withdrawn_on", "data_withdrawn_on")


@transaction.atomic
def withdraw_consent(
    *,
    patient: Patient,
    parts: Mapping[str, date | None],
    note: str,
    by: User,
    reason: Text = "",
    confirmed: str = "",
) -> Patient:
    """Record from which day consent is withdrawn for which part, or correct it with a reason.

    parts: by column of PARTS the day, None for a part not withdrawn. Raises ValidationError without a consent, without
    the patient's words, for a day before the first consent or in the future, and for a correction without a reason.
    Raises Questioned, unless `confirmed`, for a day before a visit that was held, an infusion or a sample.
    """
    patient = lock_patient(patient)
    require_state(
        patient,
        *SETTLING_STATES,
        refusal=_("%(patient)s cannot withdraw consent: the status is “%(state)s”."),
    )
    days = {name: parts.get(name) for name in PARTS}
    before = {name: getattr(patient, name) for name in PARTS}
    if not any(days.values()) and not any(before.values()):
        raise ValidationError(_("Enter the day for at least one part that the patient withdrew from."))
    _check_days(patient, days)
    if any(days.values()) and not note.strip():
        raise ValidationError({"note": _("Say what the patient withdrew from, in the patient's words.")})
    corrected = any(day is not None and days[name] != day for name, day in before.items())
    if days != before:
        ask(questions_after_withdrawal(patient, _last_days(days)), confirmed)
    because_of = required_reason(reason) if corrected or _rewords(patient, note) else trimmed(reason)
    for name, day in days.items():
        setattr(patient, name, day)
    patient.withdrawal_note = note.strip() if any(days.values()) else ""
    with because(because_of):
        patient.save(update_fields=[*PARTS, "withdrawal_note"])
        replan(patient, by)
    return patient


def _last_days(days: Mapping[str, date | None]) -> LastDays:
    """Return until when visits, infusions and samples are allowed by what is withdrawn."""
    no_visit = earliest(days["follow_up_withdrawn_on"], days["data_withdrawn_on"])
    return LastDays(
        visits=no_visit,
        infusions=earliest(*(days[name] for name in STOPS_TREATMENT)),
        samples=earliest(days["samples_withdrawn_on"], no_visit),
    )


def _rewords(patient: Patient, note: str) -> bool:
    """Return True if words that were recorded are changed, not only added to."""
    return not note.strip().startswith(patient.withdrawal_note)


def _check_days(patient: Patient, days: Mapping[str, date | None]) -> None:
    consents = consents_of(patient)
    if not consents:
        raise ValidationError(_("No consent is recorded: there is nothing to withdraw."))
    first = patient.trial.day_of(consents[0].given_at)
    for name, day in days.items():
        if day is None:
            continue
        not_in_the_future(day, patient.trial, name)
        if day < first:
            raise ValidationError({name: _("This day is before the consent.")})


def treatment_goes_on(patient: str = "patient__") -> Q:
    """Return the condition for patients who may be treated. patient: the path from the rows to the patient."""
    return Q(**{f"{patient}{name}__isnull": True for name in STOPS_TREATMENT})


def stops_treatment(patient: Patient) -> date | None:
    """Return the day after which no infusion is given: treatment, follow-up or any new data withdrawn. None without."""
    days = (getattr(patient, name) for name in STOPS_TREATMENT)
    return min((day for day in days if day is not None), default=None)


def has_withdrawn(patient: Patient) -> bool:
    """Return True if consent is withdrawn for any part."""
    return any(getattr(patient, name) is not None for name in PARTS)
