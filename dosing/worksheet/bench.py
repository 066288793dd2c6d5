"""The steps of a preparation, recorded at the bench or transcribed from paper. Hard stops hold at each use."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from dosing.allocation.kit_numbers import read_kit_number
from dosing.allocation.kits import kit_of, number_of
from dosing.infusions.schedule import refuse_out_of_order
from dosing.models import Bag, Infusion, WorksheetStep
from dosing.patient_dose import asks_weight
from dosing.stock import ledger
from dosing.stock.labels.scan import bag_scanned
from dosing.stock.ledger import Account, MovementKind
from dosing.stock.moving import HeldBag, hold, post, read_bags, undo_last
from dosing.stock.stopping import other_donor_of, stops_of_held
from dosing.stock.stops import FoundStop
from dosing.stock.use import dispense, lock_infusion, take
from dosing.stock.words import stop_words
from dosing.worksheet import give_before
from dosing.worksheet.made_product import record_product
from dosing.worksheet.overriding import overridden
from dosing.worksheet.plan import SCANNED, SIGNED, BenchStep, last, may_follow
from dosing.worksheet.sheet import BenchSheet, read_sheet, signed
from dosing.worksheet.step_values import NOW, When, cleaned, moment_of
from dosing.worksheet.treatment_stops import treatment_stops
from patients.participation.treatment.treatment_holds import refuse_treatment_held
from protocol.values.refusals import ValueRefused
from trials.holds import refuse_held
from trials.reader import shown_sentence

Kind = WorksheetStep.Kind


@transaction.atomic
def scan(*, infusion: Infusion, text: str, by: User, when: When = NOW) -> WorksheetStep:
    """Record the step that a scan completes: the order by the subject code, a bag, the label by the kit number.

    Raises ValidationError beside the field `scan` for anything else, for a bag that a hard stop blocks, and for a kit
    of another infusion; nothing is stored.
    """
    row, sheet = _held(infusion)
    if not text.strip():
        raise ValidationError({"scan": _("Scan or type a number.")})
    if BenchStep.ORDER not in sheet.done:
        values = _of_order(row, text)
        # In an open trial the number is drawn now, so that the label can be printed.
        kit_of(infusion=row, by=by)
        return _record(sheet, BenchStep.ORDER, values, by, when)
    if BenchStep.IDENTITY not in sheet.done:
        return _choose_bag(row, sheet, text, by, when)
    if sheet.next == BenchStep.LABELLED:
        return _record(sheet, BenchStep.LABELLED, _of_kit(row, text, by), by, when)
    raise ValidationError({"scan": _("Nothing is scanned at this step.")})


@transaction.atomic
def record_step(
    *, infusion: Infusion, step: BenchStep, values: Mapping[str, Any], by: User, when: When = NOW
) -> WorksheetStep:
    """Record a step with its values; thaw and dispensing move the bags in the ledger.

    values: Decimal for a number, text otherwise. Raises ValidationError by field for a value that is missing or cannot
    be, and with a sentence for every hard stop, a step out of order and a second person who has not signed.
    """
    row, sheet = _held(infusion)
    # A scan or a second person's signature completes the others: never a form without them.
    if step in SCANNED | SIGNED or not may_follow(step, sheet.done):
        raise ValidationError(_("This step is not the next one: go on from the page as it is now."))
    kept = cleaned(sheet, step, values)
    at = moment_of(sheet, when)
    if step == BenchStep.THAW_BEGUN:
        _thaw(row, sheet, at, by)
    if step == BenchStep.DISPENSED:
        _dispense(row, sheet, at, by, kept)
    made = _record(sheet, step, kept, by, when)
    if step == BenchStep.DISPENSED and not _is_late(row) and sheet.taken_at is not None:
        give_before.set_for(row, sheet.taken_at, key=_key_of(made), by=by)
    return made


@transaction.atomic
def strike_step(*, infusion: Infusion, step: BenchStep, reason: str, by: User) -> WorksheetStep:
    """Strike out the last step of a worksheet with a reason, so that it can be recorded again.

    What the step moved in the ledger is reversed. Raises ValidationError for an earlier step, a missing reason, and a
    bag that was moved since.
    """
    _row, sheet = _held(infusion)
    if last([*sheet.done]) != step:
        raise ValidationError(_("Only the last step can be struck out."))
    if not reason.strip():
        raise ValidationError({"reason": _("Say why.")})
    struck = [row for row in sheet.rows if row.kind == step][-1]
    if step in {BenchStep.THAW_BEGUN, BenchStep.DISPENSED}:
        _undo(sheet, step, reason.strip(), by)
        give_before.take_back(sheet.infusion, key=_key_of(struck))
    struck.struck_out_reason = reason.strip()
    with because(reason.strip()):
        struck.save(update_fields=["struck_out_reason"])
    return struck


@transaction.atomic
def confirm_reading(*, infusion: Infusion, key: int, by: User) -> WorksheetStep:
    """Record that a second person compared a transcribed step with the paper.

    Raises ValidationError for a step that was not transcribed or is compared already, and for the person who did it.
    """
    _row, sheet = _held(infusion)
    found = next((each for each in sheet.rows if each.pk == key), None)
    if found is None or not found.source or found.read_by is not None:
        raise ValidationError(_("There is no transcription to compare here."))
    if found.recorded_by_id == by.pk:
        raise ValidationError(_("Another person compares the transcription with the paper."))
    found.read_by, found.read_at = by, timezone.now()
    found.save(update_fields=["read_by", "read_at"])
    return found


def stops_now(sheet: BenchSheet, *, at: datetime | None = None) -> list[FoundStop]:
    """Return the stops of the next use of the chosen bags: the thaw, the dispensing, the bedside. Locks nothing.

    Stops that an investigator has overridden are left out. Ten queries and two for each bag at most.
    """
    held = read_bags([bag.pk for bag in sheet.bags])
    return found_stops(sheet, held, _step_of(sheet), at or timezone.now())


def found_stops(
    sheet: BenchSheet, held: Sequence[HeldBag], step: MovementKind, at: datetime
) -> list[FoundStop]:
    """Return the stops of bags, patient and preparation at a step that no investigator has overridden."""
    row, accepted = sheet.infusion, overridden(sheet.infusion)
    donor = other_donor_of(row)
    day = row.patient.trial.day_of(at)
    found: list[FoundStop] = []
    if held:
        found = treatment_stops(
            row,
            bags=sheet.bag_words,
            at=at,
            viability=sheet.viability,
            dmso=sheet.dmso(at),
            taken=sheet.taken_at,
        )
    for each in held:
        kind = MovementKind.TAKING if step == MovementKind.THAW and not each.bag.lot.is_frozen else step
        found += stops_of_held(each, row, kind, donor, day)
    return [each for each in found if each.stop not in accepted or each.impossible]


def refuse_stops(found: Sequence[FoundStop], field: str = "") -> None:
    """Raise ValidationError with the sentence of every stop, beside a field if one is named."""
    if found:
        errors = [ValidationError(stop_words(each), code=each.stop) for each in found]
        raise ValidationError({field: errors} if field else errors)


def refuse_held_treatment(row: Infusion) -> None:
    """Raise ValidationError while the trial, or the treatment of the patient, is on hold. One query."""
    refuse_held(row.patient.trial)
    refuse_treatment_held(row.patient)


def _held(infusion: Infusion) -> tuple[Infusion, BenchSheet]:
    row = lock_infusion(infusion)
    if row.state == Infusion.State.NOT_GIVEN:
        raise ValidationError(_("This infusion was not given: nothing is prepared for it."))
    return row, read_sheet(row)


def _is_late(row: Infusion) -> bool:
    """Return True if the infusion was given already: what happened is recorded, whatever would stop it."""
    return row.state == Infusion.State.GIVEN


def _of_order(row: Infusion, text: str) -> dict[str, str]:
    code = row.patient.code
    if text.strip().casefold() != code.casefold():
        raise ValidationError(
            {
                "scan": _("“%(typed)s” is not the patient of this order, %(patient)s. Stop here.")
                % {"typed": text.strip()[:40], "patient": code}
            }
        )
    return {"subject": code}


def _of_kit(row: Infusion, text: str, by: User) -> dict[str, str]:
    kit = kit_of(infusion=row, by=by)
    try:
        typed = number_of(row.patient.trial, text).strip()
        number = kit.number if typed.upper() == kit.number else read_kit_number(typed)
    except ValueRefused as refused:
        raise ValidationError({"scan": shown_sentence(refused)}) from refused
    if number != kit.number:
        raise ValidationError(
            {
                "scan": _("Kit %(kit)s is not the kit of this infusion: it is %(right)s.")
                % {"kit": typed[:20], "right": kit.shown}
            }
        )
    return {"kit": kit.shown}


def _choose_bag(row: Infusion, sheet: BenchSheet, text: str, by: User, when: When) -> WorksheetStep:
    bag = bag_scanned(row.patient.trial, text)
    if bag.pk in {each.pk for each in sheet.bags}:
        raise ValidationError({"scan": _("Bag %(bag)s is chosen already.") % {"bag": bag.number}})
    (held,) = hold([bag])
    donor = other_donor_of(row) or _donor_of_chosen(row, sheet)
    kind = MovementKind.THAW if held.bag.lot.is_frozen else MovementKind.TAKING
    day = (when.at or timezone.now()).astimezone(row.patient.trial.zone).date()
    found = stops_of_held(held, row, kind, donor, day)
    accepted = overridden(row)
    late = _is_late(row)
    refuse_stops(
        [each for each in found if each.impossible or not (late or each.stop in accepted)], field="scan"
    )
    return _record(sheet, BenchStep.BAG, {"bag": bag.number, "lot": bag.lot.number}, by, when, bag=bag)


def _donor_of_chosen(row: Infusion, sheet: BenchSheet) -> tuple[int, str] | None:
    dosing = row.patient.protocol.rules.dosing
    if dosing is None or not dosing.same_donor:
        return None
    donors = [bag.lot.bank.donation.donor.code for bag in sheet.bags if bag.lot.bank]
    return (row.number, donors[0]) if donors else None


def _thaw(row: Infusion, sheet: BenchSheet, at: datetime, by: User) -> None:
    step = sheet.step(BenchStep.IDENTITY)
    if step is None or step.pk not in signed([step]):
        raise ValidationError(
            _("A second person identifies order and bags with a signature before the thaw.")
        )
    if step.values.get("bags") != [bag.number for bag in sheet.bags]:
        raise ValidationError(_("The bags are not those that the second person has signed for."))
    late = _is_late(row)
    if not late:
        refuse_held_treatment(row)
        refuse_out_of_order(row)
        if asks_weight(row) and row.weight_kg is None:
            raise ValidationError(
                _("The weight of the day is not recorded yet: the dose needs it. Ask the ward.")
            )
    held = hold(sheet.bags)
    if not late:
        refuse_stops(found_stops(sheet, held, MovementKind.THAW, at))
    accepted, donor = overridden(row), other_donor_of(row)
    for each in held:
        if ledger.infusion_of(each.movements) != row.pk:
            take(each, row, at=at, by=by, overriding=accepted, donor=donor, late=late)


def _dispense(row: Infusion, sheet: BenchSheet, at: datetime, by: User, kept: Mapping[str, Any]) -> None:
    handed_to = kept["handed_to"]
    step = sheet.step(BenchStep.CHECK)
    if step is None or step.pk not in signed([step]):
        raise ValidationError(_("A second person checks the product with a signature before it leaves."))
    held = hold(sheet.bags)
    if _is_late(row):
        for each in held:
            post(
                each,
                kind=MovementKind.DISPENSING,
                source=Account.BENCH,
                at=at,
                by=by,
                infusion=row,
                carrier=handed_to,
                late=True,
            )
        return
    refuse_held_treatment(row)
    refuse_stops(found_stops(sheet, held, MovementKind.DISPENSING, at))
    record_product(sheet, by, kept.get("dose_reason", ""))
    dispense(bags=sheet.bags, infusion=row, at=at, by=by, handed_to=handed_to, overriding=overridden(row))


def _key_of(step: WorksheetStep) -> str:
    return f"worksheet:{step.pk}"


def _step_of(sheet: BenchSheet) -> MovementKind:
    if BenchStep.DISPENSED in sheet.done:
        return MovementKind.INFUSION
    return MovementKind.DISPENSING if BenchStep.THAW_BEGUN in sheet.done else MovementKind.THAW


def _undo(sheet: BenchSheet, step: BenchStep, reason: str, by: User) -> None:
    kinds = {MovementKind.DISPENSING}
    if step == BenchStep.THAW_BEGUN:
        kinds = {MovementKind.THAW, MovementKind.TAKING}
    for held in hold(sheet.bags):
        last = ledger.reversible(held.movements)
        if last is None or last.kind not in kinds or last.infusion != sheet.infusion.pk:
            raise ValidationError(
                _("Bag %(bag)s was moved since: correct it in the stock first.") % {"bag": held.bag.number}
            )
        undo_last(held, reason, by)


def _record(
    sheet: BenchSheet, step: BenchStep, values: dict[str, Any], by: User, when: When, bag: Bag | None = None
) -> WorksheetStep:
    at = moment_of(sheet, when)
    return WorksheetStep.objects.create(
        infusion=sheet.infusion,
        patient=sheet.infusion.patient,
        kind=step.value,
        bag=bag,
        at=at,
        values=values,
        recorded_by=by,
        source=when.source.strip(),
        written_at=when.written_at if when.source.strip() else None,
    )
