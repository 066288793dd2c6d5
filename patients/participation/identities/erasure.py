"""Record a request for erasure, and the decision on it with its legal basis (PRV-03)."""

from datetime import date

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from patients.models import ErasureRequest, Patient


@transaction.atomic
def record_erasure_request(*, patient: Patient, received_on: date, wish: str, by: User) -> ErasureRequest:
    """Store what was asked, and when it came. Nothing is erased by it. Raises ValidationError for a day to come."""
    if received_on > patient.trial.today:
        raise ValidationError({"received_on": _("This day has not come yet. Check the year.")})
    if not wish.strip():
        raise ValidationError({"wish": _("Say what was asked, without naming anybody.")})
    return ErasureRequest.objects.create(
        patient=patient, received_on=received_on, wish=wish.strip(), recorded_by=by
    )


@transaction.atomic
def decide_erasure(*, request: ErasureRequest, decision: str, basis: str, explanation: str, by: User) -> None:
    """Store the decision. Raises ValidationError if it was decided already, without an explanation, or for a basis
    that says the opposite.
    """
    row = ErasureRequest.objects.select_for_update().get(pk=request.pk)
    if row.decision:
        raise ValidationError(_("Somebody has decided on this already."))
    contradicts = (decision == ErasureRequest.Decision.GRANTED and basis in ErasureRequest.KEEPS) or (
        decision == ErasureRequest.Decision.REFUSED and basis in ErasureRequest.ERASES
    )
    if contradicts:
        raise ValidationError(
            {"basis": _("This basis contradicts the decision: choose the one that the decision rests on.")}
        )
    if not explanation.strip():
        raise ValidationError(
            {"explanation": _("Explain the decision as it was told to the person who asked.")}
        )
    row.decision, row.basis, row.explanation = decision, basis, explanation.strip()
    row.decided_by, row.decided_at = by, timezone.now()
    row.save()
