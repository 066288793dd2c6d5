"""The kit at the bedside: scanned, compared with patient and order, signed by a second person (CEL-13).

In a masked trial the ward learns only whether the kit may be given; which bag and why is told on the worksheet.
"""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit import signatures
from audit.models import Meaning
from audit.restricted_reads import RestrictedReads, collected
from dosing.allocation.kits import find_kit
from dosing.models import Infusion, Kit, KitCheck
from dosing.stock.ledger import MovementKind
from dosing.stock.moving import read_bags
from dosing.stock.stops import FoundStop
from dosing.stock.use import lock_infusion
from dosing.stock.words import stop_words
from dosing.worksheet.bench import found_stops, refuse_held_treatment
from dosing.worksheet.dispensed import is_dispensed, signed_by_second
from dosing.worksheet.identity import compared
from dosing.worksheet.sheet import read_sheet
from protocol.values.refusals import ValueRefused
from trials.reader import shown_sentence


@transaction.atomic
def check_kit(
    *, infusion: Infusion, scanned: str, subject: str, second: str, by: User, sees_identity: bool
) -> KitCheck:
    """Record that a kit at the bedside is the one of this patient's infusion, and may be given.

    scanned: the kit number. subject, second: two identifiers of the patient. Raises ValidationError by field for what
    does not fit, and for every hard stop: in a masked trial always with the same sentence. Nothing is stored then.
    """
    row = lock_infusion(infusion)
    if row.state != Infusion.State.PLANNED:
        raise ValidationError(_("This infusion is already recorded: nothing is compared any more."))
    refuse_held_treatment(row)
    found = compared(row.patient, subject=subject, second=second, sees_identity=sees_identity)
    kit = _kit(row, scanned)
    refused = _refusals(row, kit)
    if refused or kit is None:
        raise ValidationError({"scan": refused})
    return KitCheck.objects.create(
        infusion=row, patient=row.patient, kit=kit.shown, second_identifier=found.value, checked_by=by
    )


@transaction.atomic
def sign_check(*, infusion: Infusion, password: str, by: User) -> KitCheck:
    """Sign the newest comparison of an infusion, as a second person.

    Raises ValidationError for the person who compared, a comparison that is signed already, a kit that a hard stop
    blocks by now, and what a signature refuses.
    """
    row = lock_infusion(infusion)
    check = KitCheck.objects.filter(infusion=row).order_by("-pk").first()
    if check is None or signed_by_second(KitCheck._meta.label_lower, check.pk):
        raise ValidationError(_("Nothing waits for a second person here."))
    if check.checked_by_id == by.pk:
        raise ValidationError(_("Another person signs: you have compared the kit yourself."))
    if row.state != Infusion.State.PLANNED:
        raise ValidationError(_("This infusion is already recorded: nothing is compared any more."))
    refuse_held_treatment(row)
    # Asked again: a lot may have been recalled since the first person compared.
    if refused := _refusals(row, Kit.objects.filter(infusion=row).first()):
        raise ValidationError(refused)
    zone = row.patient.trial.rules.trial.site.time_zone
    signatures.sign(target=check, meaning=Meaning.REVIEW, password=password, by=by, zone=zone)
    return check


def kit_refused() -> str:
    """Return the one sentence that the ward of a masked trial reads for every stop of a product."""
    return _("This kit may not be given: call the cell laboratory.")


def _kit(row: Infusion, scanned: str) -> Kit | None:
    if not scanned.strip():
        raise ValidationError({"scan": _("Scan the kit number.")})
    try:
        return find_kit(trial=row.patient.trial, typed=scanned)
    except ValueRefused as refused:
        raise ValidationError({"scan": shown_sentence(refused)}) from refused


def _refusals(row: Infusion, kit: Kit | None) -> list[str]:
    """Return why a kit may not be given, in words for the ward. The same queries whatever is found."""
    masked = row.patient.trial.masked
    stops = _stops(row)
    mine, dispensed = kit is not None and kit.infusion_id == row.pk, is_dispensed(row)
    if masked:
        return [] if mine and dispensed and not stops else [kit_refused()]
    if not mine:
        return [_("This is not the kit of this infusion: do not give it, and call the cell laboratory.")]
    if not dispensed:
        return [_("No product was dispensed under this kit number: call the cell laboratory.")]
    return [stop_words(each) for each in stops]


def _stops(row: Infusion) -> list[FoundStop]:
    # The ward is shown none of the rows that decide: they are not read for it (`trials.blinding.treatment_reads`).
    with collected(RestrictedReads()):
        sheet = read_sheet(row)
        held = read_bags([bag.pk for bag in sheet.bags])
        return found_stops(sheet, held, MovementKind.INFUSION, timezone.now())
