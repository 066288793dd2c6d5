"""The meaning of a scan or a typed number: a scanner is a keyboard, so one field takes it anywhere in the chain."""

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from dosing.allocation.kit_numbers import read_kit_number
from dosing.models import Bag, Donation, Donor, Kit, Lot
from dosing.stock.identifiers import european_code, gs1, isbt128
from dosing.stock.identifiers.refusals import IdentifierRefused
from dosing.stock.labels.printed_labels import label_values, shown
from dosing.stock.words import identifier_words
from protocol.values.refusals import ValueRefused
from trials.models import Trial
from trials.reader import shown_sentence

Row = Bag | Lot | Donation | Donor | Kit
_WRITTEN_KIT = re.compile(r"[A-Za-z0-9]{3}-[A-Za-z0-9]{4}")


def scanned(trial: Trial, text: str) -> Row:
    """Return the bag, lot, donation, donor or kit that a scan or a typed number names, in one trial.

    Read are: the GS1 element string of a label, a Single European Code, a donation number by ISBT 128, and the numbers
    as people write them. Raises ValidationError with a sentence for a wrong check character, a label of another trial,
    and a number that nothing in this trial has. Product data: never for a blinded reader. At most seven queries.
    """
    typed = text.strip()
    if not typed:
        raise ValidationError({"scan": _("Scan or type a number.")})
    try:
        row = _by_code(trial, typed) or _by_number(trial, typed)
    except IdentifierRefused as refused:
        raise ValidationError({"scan": identifier_words(refused)}) from refused
    except ValueRefused as refused:
        raise ValidationError({"scan": shown_sentence(refused)}) from refused
    if row is None:
        raise ValidationError(
            {"scan": _("“%(text)s” is not in the stock of this trial.") % {"text": shown(typed)}}
        )
    return row


def bag_scanned(trial: Trial, text: str) -> Bag:
    """Return the bag that a scan names. Raises ValidationError as `scanned` does, and for anything but a bag."""
    row = scanned(trial, text)
    if not isinstance(row, Bag):
        raise ValidationError(
            {"scan": _("“%(text)s” is not a bag: scan the label of the bag.") % {"text": shown(text)}}
        )
    return row


def bags_scanned(trial: Trial, text: str) -> list[Bag]:
    """Return the bags of several scans in one field, each once, in order.

    Between scans stands a comma, a semicolon or a line break. Raises ValidationError with every sentence.
    """
    found: dict[int, Bag] = {}
    wrong: list[str] = []
    for part in filter(None, (each.strip() for each in re.split(r"[,;\n]", text))):
        try:
            bag = bag_scanned(trial, part)
        except ValidationError as refused:
            wrong += refused.messages
        else:
            found[bag.pk] = bag
    if wrong:
        raise ValidationError({"scan": wrong})
    return list(found.values())


def _by_code(trial: Trial, text: str) -> Row | None:
    """Return the row that a code of a standard names; None if the text is no such code or nothing has it.

    Raises IdentifierRefused for a code of a standard that is wrong.
    """
    values = label_values(trial, text)
    if values is not None:
        return _by_label(trial, values)
    closed = "".join(text.split()).replace("-", "")
    if len(closed) == european_code.LENGTH:
        code = european_code.european_code(text)
        bag = Bag.objects.filter(trial=trial, european_code=code.text).first()
        return bag or _donation(trial, code.donation_sequence)
    if text.startswith("="):
        return _donation(trial, isbt128.donation_number(text).text)
    return None


def _by_label(trial: Trial, values: dict[str, str]) -> Row | None:
    serial = values.get(gs1.SERIAL)
    if serial and gs1.BATCH in values:
        return _bag(trial, serial)
    if serial:
        return _kit(trial, serial) or _bag(trial, serial)
    return _lot(trial, values.get(gs1.BATCH, ""))


def _by_number(trial: Trial, text: str) -> Row | None:
    found: Row | None = _bag(trial, text) or _lot(trial, text) or _donation(trial, text)
    found = found or Donor.objects.filter(trial=trial, code__iexact=text).first() or _kit(trial, text)
    if found is None and _WRITTEN_KIT.fullmatch(text):
        # A wrong check sign is said, not that nothing has the number.
        read_kit_number(text)
    if found is not None or not _looks_like_a_donation_number(text):
        return found
    # Typed with its check character: a wrong one is said, not that nothing has the number.
    return _donation(trial, isbt128.donation_number(text).text)


def _looks_like_a_donation_number(text: str) -> bool:
    closed = "".join(text.split()).replace("-", "")
    return len(closed) in {14, 16} and closed[5:13].isdigit() and closed.isascii()


def _bag(trial: Trial, number: str) -> Bag | None:
    return Bag.objects.filter(trial=trial, number__iexact=number).select_related("lot", "trial").first()


def _lot(trial: Trial, number: str) -> Lot | None:
    return Lot.objects.filter(trial=trial, number__iexact=number).first()


def _kit(trial: Trial, number: str) -> Kit | None:
    """Return the kit with a number, written with or without its hyphen, as an uploaded list wrote it or as drawn."""
    exact = number.strip().upper()
    numbers = {exact, exact.replace("-", "").replace(" ", "")}
    rows = Kit.objects.filter(trial=trial, number__in=numbers)
    return rows.select_related("patient", "infusion", "trial").first()


def _donation(trial: Trial, number: str) -> Donation | None:
    return Donation.objects.filter(trial=trial, identification__iexact=number).select_related("donor").first()
