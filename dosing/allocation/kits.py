"""The kit of each infusion: a random number by which ward and laboratory match bag to patient (CEL-18, BLD-02).

Every planned infusion of a masked trial gets one when it is planned, in every arm, before anybody prepares anything:
that there is a number tells nothing. Which bag belongs to it, the product of the infusion tells behind `see_treatment`.
"""

import secrets
from collections.abc import Sequence

from django.db import transaction

from accounts.models import User
from audit.context import acting
from dosing.allocation.kit_numbers import kit_number, read_kit_number
from dosing.models import AllocationSlot, Infusion, Kit
from dosing.stock.identifiers import gs1
from dosing.stock.identifiers.refusals import IdentifierRefused
from dosing.stock.labels.printed_labels import label_values, shown
from patients.models import Patient
from protocol.values.refusals import ValueRefused, gettext_noop
from trials.models import Trial

_NO_LABEL = gettext_noop("“%(typed)s” is not the label of a kit of this trial.")


@transaction.atomic
def kit_of(*, infusion: Infusion, by: User | None) -> Kit:
    """Return the kit of an infusion, which gets one if it has none.

    The number of an uploaded list is that of the first infusion of the patient who holds the place.
    """
    found = Kit.objects.filter(infusion=infusion).first()
    return found or number_infusions(patient=infusion.patient, infusions=[infusion], by=by)[0]


@transaction.atomic
def number_infusions(*, patient: Patient, infusions: Sequence[Infusion], by: User | None) -> list[Kit]:
    """Give each of these infusions of a patient a kit number, if it has none. Return their kits in the same order."""
    known = {kit.infusion_id: kit for kit in Kit.objects.filter(infusion__in=infusions)}
    missing = [row for row in infusions if row.pk not in known]
    if missing:
        given = AllocationSlot.objects.filter(patient=patient).exclude(kit="").values_list("kit", flat=True)
        of_list = next(iter(given), "")
        with acting(user=by, system="kits"):
            for row in missing:
                taken = of_list if row.number == 1 and of_list else _free_number()
                known[row.pk] = Kit.objects.create(
                    trial_id=patient.trial_id, patient=patient, infusion=row, number=taken
                )
    return [known[row.pk] for row in infusions]


def find_kit(*, trial: Trial, typed: str) -> Kit | None:
    """Return the kit of a number as typed or scanned, None if no infusion of the trial has it.

    Raises ValueRefused for a number with a wrong check sign, unless an uploaded list gave it, and for a label that is
    none of a kit of this trial.
    """
    typed = number_of(trial, typed)
    exact = Kit.objects.filter(trial=trial, number=typed.strip().upper()).first()
    return exact or Kit.objects.filter(trial=trial, number=read_kit_number(typed)).first()


def number_of(trial: Trial, typed: str) -> str:
    """Return the kit number in the scanned label of a kit; what was typed if it is no label.

    Raises ValueRefused for any other label.
    """
    try:
        values = label_values(trial, typed)
    except IdentifierRefused as refused:
        raise ValueRefused(_NO_LABEL, typed=shown(typed)) from refused
    if values is None:
        return typed
    if gs1.SERIAL not in values or gs1.BATCH in values:
        raise ValueRefused(_NO_LABEL, typed=shown(typed))
    return values[gs1.SERIAL]


def _free_number() -> str:
    """Return a number that no kit of any trial has."""
    while True:
        number = kit_number(secrets.randbelow)
        if not Kit.objects.filter(number=number).exists():
            return number
