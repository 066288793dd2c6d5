"""Whether a kit was dispensed and compared at the bedside; an infusion without one is documented late (CEL-13, CEL-14).

The same in both arms: nothing here depends on what a kit holds.
"""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit import signatures
from audit.models import Meaning, Signature
from dosing.models import BagMovement, Infusion, KitCheck, LateInfusion
from dosing.stock.ledger import MovementKind
from dosing.stock.use import lock_infusion
from patients.models import Deviation, Patient
from patients.participation.deviation_log.deviations import open_deviation

CATEGORY = Deviation.Category.NOT_DISPENSED


def asks_kit(patient: Patient) -> bool:
    """Return True if the protocol asks for a dispensed kit before an infusion is recorded (`[dosing] chain`)."""
    dosing = patient.protocol.rules.dosing
    return dosing is not None and dosing.chain


def is_dispensed(infusion: Infusion) -> bool:
    """Return True if a bag was dispensed for the infusion. One query."""
    rows = BagMovement.objects.filter(infusion=infusion, kind=MovementKind.DISPENSING, reversed_by=None)
    return rows.exists()


def is_compared(infusion: Infusion) -> bool:
    """Return True if the newest comparison at the bedside is signed by a second person. Two queries."""
    newest = KitCheck.objects.filter(infusion=infusion).order_by("-pk").values_list("pk", flat=True).first()
    return newest is not None and signed_by_second(KitCheck._meta.label_lower, newest)


def signed_by_second(kind: str, key: int) -> bool:
    """Return True if a valid signature is on a row. One query."""
    return Signature.objects.filter(target_type=kind, target_id=key, invalidated_at=None).exists()


def needs_reason(infusion: Infusion) -> bool:
    """Return True if the infusion can only be documented late: no kit was dispensed and compared for it.

    Not asked again of one that is recorded. Reads infusion.patient; three queries if the protocol asks for the chain.
    """
    if not asks_kit(infusion.patient) or infusion.state == Infusion.State.GIVEN:
        return False
    if LateInfusion.objects.filter(infusion=infusion).exists():
        return False
    # Both are asked whatever the first says: the same statements in both arms.
    dispensed, same_kit = is_dispensed(infusion), is_compared(infusion)
    return not (dispensed and same_kit)


def refuse_undispensed(infusion: Infusion, reason: str) -> bool:
    """Return True if the infusion is documented late, with a reason. Raises ValidationError if one is missing."""
    if not needs_reason(infusion):
        return False
    if not reason.strip():
        text = _(
            "No kit was dispensed and compared at the bedside for this infusion. If it was given all the same, say why:"
            " it is documented late, a second person signs it, and it is a deviation."
        )
        raise ValidationError({"late_reason": text})
    return True


def document_late(infusion: Infusion, reason: str, by: User) -> LateInfusion:
    """Store why an infusion was recorded without a dispensed kit, and open its deviation. Under the patient's lock."""
    made = LateInfusion.objects.create(
        infusion=infusion, patient=infusion.patient, reason=reason.strip(), recorded_by=by
    )
    note_late(infusion, by)
    return made


def note_late(infusion: Infusion, by: User) -> None:
    """Open the deviation of an infusion that was documented late. One query if it was not."""
    late = LateInfusion.objects.filter(infusion=infusion).first()
    if late is None or infusion.started_at is None:
        return
    day = infusion.patient.trial.day_of(infusion.started_at)
    open_deviation(
        patient=infusion.patient, category=CATEGORY, source=infusion, on=day, text=late.reason, by=by
    )


@transaction.atomic
def sign_late(*, infusion: Infusion, password: str, by: User) -> LateInfusion:
    """Sign an infusion that was documented late, as a second person.

    Raises ValidationError for the person who documented it, one that is signed already, and what a signature refuses.
    """
    row = lock_infusion(infusion)
    late = LateInfusion.objects.filter(infusion=row).first()
    if late is None or signed_by_second(LateInfusion._meta.label_lower, late.pk):
        raise ValidationError(_("Nothing waits for a second person here."))
    if late.recorded_by_id == by.pk:
        raise ValidationError(_("Another person signs: you have documented it yourself."))
    zone = row.patient.trial.rules.trial.site.time_zone
    signatures.sign(target=late, meaning=Meaning.REVIEW, password=password, by=by, zone=zone)
    return late
