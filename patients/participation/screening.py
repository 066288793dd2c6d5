"""A person is screened: gets a subject code, and either goes on or fails screening with a reason."""

from datetime import date

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from patients.models import Identity, Patient
from patients.participation.lifecycle import held, move, next_number, require
from patients.participation.visits import plan_visits
from trials.loading import put_in_force
from trials.models import Trial

IDENTITY_FIELDS = ("name", "hospital_number", "birth_date", "contact")


def not_in_the_future(day: date, trial: Trial, field: str) -> None:
    """Raise ValidationError on `field` when the day has not come yet at the site."""
    if day > trial.today:
        raise ValidationError({field: _("This day has not come yet. Check the year.")})


@transaction.atomic
def screen(
    *, trial: Trial, screened_on: date, identity: dict[str, str], by: User, save_key: str = ""
) -> Patient:
    """Store a new patient in screening with the visits that are planned from screening.

    The same `save_key` twice (a double click) gives the patient that the first one made: a subject code is
    never given back. The code comes from the protocol's pattern and a running number: it says nothing about the
    person (PRV-02). Identity goes to its own table (PRV-01). Raises ValidationError when the trial does not recruit,
    and for a hospital number that is in the trial already, unless that patient failed screening.
    """
    trial = put_in_force(trial)
    if trial.locked_at or trial.frozen_at or not trial.recruiting or trial.protocol is None:
        raise ValidationError(_("This trial does not recruit at present: nobody can be screened."))
    not_in_the_future(screened_on, trial, "screened_on")
    number = next_number(trial)
    if save_key and (twin := trial.patients.filter(save_key=save_key).first()):
        return twin
    _refuse_known(trial, identity.get("hospital_number", ""))
    patient = Patient.objects.create(
        trial=trial,
        protocol=trial.protocol,
        number=number,
        code=trial.rules.trial.code_of(number),
        state=Patient.State.SCREENING,
        screened_on=screened_on,
        save_key=save_key,
    )
    Identity.objects.create(patient=patient, **{name: identity.get(name, "") for name in IDENTITY_FIELDS})
    plan_visits(patient=patient, by=by)
    return patient


def _refuse_known(trial: Trial, hospital_number: str, *, but: Patient | None = None) -> None:
    """One person is in a trial once; who failed screening may be screened again."""
    if not hospital_number.strip():
        return
    rows = Identity.objects.filter(patient__trial=trial, hospital_number__iexact=hospital_number.strip())
    others = rows.exclude(patient__state=Patient.State.SCREEN_FAILED).exclude(patient=but)
    known = others.select_related("patient").first()
    if known is not None:
        text = _("%(patient)s has this hospital number: a person is in the trial once.")
        raise ValidationError({"hospital_number": text % {"patient": known.patient.code}})


@transaction.atomic
def correct_identity(*, patient: Patient, identity: dict[str, str], reason: str, by: User) -> None:
    """Change identifying data. A reason is needed (AUD-04), and a hospital number that nobody else has."""
    if not reason.strip():
        raise ValidationError({"reason": _("Say why this is changed.")})
    Trial.objects.select_for_update(of=("self",)).get(pk=patient.trial_id)
    _refuse_known(patient.trial, identity.get("hospital_number", ""), but=patient)
    row = Identity.objects.select_for_update().get(patient=patient)
    for name in IDENTITY_FIELDS:
        setattr(row, name, identity.get(name, ""))
    with because(reason.strip()):
        row.save()


@transaction.atomic
def fail_screening(*, patient: Patient, on: date, reason: str, by: User) -> Patient:
    """End screening without inclusion. The reason is kept on the patient."""
    patient = held(patient)
    refusal = _("%(patient)s cannot fail screening: the status is “%(state)s”.")
    require(patient, Patient.State.SCREENING, refusal=refusal)
    if not reason.strip():
        raise ValidationError({"reason": _("Say why the patient is not included.")})
    not_in_the_future(on, patient.trial, "on")
    if on < patient.screened_on:
        raise ValidationError({"on": _("A screening cannot fail before it began.")})
    move(patient, Patient.State.SCREEN_FAILED, refusal=refusal)
    patient.failed_on, patient.failure_reason = on, reason.strip()
    patient.save(update_fields=["state", "failed_on", "failure_reason"])
    return patient
