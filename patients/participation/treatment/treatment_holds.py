"""Hold one patient's treatment when a stopping rule fires, until an investigator decides and signs (CEL-16)."""

from collections.abc import Sequence
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit import signatures
from audit.context import acting
from audit.models import Meaning
from patients.models import Patient, TreatmentHold
from patients.participation.lifecycle import lock_patient, refuse_when_locked
from trials.reader import shown_moment

Decision = TreatmentHold.Decision


@transaction.atomic
def hold_treatment(
    *, patient: Patient, rule: str, title: str, events: Sequence[str], by: User
) -> TreatmentHold | None:
    """Hold the patient's treatment because a rule fired on these events. The caller holds the lock of the patient.

    Returns None if every event was in an earlier hold of the rule: an investigator decides, or has decided, on those.
    """
    rows = list(TreatmentHold.objects.filter(patient=patient))
    known = {event for row in rows if row.rule == rule for event in row.events}
    if set(events) <= known:
        return None
    with acting(user=by, system="stopping_rule"):
        row = TreatmentHold.objects.create(
            patient=patient,
            number=max((each.number for each in rows), default=0) + 1,
            rule=rule,
            title=title,
            events=list(events),
        )
        _note_at_patient(patient)
    return row


@transaction.atomic
def decide_on_treatment(
    *, hold: TreatmentHold, decision: str, reason: str, password: str, by: User
) -> TreatmentHold:
    """Decide as an investigator whether the treatment goes on, and sign it.

    Raises ValidationError by field: no decision, no reason, a hold that was decided, and what a signature refuses.
    """
    patient = lock_patient(hold.patient)
    refuse_when_locked(patient)
    row = TreatmentHold.objects.select_for_update(of=("self",)).get(pk=hold.pk)
    row.patient = patient
    if row.decision:
        raise ValidationError(_("Somebody has decided on this hold already."))
    if decision not in Decision.values:
        raise ValidationError({"decision": _("Choose whether the treatment goes on.")})
    if not reason.strip():
        raise ValidationError({"reason": _("Say why.")})
    row.decision, row.reason = decision, reason.strip()
    row.decided_by, row.decided_at = by, timezone.now()
    row.save()
    zone = patient.protocol.rules.trial.site.time_zone
    signatures.sign(target=row, meaning=Meaning.APPROVAL, password=password, by=by, zone=zone)
    _note_at_patient(patient)
    return row


def treatment_hold_message(patient: Patient, at: datetime | None = None) -> str:
    """Return the message why no infusion begins; empty if the treatment is not held, or was not yet at a moment."""
    since = patient.treatment_held_since
    if since is None or (at is not None and at < since):
        return ""
    text = _("The treatment of %(patient)s is on hold since %(moment)s: an investigator decides on it first.")
    return text % {"patient": patient.code, "moment": shown_moment(since, patient.trial.zone)}


def refuse_treatment_held(patient: Patient, at: datetime | None = None) -> None:
    """Raise ValidationError while the patient's treatment is held; at: unless it was not held yet at that moment."""
    if words := treatment_hold_message(patient, at):
        raise ValidationError(words)


def _note_at_patient(patient: Patient) -> None:
    """Keep at the patient since when the treatment is held: until every hold is decided, for good after a stop."""
    rows = TreatmentHold.objects.filter(patient=patient).exclude(decision=Decision.CONTINUE)
    since = min((row.set_at for row in rows), default=None)
    patient.treatment_held_since = since
    patient.save(update_fields=["treatment_held_since"])
