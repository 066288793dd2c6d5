"""Allocation: one slot of a concealed list per patient, taken when eligibility is signed (RND-01 to RND-03).

The list is generated once, when the first patient of a randomised trial needs a slot, from a seed drawn by the
operating system. It is stored with algorithm, seed, block sizes and ratio, readable only with `see_treatment`. A slot
is taken atomically and never freed: a patient keeps it whatever happens later.
"""

import secrets
from itertools import product
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import acting
from dosing.models import AllocationList, AllocationSlot
from dosing.randomisation import ALGORITHM, permuted_blocks
from patients.models import Patient
from patients.participation.eligibility_data import input_words, latest_complete
from protocol.document.design import Arm
from protocol.document.document import Protocol
from trials.models import Trial

# Slots per stratum, as a multiple of the target: spare ones for whole blocks, replacements, withdrawals.
RESERVE = 2


@transaction.atomic
def generate_list(
    *, trial: Trial, by: User | None, seed: str = "", size: int | None = None
) -> AllocationList:
    """Generate and store the allocation list of a randomised trial.

    seed: repeats a documented list; drawn at random if empty. size: slots per stratum. Raises ValidationError if the
    trial does not randomise or has a list already.
    """
    rules = trial.rules
    if rules.allocation is None:
        raise ValidationError(_("This trial does not randomise."))
    # Allocations and other generations wait: a trial has one list.
    Trial.objects.for_update(trial.pk)
    if AllocationList.objects.filter(trial=trial).exists():
        raise ValidationError(_("The allocation list exists already: it is never made again."))
    plan = rules.allocation
    seed = seed or secrets.token_hex(16)
    places = [
        place
        for stratum in strata_of(rules)
        for place in permuted_blocks(
            seed=seed,
            stratum=stratum,
            size=size or rules.trial.target * RESERVE,
            block_sizes=plan.block_sizes,
            ratio=plan.ratio,
        )
    ]
    with acting(user=by, system="allocation"):
        made = AllocationList.objects.create(
            trial=trial,
            algorithm=ALGORITHM,
            seed=seed,
            block_sizes=list(plan.block_sizes),
            ratio=dict(plan.ratio),
        )
        AllocationSlot.objects.bulk_create(
            AllocationSlot(
                trial=trial, stratum=place.stratum, position=place.position, block=place.block, arm=place.arm
            )
            for place in places
        )
    return made


@transaction.atomic
def allocate(*, patient: Patient, stratum: str, by: User) -> AllocationSlot | None:
    """Allocate the next free slot of the stratum to the patient and return it; a patient who has one keeps it.

    Returns None in a trial that does not randomise. Raises ValidationError if the list has no free slot.
    """
    trial = patient.trial
    if trial.rules.allocation is None:
        return None
    # One allocation at a time in a trial: concurrent ones take the slots in order, without a gap (RND-02).
    Trial.objects.for_update(trial.pk)
    existing = AllocationSlot.objects.filter(patient=patient).first()
    if existing is not None:
        return existing
    if not AllocationList.objects.filter(trial=trial).exists():
        generate_list(trial=trial, by=by)
    slot = (
        AllocationSlot.objects.select_for_update()
        .filter(trial=trial, stratum=stratum, patient=None)
        .order_by("position")
        .first()
    )
    if slot is None:
        raise ValidationError(_("The allocation list has no place left. Call the trial's statistician."))
    with acting(user=by, system="allocation"):
        AllocationSlot.objects.filter(pk=slot.pk, patient=None).update(
            patient=patient, taken_at=timezone.now()
        )
    slot.refresh_from_db()
    return slot


def arm_of(patient: Patient) -> Arm | None:
    """Return the arm of a patient: the allocated one, or the only one of a trial that does not randomise.

    None before the allocation. The arm unblinds: never call this for a page of a blinded role.
    """
    rules = patient.protocol.rules
    if rules.allocation is None:
        return rules.only_arm
    code = AllocationSlot.objects.filter(patient=patient).values_list("arm", flat=True).first()
    return rules.arm(code) if code else None


def strata_of(rules: Protocol) -> list[str]:
    """Return the strata: every combination of answers to the stratification items; one, empty, without such items."""
    plan = rules.allocation
    answers = [[f"{path}={code}" for code in _codes(rules, path)] for path in (plan.strata if plan else ())]
    return [" ".join(combination) for combination in product(*answers)]


def _codes(rules: Protocol, path: str) -> tuple[str, ...]:
    if path == "group":
        return tuple(group.code for group in rules.groups)
    return rules.item(path).codes


def stratum_of(patient: Patient, group: str) -> str:
    """Return the stratum of a patient, from the group and the complete forms: `form.item=code …`.

    Raises ValidationError with the name of a missing answer.
    """
    rules = patient.protocol.rules
    plan = rules.allocation
    known = latest_complete(patient) if plan is not None and plan.strata else {}
    parts = []
    for path in plan.strata if plan is not None else ():
        form, _dot, name = path.partition(".")
        answer = group if path == "group" else known.get(form, {}).get(name)
        if answer not in _codes(rules, path):
            item = _("the group") if path == "group" else input_words(rules, path)
            raise ValidationError(_("The stratum is not known yet: it needs %(item)s.") % {"item": item})
        parts.append(f"{path}={answer}")
    return " ".join(parts)


def on_eligibility_signed(sender: Any, *, patient: Patient, decision: Any, by: User, **kwargs: Any) -> None:
    """Allocate a slot, inside the transaction in which the investigator signs the eligibility."""
    if patient.trial.rules.allocation is not None:
        allocate(patient=patient, stratum=stratum_of(patient, decision.group), by=by)
