"""Attempts to reach a patient after discharge: entered, corrected, struck out, and for which visits one is due.

A contact is due once the window of a visit with `contact = true` in the protocol is open, until the patient is reached
or the visit is held or missed.
"""

from datetime import date
from typing import Any, TypedDict

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from patients.models import ContactAttempt, Patient, Query, Visit
from patients.participation.asked_facts import answer_by_change, close_asked
from patients.participation.lifecycle import lock_patient, refuse_when_closed
from patients.participation.logs.log_rows import correct_row, next_row_number, refuse_stale_row, strike_row
from patients.participation.questions import Question
from patients.participation.visit_status import can_be_held
from protocol.document.document import Protocol
from trials.models import Trial
from trials.reader import shown_day


class ContactFacts(TypedDict):
    """The facts of one attempt that a person enters."""

    tried_on: date
    way: str
    tried_by: str
    outcome: str
    note: str


def contact_codes(rules: Protocol) -> list[str]:
    """Return the codes of the visits for which the patient is to be reached."""
    return [visit.code for visit in rules.visits if visit.contact]


def contacts_due(trial: Trial, visits: "QuerySet[Any]") -> "QuerySet[Any]":
    """Keep visits for which a contact is due today, with the failed `attempts` since the window opened.

    The protocol in force says at which visits; a patient on an older version is followed up alike.
    """
    since = ContactAttempt.objects.filter(patient=OuterRef("patient"), tried_on__gte=OuterRef("window_from"))
    tried = Q(patient__contacts__tried_on__gte=F("window_from"), patient__contacts__struck_out_reason="")
    failed = tried & Q(patient__contacts__outcome__in=ContactAttempt.FAILED)
    return visits.filter(
        can_be_held(trial.rules.profile.died_on),
        ~Exists(since.settling()),
        state=Visit.State.PLANNED,
        code__in=contact_codes(trial.rules),
        window_from__lte=trial.today,
        patient__trial=trial,
        patient__state=Patient.State.ENROLLED,
        patient__follow_up_withdrawn_on=None,
        patient__data_withdrawn_on=None,
    ).annotate(attempts=Count("patient__contacts", filter=failed, distinct=True))


def question_before_loss(patient: Patient) -> Question | None:
    """Return the question before a patient is called lost to follow-up without a failed attempt to reach them."""
    if ContactAttempt.objects.filter(patient=patient).failed().exists():
        return None
    text = _("No failed attempt to reach the patient is recorded. Lost to follow-up needs at least one.")
    address = ("patients:contact-new", (patient.trial.slug, patient.code), "")
    return Question("end:lost:no_attempt", text, address, _("Record an attempt"))


@transaction.atomic
def add_contact(*, patient: Patient, facts: ContactFacts, by: User, save_key: str = "") -> ContactAttempt:
    """Enter an attempt to reach a patient. The same `save_key` again returns the first row.

    Raises ValidationError by field for a day to come, before the screening or after consent for follow-up was
    withdrawn, an unknown way or outcome, and under a freeze or lock.
    """
    patient = lock_patient(patient)
    refuse_when_closed(patient)
    rows = ContactAttempt.objects.filter(patient=patient)
    if save_key and (existing := rows.filter(save_key=save_key).first()):
        return existing
    stored = _checked(patient, facts)
    number = next_row_number(rows)
    row: ContactAttempt = rows.create(
        patient=patient, number=number, recorded_by=by, save_key=save_key, **stored
    )
    return row


@transaction.atomic
def correct_contact(
    *, row: ContactAttempt, facts: ContactFacts, change_reason: str, version: int, by: User
) -> ContactAttempt:
    """Correct an attempt with a reason. Raises ValidationError like `add_contact`, and if the row changed meanwhile."""
    patient, row = _locked(row, version)
    stored = _checked(patient, facts)
    items = [name for name, value in stored.items() if getattr(row, name) != value]
    correct_row(row, stored, change_reason)
    answer_by_change(reason=change_reason, items=items, by=by, **_asked_of(row))
    return row


@transaction.atomic
def strike_out_contact(*, row: ContactAttempt, change_reason: str, version: int, by: User) -> ContactAttempt:
    """Strike out an attempt that was entered in error, with the reason."""
    _patient, row = _locked(row, version)
    strike_row(row, change_reason)
    close_asked(because=change_reason.strip(), **_asked_of(row))
    return row


def _asked_of(row: ContactAttempt) -> dict[str, Any]:
    """Return the columns of the queries on an attempt."""
    return {"target": Query.Target.CONTACT, "target_id": row.pk}


def _locked(row: ContactAttempt, version: int) -> tuple[Patient, ContactAttempt]:
    patient = lock_patient(row.patient)
    refuse_when_closed(patient)
    # Read after the patient's lock: every step on the patient's log takes it first.
    current: ContactAttempt = ContactAttempt.objects.get(pk=row.pk)
    current.patient = patient
    refuse_stale_row(current, version)
    return patient, current


def _checked(patient: Patient, facts: ContactFacts) -> dict[str, Any]:
    errors = {}
    day, ended = facts["tried_on"], patient.follow_up_withdrawn_on
    if day > patient.trial.today:
        errors["tried_on"] = _("This day has not come yet. Check the year.")
    elif day < patient.screened_on:
        errors["tried_on"] = _("This day is before the screening.")
    elif ended and day > ended:
        text = _("The patient withdrew consent for follow-up on %(day)s and is not contacted any more.")
        errors["tried_on"] = text % {"day": shown_day(ended)}
    if facts["way"] not in ContactAttempt.Way.values:
        errors["way"] = _("Choose the way.")
    if facts["outcome"] not in ContactAttempt.Outcome.values:
        errors["outcome"] = _("Choose the outcome.")
    if not facts["tried_by"].strip():
        errors["tried_by"] = _("Say who tried.")
    if errors:
        raise ValidationError(dict(errors))
    return {**facts, "note": facts["note"].strip(), "tried_by": facts["tried_by"].strip()}
