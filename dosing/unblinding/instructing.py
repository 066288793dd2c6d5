"""After a recall or a late result: who received the lot, and one instruction for one patient at a time (ATM-02).

The laboratory knows the recipients. Drug safety of the sponsor is blinded: it opens the list with the password, and
that is recorded behind SEE_TREATMENT. The investigator opens the instruction of a patient by the road of unblinding.
"""

from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit import events
from dosing.models import Lot, LotResult, RecipientsOpening, TreatmentInstruction, Unblinding
from dosing.stock.balance import recipients_of
from dosing.unblinding.opening import require_password, store_once
from patients.models import Patient
from patients.participation.lifecycle import lock_patient
from protocol.values.moments import Moment
from trials.access import Access
from trials.models import Trial
from trials.permissions import Permission
from trials.sponsor_notices import tell_sponsor

Recipients = list[tuple[Patient, list[int], list[str]]]


def affected(trial: Trial) -> QuerySet[Lot]:
    """Return the lots that were recalled, or with a late result out of specification, as a query.

    Not only those that somebody received: for a blinded reader the list must not depend on it.
    """
    late = LotResult.objects.filter(trial=trial, late=True, finding=LotResult.Finding.FAILED)
    rows = Lot.objects.filter(trial=trial).order_by("pk")
    return rows.filter(Q(status=Lot.Status.RECALLED) | Q(pk__in=late.values("lot")))


def affected_lots(trial: Trial) -> list[Lot]:
    """Return the lots that were recalled, or with a late result out of specification. One query."""
    return list(affected(trial))


@transaction.atomic
def open_recipients(*, lot: Lot, reason: str, password: str, by: User) -> Recipients:
    """Return who received a lot to a blinded person, and record that the person knows it.

    Raises ValidationError without a reason, with a wrong password, and for a lot that nothing happened to.
    """
    _refuse_unaffected(lot)
    if not reason.strip():
        raise ValidationError({"reason": _("Say why the recipients have to be known.")})
    require_password(by, password)
    found = recipients_of(lot=lot)
    keys = [patient.pk for patient, _numbers, _lots in found]
    RecipientsOpening.objects.create(
        trial=lot.trial, lot=lot, reason=reason.strip(), patients=keys, opened_by=by
    )
    events.record(
        kind=events.AccessKind.TREATMENT_SEEN,
        trial_id=lot.trial_id,
        detail={
            "page": "recipients",
            "patients": [patient.code for patient, _numbers, _lots in found],
            "patient_keys": keys,
        },
        see=Permission.SEE_TREATMENT,
    )
    return found


@transaction.atomic
def issue_instruction(
    *,
    patient: Patient,
    lot: Lot,
    text: str,
    reason: str,
    password: str,
    access: Access,
    save_key: str,
    by: User,
) -> TreatmentInstruction:
    """Issue the instruction for one patient who received a lot. The same page sent twice is one instruction.

    Raises ValidationError by field without text or reason, with a wrong password, for a patient who did not receive
    the lot, and to a blinded person who has not opened its recipients: the refusal must not tell who is among them.
    """
    patient = lock_patient(patient)
    existing = TreatmentInstruction.objects.filter(patient=patient, save_key=save_key).first()
    if existing is not None:
        return existing
    _refuse_unaffected(lot)
    errors = {}
    if not text.strip():
        errors["text"] = _("Say what the investigator has to do.")
    if not reason.strip():
        errors["reason"] = _("Say why.")
    if errors:
        raise ValidationError(errors)
    require_password(by, password)
    if access.blinded and patient.pk not in _opened(lot, by):
        raise ValidationError(_("Open the recipients of this lot first, and choose the patient there."))
    if patient.pk not in {each.pk for each, _numbers, _lots in recipients_of(lot=lot)}:
        raise ValidationError(
            _("%(patient)s received nothing of this lot: choose a recipient.") % {"patient": patient.code}
        )
    last = TreatmentInstruction.objects.filter(patient=patient).aggregate(last=Max("number"))["last"] or 0
    made = TreatmentInstruction.objects.create(
        patient=patient,
        number=last + 1,
        lot=lot,
        text=text.strip(),
        reason=reason.strip(),
        issued_by=by,
        save_key=save_key,
    )
    tell_sponsor(trial=patient.trial, what="instructed", by=by, subject=patient.code, patient_id=patient.pk)
    return made


@transaction.atomic
def open_instruction(
    *, instruction: TreatmentInstruction, password: str, by: User, save_key: str
) -> TreatmentInstruction:
    """Open an instruction to an investigator; in a masked trial the person is recorded as knowing.

    Raises ValidationError with a wrong password, and for a page that was sent already. Neither a lock nor a hold stops
    it: the patient is treated.
    """
    row = TreatmentInstruction.objects.select_for_update(of=("self",)).get(pk=instruction.pk)
    row.patient = patient = instruction.patient
    now = timezone.now()
    if patient.trial.masked:
        require_password(by, password)
        store_once(
            Unblinding(
                patient=patient,
                category=Unblinding.Category.INSTRUCTION,
                learned=Unblinding.Learned.PRODUCT,
                reason=str(row),
                known_to=by,
                known_since=Moment.from_datetime(now, patient.trial.time_zone).iso,
                recorded_by=by,
                recorded_at=now,
                save_key=save_key,
            )
        )
        tell_sponsor(
            trial=patient.trial, what="unblinded", by=by, subject=patient.code, patient_id=patient.pk
        )
    if row.opened_at is None:
        row.opened_by, row.opened_at = by, now
        row.save(update_fields=["opened_by", "opened_at"])
    return row


def _opened(lot: Lot, by: User) -> Collection[int]:
    """Return the keys of the recipients that a person has read in the list of a lot. One query."""
    rows = RecipientsOpening.objects.filter(lot=lot, opened_by=by).values_list("patients", flat=True)
    return {key for keys in rows for key in keys}


def _refuse_unaffected(lot: Lot) -> None:
    if lot.pk not in {each.pk for each in affected_lots(lot.trial)}:
        raise ValidationError(
            _(
                "This lot is neither recalled nor has it a late result out of specification: nothing is to be told."
            )
        )
