"""The allocation list: generated from a seed or uploaded sealed, committed to before its first use, extended in time.

A generated list is extended from the same seed by the same algorithm, as if it had been longer from the start, before
its last places are taken. It ends at a number of places, not at the end of a block: neither its length nor when it
grows tells where a block ends (RND-01, RND-02).
"""

import secrets
from collections import Counter
from collections.abc import Iterable
from itertools import product

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import acting
from dosing.allocation import sealed_list
from dosing.allocation.commitment import SealedParameters, commitment_of, sealed_text
from dosing.allocation.randomisation import ALGORITHM, permuted_blocks
from dosing.allocation.reserved import free_slots
from dosing.models import AllocationCommitment, AllocationList, AllocationSlot
from protocol.document.design import Allocation
from protocol.document.document import Protocol
from protocol.values.refusals import ValueRefused
from trials.models import Trial
from trials.reader import shown_sentence

# Slots per stratum, as a multiple of the target: spare ones for replacements and withdrawals.
RESERVE = 2


@transaction.atomic
def generate_list(
    *, trial: Trial, by: User | None, seed: str = "", size: int | None = None
) -> AllocationList:
    """Generate and store the allocation list of a randomised trial.

    seed: repeats a documented list; drawn at random if empty. size: slots per stratum. Raises ValidationError if the
    trial does not randomise or has a list already.
    """
    rules, plan = _alone(trial)
    made = AllocationList(
        trial=trial,
        algorithm=ALGORITHM,
        seed=seed or secrets.token_hex(16),
        block_sizes=list(plan.block_sizes),
        ratio=dict(plan.ratio),
    )
    size = size or rules.trial.target * RESERVE
    slots = [slot for stratum in strata_of(rules) for slot in _generated(made, stratum, 0, size)]
    return _stored(made, slots, by)


@transaction.atomic
def upload_list(*, trial: Trial, data: bytes, by: User) -> AllocationList:
    """Store a sealed list made elsewhere, instead of a generated one, before the first allocation.

    Raises ValidationError with the first line that does not fit arms, strata or ratio, or if there is a list already.
    """
    rules, plan = _alone(trial)
    if len(data) > sealed_list.MOST_BYTES:
        raise ValidationError({"file": _("The file is too large for a list.")})
    try:
        places = sealed_list.read_sealed_list(
            data,
            strata=strata_of(rules),
            ratio=plan.ratio,
            largest_block=max(plan.block_sizes),
            target=rules.trial.target,
        )
    except ValueRefused as refused:
        raise ValidationError({"file": shown_sentence(refused)}) from refused
    made = AllocationList(
        trial=trial, algorithm=sealed_list.ALGORITHM, seed="", block_sizes=[], ratio=dict(plan.ratio)
    )
    slots = [
        AllocationSlot(
            trial=trial, stratum=place.stratum, position=place.position, block=0, arm=place.arm, kit=place.kit
        )
        for place in places
    ]
    return _stored(made, slots, by)


def extend_in_time(*, made: AllocationList, stratum: str) -> None:
    """Add places to a stratum of a generated list while one largest block is still free; an uploaded one stays.

    The trial must be locked for update. A stratum that an amendment added begins here.
    """
    if made.algorithm != ALGORITHM:
        return
    slots = AllocationSlot.objects.filter(trial=made.trial_id, stratum=stratum)
    if free_slots(trial=made.trial, stratum=stratum).count() >= max(made.block_sizes):
        return
    known = slots.count()
    more = max(made.trial.rules.trial.target, 2 * max(made.block_sizes))
    with acting(system="allocation"):
        AllocationSlot.objects.bulk_create(_generated(made, stratum, known, known + more))


def _generated(made: AllocationList, stratum: str, known: int, size: int) -> list[AllocationSlot]:
    """Return the places of a stratum after the known ones, up to `size`: the same whenever they are made."""
    places = permuted_blocks(
        seed=made.seed, stratum=stratum, size=size, block_sizes=made.block_sizes, ratio=made.ratio
    )
    return [
        AllocationSlot(
            trial=made.trial, stratum=stratum, position=place.position, block=place.block, arm=place.arm
        )
        for place in places[known:size]
    ]


def _alone(trial: Trial) -> tuple[Protocol, Allocation]:
    """Return the rules of a trial that has no list yet, locked, and its plan. Raises ValidationError otherwise."""
    rules = trial.rules
    if rules.allocation is None:
        raise ValidationError(_("This trial does not randomise."))
    # Allocations and other lists wait: a trial has one list.
    Trial.objects.for_update(trial.pk)
    if AllocationList.objects.filter(trial=trial).exists():
        raise ValidationError(_("The allocation list exists already: it is never made again."))
    return rules, rules.allocation


def _stored(made: AllocationList, slots: list[AllocationSlot], by: User | None) -> AllocationList:
    made.nonce = secrets.token_hex(32)
    made.committed = dict(Counter(slot.stratum for slot in slots))
    with acting(user=by, system="allocation"):
        made.save(force_insert=True)
        AllocationSlot.objects.bulk_create(slots)
        AllocationCommitment.objects.create(
            trial=made.trial, sha256=commitment_of(sealed_text_of(made, slots)), algorithm=made.algorithm
        )
    return made


def sealed_text_of(made: AllocationList, slots: Iterable[AllocationSlot]) -> str:
    """Return the text whose hash is published, from the places that were there when the list was made."""
    parameters = SealedParameters(
        trial=made.trial.slug,
        algorithm=made.algorithm,
        seed=made.seed,
        block_sizes=made.block_sizes,
        ratio=made.ratio,
        nonce=made.nonce,
    )
    return sealed_text(
        parameters,
        (
            (slot.stratum, slot.position, slot.arm, slot.kit)
            for slot in slots
            if slot.position <= made.committed.get(slot.stratum, 0)
        ),
    )


def holds_commitment(trial: Trial) -> bool:
    """Return True if list, parameters and random value as stored now give the hash that was published.

    Also checks that every place that was added later follows from the seed. Raises ValidationError without a list.
    """
    made = AllocationList.objects.filter(trial=trial).first()
    published = AllocationCommitment.objects.filter(trial=trial).first()
    if made is None or published is None:
        raise ValidationError(_("The trial has no allocation list yet."))
    made.trial = trial
    slots = list(AllocationSlot.objects.filter(trial=trial).order_by("stratum", "position"))
    if commitment_of(sealed_text_of(made, slots)) != published.sha256:
        return False
    return made.algorithm != ALGORITHM or all(_follows(made, slots, stratum) for stratum in _named(slots))


def _named(slots: list[AllocationSlot]) -> set[str]:
    return {slot.stratum for slot in slots}


def _follows(made: AllocationList, slots: list[AllocationSlot], stratum: str) -> bool:
    mine = [(slot.position, slot.block, slot.arm) for slot in slots if slot.stratum == stratum]
    return mine == [(slot.position, slot.block, slot.arm) for slot in _generated(made, stratum, 0, len(mine))]


def strata_of(rules: Protocol) -> list[str]:
    """Return the strata: every combination of answers to the stratification items; one, empty, without such items."""
    plan = rules.allocation
    answers = [[f"{path}={code}" for code in codes_of(rules, path)] for path in (plan.strata if plan else ())]
    return [" ".join(combination) for combination in product(*answers)]


def codes_of(rules: Protocol, path: str) -> tuple[str, ...]:
    """Return the answers that a stratification item may have; `group` stands for the group of the patient."""
    if path == "group":
        return tuple(group.code for group in rules.groups)
    return rules.item(path).codes
