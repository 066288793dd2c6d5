"""One person opens the treatment of one patient: the investigator in an emergency, drug safety for a SUSAR.

Nothing holds an emergency up: no freeze or lock, no hold of the trial, no suspended right to sign, no failing mail. The
arm is returned once, to be shown on the answer to this very step (BLD-04, BLD-05).
"""

from dataclasses import dataclass
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit import events
from dosing.allocation.slots import arm_of
from dosing.models import Unblinding
from patients.models import Patient
from protocol.document.design import Arm
from protocol.values.moments import Moment
from trials.sponsor_notices import tell_sponsor

Category = Unblinding.Category
ATTEMPTS = 5
ATTEMPTS_WITHIN = timedelta(minutes=15)
# What an investigator alone may choose; the other categories have a step of their own.
OF_INVESTIGATOR = (Category.EMERGENCY, Category.OTHER)


@dataclass(frozen=True)
class OpenedTreatment:
    """The record of an unblinding, and the arm that it opened."""

    row: Unblinding
    arm: Arm


@transaction.atomic
def unblind(
    *, patient: Patient, category: str, reason: str, password: str, by: User, save_key: str
) -> OpenedTreatment:
    """Open the treatment of one patient to an investigator, alone and at any hour (BLD-04).

    Raises ValidationError for a category of another step, no reason, a wrong password, a patient without an allocation,
    or a page that was sent already: the treatment is shown once.
    """
    if category not in OF_INVESTIGATOR:
        raise ValidationError({"category": _("Choose why the treatment is opened.")})
    return _open(patient, category, reason, password, by, save_key)


@transaction.atomic
def unblind_susar(
    *, patient: Patient, reason: str, password: str, by: User, save_key: str
) -> OpenedTreatment:
    """Open the treatment of one patient to drug safety of the sponsor; all others stay blinded (BLD-05, CTR Annex III).

    Raises ValidationError as `unblind` does.
    """
    return _open(patient, Category.SUSAR, reason, password, by, save_key)


def _open(
    patient: Patient, category: str, reason: str, password: str, by: User, save_key: str
) -> OpenedTreatment:
    if not reason.strip():
        raise ValidationError({"reason": _("Say why the treatment has to be known now.")})
    require_password(by, password)
    arm = arm_of(patient) if patient.trial.masked else None
    if arm is None:
        raise ValidationError(
            _("%(patient)s is not allocated to a treatment yet: there is nothing to open.")
            % {"patient": patient.code}
        )
    now = timezone.now()
    row = store_once(
        Unblinding(
            patient=patient,
            category=category,
            learned=Unblinding.Learned.ARM,
            reason=reason.strip(),
            known_to=by,
            known_since=Moment.from_datetime(now, patient.trial.time_zone).iso,
            recorded_by=by,
            recorded_at=now,
            save_key=save_key,
        )
    )
    tell_sponsor(trial=patient.trial, what="unblinded", by=by, subject=patient.code, patient_id=patient.pk)
    return OpenedTreatment(row, arm)


def store_once(row: Unblinding) -> Unblinding:
    """Store the row. Raises ValidationError if the same page was sent before, by a second click or a reload."""
    shown = ValidationError(
        _(
            "The treatment was shown already. To see it again, open this page anew: that is another unblinding."
        )
    )
    if Unblinding.objects.filter(patient=row.patient, save_key=row.save_key).exists():
        raise shown
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as twice:
        raise shown from twice
    return row


def require_password(by: User, password: str) -> None:
    """Raise ValidationError for a wrong password, which is recorded; after five within a quarter of an hour, for any.

    Wrong passwords of signatures do not count here, nor does a suspended right to sign.
    """
    kind = events.AccessKind.UNBLINDING_REFUSED
    if events.count_recent(kind=kind, user=by, within=ATTEMPTS_WITHIN) >= ATTEMPTS:
        raise ValidationError(
            {
                "password": _(
                    "Too many wrong passwords. Use the sealed envelope of the patient, or call another investigator."
                )
            }
        )
    if not by.check_password(password):
        events.record_outside_transaction(kind=kind, user=by, detail={"of": "dosing.unblinding"})
        raise ValidationError({"password": _("This is not your password. Nothing was opened.")})
