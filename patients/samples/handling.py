"""Steps on the tubes of one sample: processed, frozen, stored, moved, thawed, used up, missing, destroyed; reversed."""

from collections.abc import Collection
from typing import TypedDict

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from patients.models import Aliquot, Patient, Sample, SampleMovement
from patients.participation.lifecycle import lock_patient, refuse_when_locked
from patients.samples.collection import reverse_rows
from patients.samples.expected import rules_of
from patients.samples.ledger import Kind, append, in_force_of, refuse_movement, restate
from patients.samples.sample_deviations import note_samples
from protocol.values.moments import Moment

HANDLED = (
    Kind.PROCESSED, Kind.FROZEN, Kind.STORED, Kind.MOVED, Kind.THAWED, Kind.USED, Kind.MISSING, Kind.DESTROYED,
)  # fmt: skip
NEEDS_PLACE = frozenset({Kind.STORED, Kind.MOVED})
NEEDS_REASON = frozenset({Kind.DESTROYED, Kind.MISSING})


class HandlingFacts(TypedDict):
    """The facts of a step that a person enters: which one, when, by whom, where the tubes are then, and why."""

    kind: str
    moment: Moment
    done_by: str
    place: str
    reason: str


@transaction.atomic
def handle_aliquots(*, sample: Sample, aliquots: Collection[str], facts: HandlingFacts, by: User) -> Sample:
    """Record a step of some tubes of a sample. aliquots: their codes.

    Frozen later than the protocol allows, or missing, opens a deviation. Raises ValidationError by field: a step that
    cannot follow, out of order or to come; stored without a place; destroyed or missing without a reason; use of a tube
    after consent for samples was withdrawn; a kind that the protocol does not freeze; under a lock.
    """
    patient, row = _locked(sample)
    kind = facts["kind"]
    if kind not in HANDLED:
        raise ValidationError({"kind": _("Choose what was done.")})
    _refuse_incomplete(facts)
    tubes = list(row.aliquots.filter(code__in=aliquots).order_by("number"))
    if len(tubes) != len(set(aliquots)):
        raise ValidationError({"aliquots": _("Tick tubes of this sample.")})
    for tube in tubes:
        tube.patient = patient
    if kind == Kind.FROZEN and not _is_frozen_by_protocol(row):
        raise ValidationError({"kind": _("The protocol does not freeze this kind of sample.")})
    refuse_movement(tubes, kind, facts["moment"])
    append(
        tubes,
        kind,
        facts["moment"],
        done_by=facts["done_by"].strip(),
        place=facts["place"].strip() if kind in NEEDS_PLACE else "",
        reason=facts["reason"].strip(),
        by=by,
    )
    note_samples(patient, [row.pk], by)
    return row


@transaction.atomic
def reverse_movement(*, movement: SampleMovement, reason: str, by: User) -> SampleMovement:
    """Reverse the last movement of a tube that was recorded in error, with the reason.

    Raises ValidationError without a reason, for a movement that is not the last one, and for the collection, which is
    corrected or struck out with its sample.
    """
    patient, sample = _locked(movement.aliquot.sample)
    tube = Aliquot.objects.get(pk=movement.aliquot_id)
    rows = in_force_of([tube])[tube.pk]
    if not reason.strip():
        raise ValidationError({"reason": _("Say why it is reversed.")})
    if movement.kind == Kind.COLLECTED:
        raise ValidationError(_("Correct the sample, or strike it out."))
    if rows[-1].pk != movement.pk:
        raise ValidationError(_("Only the last step of a tube is reversed: reverse the later ones first."))
    reverse_rows([movement], reason.strip(), by)
    restate([tube])
    note_samples(patient, [sample.pk], by)
    return movement


def _locked(sample: Sample) -> tuple[Patient, Sample]:
    patient = lock_patient(sample.patient)
    refuse_when_locked(patient)
    # Read after the patient's lock: every step on the tubes of a patient takes it first.
    row: Sample = Sample.objects.select_related("visit__protocol").get(pk=sample.pk)
    row.patient = row.visit.patient = patient
    if row.struck_out:
        raise ValidationError(_("This row is struck out: it stays as it is."))
    return patient, row


def _refuse_incomplete(facts: HandlingFacts) -> None:
    errors = {}
    if not facts["done_by"].strip():
        errors["done_by"] = _("Say who did it.")
    if facts["kind"] in NEEDS_PLACE and not facts["place"].strip():
        errors["place"] = _("Say where they are stored: room, freezer, rack, position.")
    if facts["kind"] in NEEDS_REASON and not facts["reason"].strip():
        errors["reason"] = _("Say why, and how.")
    if errors:
        raise ValidationError(dict(errors))


def _is_frozen_by_protocol(sample: Sample) -> bool:
    plans = rules_of(sample.patient, sample.visit).samples
    return any(each.code == sample.plan and each.freeze_within_minutes is not None for each in plans)
