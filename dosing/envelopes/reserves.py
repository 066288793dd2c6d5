"""Reserve envelopes: seal the next slots of each stratum, print the codes apart, transcribe paper allocations (BKP-02).

The slot of an envelope is kept for paper from the printing on (`dosing.allocation.reserved`). So the patient who was
allocated without the server takes exactly the slot that was opened, whatever the server allocated before and after.
"""

import secrets
from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import acting
from dosing.allocation.lists import extend_in_time, generate_list, strata_of
from dosing.allocation.reserved import free_slots
from dosing.envelopes.printing import PrintedCode, PrintedSheet, kept_code, refuse_finding, take_codes
from dosing.envelopes.reserve_order import ReserveUse
from dosing.envelopes.sheet import sealed_sheet
from dosing.models import AllocationList, AllocationSlot, ReserveCheck, ReserveEnvelope, Unblinding
from dosing.unblinding.exposure import names_an_arm, record_exposure
from patients.models import Patient
from patients.participation.lifecycle import lock_patient, refuse_when_locked
from protocol.values.moments import Moment
from trials.access import access_to
from trials.models import Trial

PURPOSE = "reserve envelopes"
MOST_PER_STRATUM = 10
Finding, State = ReserveCheck.Finding, ReserveEnvelope.State
# What may be found of an envelope in each state, and the state that follows. A lost one may turn up, opened or not.
FOLLOWS = {
    (State.SEALED, Finding.INTACT): State.SEALED,
    (State.SEALED, Finding.OPENED): State.OPENED,
    (State.SEALED, Finding.LOST): State.LOST,
    (State.SEALED, Finding.DESTROYED): State.DESTROYED,
    (State.LOST, Finding.OPENED): State.OPENED,
    (State.LOST, Finding.DESTROYED): State.DESTROYED,
}


@transaction.atomic
def make_reserves(*, trial: Trial, per_stratum: int, by: User) -> list[PrintedSheet[ReserveEnvelope]]:
    """Seal the next free slots until each stratum has `per_stratum` sealed envelopes. Return the new sheets, in order.

    Raises ValidationError if the trial does not randomise or is locked, for a number outside 1 to 10, if every stratum
    has as many already, and if an uploaded list has not enough free slots.
    """
    if trial.rules.allocation is None:
        raise ValidationError(_("This trial does not randomise."))
    if not 1 <= per_stratum <= MOST_PER_STRATUM:
        told = {"most": MOST_PER_STRATUM}
        raise ValidationError({"per_stratum": _("Choose a number from 1 to %(most)d.") % told})
    held = Trial.objects.for_update(trial.pk)
    if held.locked_at:
        raise ValidationError(_("The trial is locked: no data can be changed."))
    made = AllocationList.objects.filter(trial=trial).first() or generate_list(trial=trial, by=by)
    made.trial = trial
    slots = [slot for stratum in strata_of(trial.rules) for slot in _next_slots(made, stratum, per_stratum)]
    if not slots:
        raise ValidationError(_("Every stratum has that many sealed reserve envelopes."))
    number = ReserveEnvelope.objects.filter(trial=trial).aggregate(last=Max("number"))["last"] or 0
    return [_made(trial, slot, number + place, by) for place, slot in enumerate(slots, start=1)]


def _next_slots(made: AllocationList, stratum: str, wanted: int) -> list[AllocationSlot]:
    """Return the free slots of a stratum that get an envelope now, in the order of the list."""
    sealed = ReserveEnvelope.objects.filter(trial=made.trial, stratum=stratum, state=State.SEALED)
    missing = wanted - sealed.count()
    if missing <= 0:
        return []
    # Twice: a small block may leave fewer free slots than envelopes are wanted.
    for _time in range(2):
        extend_in_time(made=made, stratum=stratum)
        slots = list(
            free_slots(trial=made.trial, stratum=stratum).select_for_update().order_by("position")[:missing]
        )
        if len(slots) == missing:
            return slots
    raise ValidationError(_("The allocation list has not enough free places. Call the trial's statistician."))


def _made(trial: Trial, slot: AllocationSlot, number: int, by: User) -> PrintedSheet[ReserveEnvelope]:
    arms = [each.code for each in trial.rules.arms]
    sheet = sealed_sheet(arms=arms, arm=slot.arm, draw=secrets.randbelow)
    row = ReserveEnvelope.objects.create(
        trial=trial,
        slot=slot,
        number=number,
        stratum=slot.stratum,
        position=slot.position,
        code=kept_code(sheet, PURPOSE),
        made_by=by,
    )
    return PrintedSheet(row, sheet)


@transaction.atomic
def print_reserve_codes(*, trial: Trial, by: User) -> list[PrintedCode[ReserveEnvelope]]:
    """Return the codes that nobody has printed yet, and delete them. Each is shown once.

    Raises ValidationError if there is none, and for the person who printed the envelopes: nobody holds both.
    """
    Trial.objects.for_update(trial.pk)
    rows = ReserveEnvelope.objects.select_for_update(of=("self",)).filter(trial=trial, state=State.SEALED)
    return take_codes(rows, purpose=PURPOSE, by=by)


@transaction.atomic
def record_reserve(
    *,
    envelope: ReserveEnvelope,
    finding: str,
    happened: Moment,
    note: str,
    by: User,
    patient: Patient | None = None,
    opened_by: User | None = None,
    opened_by_name: str = "",
) -> ReserveCheck:
    """Record what was found of a reserve envelope; of an opened one, transcribe the paper allocation.

    The patient takes the slot of the envelope and no other, at the moment written on paper. A blinded person who opened
    it came to know the treatment; the sponsor is told. A destroyed envelope frees its slot. The same finding sent twice
    is one record. Raises ValidationError for a finding that cannot follow, without a reason, patient or person, for a
    patient who has a slot, for a moment in the future or before the printing, and for a text that names an arm.
    """
    trial = Trial.objects.for_update(envelope.trial_id)
    if patient is not None and finding == Finding.OPENED:
        patient = lock_patient(patient)
    row = ReserveEnvelope.objects.select_for_update(of=("self",)).get(pk=envelope.pk)
    row.trial = trial
    facts = {
        "patient": patient if finding == Finding.OPENED else None,
        "opened_by": opened_by if finding == Finding.OPENED else None,
        "opened_by_name": opened_by_name.strip() if finding == Finding.OPENED else "",
    }
    check = ReserveCheck(
        envelope=row, finding=finding, happened=happened.iso, note=note.strip(), recorded_by=by, **facts
    )
    twice = row.checks.filter(finding=finding, happened=check.happened, recorded_by=by, note=check.note)
    found = twice.filter(patient=check.patient).first()
    if found is not None:
        return found
    _refuse(trial, check, happened)
    if check.patient is not None:
        _allocate(check, happened)
    row.state = FOLLOWS[State(row.state), Finding(finding)]
    row.save(update_fields=["state"])
    check.save()
    return check


def _refuse(trial: Trial, check: ReserveCheck, happened: Moment) -> None:
    row = check.envelope
    refuse_finding(row, check.finding, check.note, FOLLOWS)
    if happened.earliest > timezone.now():
        raise ValidationError({"happened": _("This lies in the future.")})
    # A moment on paper has no seconds.
    if happened.latest < row.made_at.replace(second=0, microsecond=0):
        raise ValidationError({"happened": _("The envelope was printed later.")})
    for field, text in (("note", check.note), ("opened_by_name", check.opened_by_name)):
        if trial.masked and names_an_arm(trial, text):
            raise ValidationError(
                {field: _("Do not name the treatment: people who must not know it read this text.")}
            )
    if check.finding == Finding.OPENED:
        _refuse_opening(trial, check)


def _refuse_opening(trial: Trial, check: ReserveCheck) -> None:
    patient = check.patient
    if patient is None or patient.trial_id != trial.pk:
        raise ValidationError({"patient": _("Choose the patient who was allocated with this envelope.")})
    if (check.opened_by is None) == (not check.opened_by_name):
        raise ValidationError(
            {"opened_by": _("Choose a person of the trial, or write who it was: one of the two.")}
        )
    try:
        refuse_when_locked(patient)
    except ValidationError as refused:
        raise ValidationError({"patient": refused.messages}) from refused
    if AllocationSlot.objects.filter(patient=patient).exists():
        told = {"patient": patient.code}
        raise ValidationError(
            {"patient": _("%(patient)s has a place of the allocation list already and keeps it.") % told}
        )


def _allocate(check: ReserveCheck, happened: Moment) -> None:
    """Give the slot of the envelope to the patient; note that a blinded person learned the treatment by it."""
    patient, row = check.patient, check.envelope
    taken_at = max(happened.earliest, row.made_at)
    with acting(user=check.recorded_by, system="allocation"):
        taken = AllocationSlot.objects.filter(pk=row.slot_id, patient=None)
        if taken.update(patient=patient, taken_at=taken_at) != 1:
            raise ValidationError({"envelope": _("The place of this envelope is taken.")})
    person = check.opened_by
    access = access_to(user=person, slug=row.trial.slug) if person is not None else None
    if patient is None or not row.trial.masked or (access is not None and access.sees_treatment):
        return
    record_exposure(
        patient=patient, known_to=person, known_to_name=check.opened_by_name, learned=Unblinding.Learned.ARM,
        known_since=happened, reason=check.note, by=check.recorded_by, save_key=f"reserve-{row.pk}",
    )  # fmt: skip


def uses_of(rows: Iterable[ReserveEnvelope]) -> list[ReserveUse]:
    """Return the fate of each envelope, from its checks (prefetched)."""
    return [_use(row) for row in rows]


def _use(row: ReserveEnvelope) -> ReserveUse:
    ended = [each for each in row.checks.all() if each.finding not in (Finding.INTACT, Finding.STRATUM)]
    moments = [(each.finding, Moment.from_iso(each.happened).earliest) for each in ended]
    opened = next((at for finding, at in moments if finding == Finding.OPENED), None)
    gone = min((at for _finding, at in moments), default=None)
    return ReserveUse(row.number, row.stratum, row.position, opened, gone)
