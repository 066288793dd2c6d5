"""Receive bags into the stock: each under its own number, with place, shipper and temperature logger (CEL-07)."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NotRequired, TypedDict

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from dosing.models import Bag, Lot
from dosing.stock.identifiers import gs1
from dosing.stock.identifiers.european_code import SCHEME, european_code
from dosing.stock.identifiers.refusals import IdentifierRefused
from dosing.stock.ledger import Account, MovementKind
from dosing.stock.moving import HeldBag, post
from dosing.stock.words import identifier_words
from trials.reader import shown_day

MOST_BAGS = 500


class NewBag(TypedDict):
    """A bag that arrives. Without volume (microlitres) and cells those of the lot hold."""

    number: str
    european_code: NotRequired[str]
    volume_ul: NotRequired[int | None]
    cells: NotRequired[Decimal | None]


@transaction.atomic
def receive(
    *,
    lot: Lot,
    bags: Sequence[NewBag],
    place: str,
    at: datetime,
    by: User,
    carrier: str = "",
    logger: str = "",
    note: str = "",
) -> list[Bag]:
    """Receive bags of a lot into a storage place, all or none.

    Raises ValidationError without bags or a place, for a number that no label can hold or that the stock has already,
    a Single European Code that cannot be one or expires on another day than the lot, and a moment to come.
    """
    row = Lot.objects.select_for_update(of=("self",)).select_related("trial__protocol").get(pk=lot.pk)
    if not place.strip():
        raise ValidationError({"place": _("Enter the storage place.")})
    if not bags or len(bags) > MOST_BAGS:
        raise ValidationError({"bags": _("Enter the numbers of the bags: at most %d at once.") % MOST_BAGS})
    if row.manufactured_on > row.trial.day_of(at):
        raise ValidationError({"at": _("The lot was manufactured after this day.")})
    facts: dict[str, Any] = {"carrier": carrier.strip(), "logger": logger.strip(), "note": note.strip()}
    made = []
    for new in bags:
        bag = _bag(row, new, by)
        post(
            HeldBag(bag),
            kind=MovementKind.RECEIPT,
            source=Account.SUPPLIER,
            at=at,
            by=by,
            place=place.strip(),
            **facts,
        )
        made.append(bag)
    return made


def _bag(lot: Lot, new: NewBag, by: User) -> Bag:
    """Store a new bag of a lot. Raises ValidationError with a sentence that names it."""
    number, volume = new["number"].strip(), new.get("volume_ul")
    if not gs1.fits(number):
        text = _("“%(bag)s” is no number of a bag: at most 20 letters, digits and signs, without blanks.")
        raise ValidationError({"bags": text % {"bag": number}})
    code = _european_code(lot, number, new.get("european_code", ""))
    cells: Any = new.get("cells")
    bag = Bag(
        trial=lot.trial,
        lot=lot,
        number=number,
        european_code=code,
        scheme=SCHEME if code else "",
        cells=cells if cells is not None else lot.cells_per_bag,
        volume_ul=volume if volume is not None else lot.volume_ul,
        recorded_by=by,
    )
    if Bag.objects.filter(trial=lot.trial, number__iexact=number).exists():
        raise ValidationError({"bags": _("Bag %(bag)s is in the stock already.") % {"bag": number}})
    bag.validate_constraints()
    bag.save()
    return bag


def _european_code(lot: Lot, number: str, text: str) -> str:
    if not text.strip():
        return ""
    try:
        code = european_code(text)
    except IdentifierRefused as refused:
        raise ValidationError({"bags": identifier_words(refused)}) from refused
    if code.expires is not None and code.expires != lot.expires_on:
        text = _("Bag %(bag)s: its code expires on %(code)s, the lot on %(lot)s.")
        days = {"code": shown_day(code.expires), "lot": shown_day(lot.expires_on)}
        raise ValidationError({"bags": text % {"bag": number, **days}})
    return code.text
