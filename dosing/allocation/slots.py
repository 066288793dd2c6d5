"""Allocation: one slot of a concealed list per patient, taken when eligibility is signed (RND-01 to RND-03).

Without an uploaded list one is generated when the first patient of a randomised trial needs a slot, from a seed drawn
by the operating system (`dosing.allocation.lists`). It is readable only with `see_treatment`. A slot is taken
atomically and never freed: a patient keeps it whatever happens later, and errors are recorded as deviations.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import acting
from dosing.allocation.lists import codes_of, extend_in_time, generate_list
from dosing.allocation.reserved import free_slots, no_place_words, note_other_stratum
from dosing.models import AllocationList, AllocationSlot
from patients.models import Patient
from patients.participation.eligibility_decisions.eligibility_data import input_words, latest_complete
from protocol.document.design import Arm
from trials.holds import refuse_held
from trials.models import Trial


@transaction.atomic
def allocate(*, patient: Patient, stratum: str, by: User) -> AllocationSlot | None:
    """Allocate the next free slot of the stratum to the patient and return it; a patient who has one keeps it.

    A slot whose reserve envelope is not destroyed is kept for the day without a server and is not free.
    Returns None in a trial that does not randomise. A generated list grows in time; raises ValidationError if an
    uploaded one has no free slot.
    """
    trial = patient.trial
    if trial.rules.allocation is None:
        return None
    # One allocation at a time in a trial: concurrent ones take the slots in order, without a gap (RND-02).
    held = Trial.objects.for_update(trial.pk)
    existing = AllocationSlot.objects.filter(patient=patient).first()
    if existing is not None:
        return existing
    refuse_held(held)
    made = AllocationList.objects.filter(trial=trial).first() or generate_list(trial=trial, by=by)
    made.trial = trial
    extend_in_time(made=made, stratum=stratum)
    slot = free_slots(trial=trial, stratum=stratum).select_for_update().order_by("position").first()
    if slot is None:
        raise ValidationError(no_place_words(trial, stratum))
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
    # The row, not its column alone: who may see it is noted when the row is fetched.
    slot = AllocationSlot.objects.filter(patient=patient).first()
    return rules.arm(slot.arm) if slot else None


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
        if answer not in codes_of(rules, path):
            item = _("the group") if path == "group" else input_words(rules, path)
            raise ValidationError(_("The stratum is not known yet: it needs %(item)s.") % {"item": item})
        parts.append(f"{path}={answer}")
    return " ".join(parts)


def on_eligibility_signed(sender: Any, *, patient: Patient, decision: Any, by: User, **kwargs: Any) -> None:
    """Allocate a slot, inside the transaction in which the investigator signs the eligibility."""
    stratum = stratum_of(patient, decision.group)
    slot = allocate(patient=patient, stratum=stratum, by=by)
    if slot is not None and slot.stratum != stratum:
        note_other_stratum(patient=patient, stratum=stratum, by=by)
