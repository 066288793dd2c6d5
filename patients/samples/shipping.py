"""Shipments of tubes: sent, received with the condition of each tube, and their facts corrected with a reason."""

from collections.abc import Collection, Mapping
from typing import Any, TypedDict

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from patients.models import Aliquot, Patient, SampleMovement, Shipment
from patients.participation.lifecycle import lock_patients, refuse_when_locked
from patients.samples.ledger import Kind, append, refuse_movement
from patients.samples.sample_deviations import note_samples
from protocol.values.moments import Moment
from trials.models import Trial

Condition = SampleMovement.Condition
MISSING = "missing"
"""Given for a tube that was not in the shipment, beside the conditions of those that were."""
FACTS = ("destination", "carrier", "consignment", "packing", "logger", "sent_by")
REQUIRED = ("destination", "carrier", "sent_by")


class ShipmentFacts(TypedDict):
    """The facts of a shipment, without tubes and time, that a person enters: where to, how, and with which logger."""

    destination: str
    carrier: str
    consignment: str
    packing: str
    logger: str
    sent_by: str


@transaction.atomic
def ship_aliquots(
    *,
    trial: Trial,
    aliquots: Collection[str],
    facts: ShipmentFacts,
    sent: Moment,
    by: User,
    save_key: str = "",
) -> Shipment:
    """Send tubes in one shipment. aliquots: their codes. The same `save_key` again returns the first row.

    Raises ValidationError by field: no tube, one that is not here or whose patient withdrew consent for samples, a time
    to come or before the last step of a tube, missing facts, a locked patient.
    """
    trial = Trial.objects.for_update(trial.pk)
    if save_key and (existing := Shipment.objects.filter(trial=trial, save_key=save_key).first()):
        return existing
    stored = _checked(facts)
    tubes = _locked_tubes(trial, Aliquot.objects.filter(code__in=aliquots))
    if len(tubes) != len(set(aliquots)):
        raise ValidationError({"aliquots": _("One of these tubes does not belong to this trial.")})
    try:
        refuse_movement(tubes, Kind.SHIPPED, sent)
    except ValidationError as refused:
        raise _at_field(refused, "sent") from refused
    last = Shipment.objects.filter(trial=trial).aggregate(last=Max("number"))["last"] or 0
    shipment: Shipment = Shipment.objects.create(
        trial=trial,
        number=last + 1,
        sent=sent.iso,
        sent_at=sent.earliest,
        recorded_by=by,
        save_key=save_key,
        **stored,
    )
    append(tubes, Kind.SHIPPED, sent, done_by=stored["sent_by"], by=by, shipment=shipment)
    return shipment


@transaction.atomic
def receive_shipment(
    *,
    shipment: Shipment,
    received: Moment,
    received_by: str,
    conditions: Mapping[str, str],
    note: str,
    version: int,
    by: User,
) -> Shipment:
    """Record the receipt of a shipment, or of the tubes that were still on their way.

    conditions: by code of each tube on its way, a `Condition` or MISSING. A tube that is missing, thawed or damaged
    opens a deviation. Raises ValidationError by field: a tube without an answer, a time to come or before it was sent.
    """
    trial = Trial.objects.for_update(shipment.trial_id)
    row: Shipment = Shipment.objects.get(pk=shipment.pk)
    row.trial = trial
    _refuse_stale(row, version)
    tubes = _locked_tubes(trial, on_their_way(row))
    if not tubes:
        raise ValidationError(_("No tube of this shipment is on its way any more."))
    errors = {}
    for tube in tubes:
        if conditions.get(tube.code) not in (*Condition.values, MISSING):
            errors[tube.code] = _("Say how this tube arrived.")
    if not received_by.strip():
        errors["received_by"] = _("Say who received it.")
    if received.earliest > timezone.now():
        errors["received"] = _("This time has not come yet. Check the date.")
    elif received.earliest < row.sent_at:
        errors["received"] = _("This is before it was sent.")
    if errors:
        raise ValidationError(dict(errors))
    _append_receipt(row, tubes, conditions, received, received_by.strip(), by)
    if row.received_at is None:
        row.received, row.received_at, row.received_by = received.iso, received.earliest, received_by.strip()
    row.receipt_note = "\n".join(filter(None, [row.receipt_note, note.strip()]))
    row.version += 1
    row.save(update_fields=["received", "received_at", "received_by", "receipt_note", "version"])
    _note_all(tubes, by)
    return row


@transaction.atomic
def correct_shipment(
    *, shipment: Shipment, facts: ShipmentFacts, change_reason: str, version: int, by: User
) -> Shipment:
    """Correct the facts of a shipment with a reason. What happened to a tube is reversed on the tube.

    Raises ValidationError by field for missing facts, without a reason or a change, and if it changed meanwhile.
    """
    Trial.objects.for_update(shipment.trial_id)
    row: Shipment = Shipment.objects.get(pk=shipment.pk)
    _refuse_stale(row, version)
    changed = {name: value for name, value in _checked(facts).items() if getattr(row, name) != value}
    if not changed:
        raise ValidationError(_("Nothing was changed: there is nothing to save."))
    if not change_reason.strip():
        raise ValidationError({"change_reason": _("Say why.")})
    for name, value in {**changed, "version": row.version + 1}.items():
        setattr(row, name, value)
    with because(change_reason.strip()):
        row.save(update_fields=[*changed, "version"])
    return row


def on_their_way(shipment: Shipment) -> Any:
    """Return the tubes of a shipment that were sent and have neither arrived nor been found missing."""
    sent = SampleMovement.objects.filter(shipment=shipment, kind=Kind.SHIPPED).in_force()
    return Aliquot.objects.filter(state=Aliquot.State.SHIPPED, pk__in=sent.values("aliquot"))


def _append_receipt(
    row: Shipment,
    tubes: list[Aliquot],
    conditions: Mapping[str, str],
    received: Moment,
    received_by: str,
    by: User,
) -> None:
    given = {tube.pk: conditions[tube.code] for tube in tubes}
    here = [tube for tube in tubes if given[tube.pk] != MISSING]
    absent = [tube for tube in tubes if given[tube.pk] == MISSING]
    if here:
        refuse_movement(here, Kind.RECEIVED, received)
        told = {"done_by": received_by, "shipment": row, "place": row.destination}
        append(here, Kind.RECEIVED, received, by=by, conditions=given, **told)  # type: ignore[arg-type]
    if absent:
        refuse_movement(absent, Kind.MISSING, received)
        append(absent, Kind.MISSING, received, done_by=received_by, by=by, shipment=row)


def _note_all(tubes: list[Aliquot], by: User) -> None:
    """Judge the samples of the tubes, patient by patient."""
    for patient in {tube.patient_id: tube.patient for tube in tubes}.values():
        note_samples(patient, {tube.sample_id for tube in tubes if tube.patient_id == patient.pk}, by)


def _locked_tubes(trial: Trial, tubes: Any) -> list[Aliquot]:
    """Return tubes of a trial as stored now, their patients locked. Raises ValidationError for a locked patient."""
    owners = tubes.filter(patient__trial=trial).values("patient")
    lock_patients(Patient.objects.filter(trial=trial, pk__in=list(owners.values_list("patient", flat=True))))
    # Read after the locks: another request may have moved a tube meanwhile.
    found = list(
        tubes.in_force()
        .filter(patient__trial=trial)
        .select_related("patient__protocol", "sample")
        .order_by("code")
    )
    for tube in found:
        tube.patient.share(trial, tube.patient.protocol)
        refuse_when_locked(tube.patient)
    return found


def _checked(facts: ShipmentFacts) -> dict[str, str]:
    stored = {name: str(facts[name]).strip() for name in FACTS}  # type: ignore[literal-required]
    errors = {name: _("This is needed.") for name in REQUIRED if not stored[name]}
    if stored["packing"] not in Shipment.Packing.values:
        errors["packing"] = _("Choose the packing.")
    if errors:
        raise ValidationError(dict(errors))
    return stored


def _refuse_stale(row: Shipment, version: int) -> None:
    if row.version != version:
        raise ValidationError(
            _("It was changed while you typed. Open the row again, compare, and change it then.")
        )


def _at_field(refused: ValidationError, name: str) -> ValidationError:
    """Return a refusal of the ledger with the time at the field that the form of a shipment has for it."""
    return ValidationError(
        {name if key == "moment" else key: told for key, told in refused.error_dict.items()}
    )
