"""Titles of the rows of the product chain in the audit trail; read only by those who may know the treatment."""

from typing import Any

from django.utils.translation import gettext as _

from audit.trail_reading.change_labels import Reader
from audit.trail_reading.row_titles import TitleMaker
from dosing.models import Bag, BagMovement, Donor, DonorDecision, ExceptionalStep, Lot, LotDecision


def _of_lot(row: Any, reader: Reader) -> str:
    lot = reader.find(Lot, row.lot_id)
    return lot.number if lot else ""


def _result(row: Any, reader: Reader) -> str:
    return _("Result %(test)s of lot %(lot)s") % {"test": row.test, "lot": _of_lot(row, reader)}


def _decision(row: Any, reader: Reader) -> str:
    kind = LotDecision.Kind(row.kind).label
    return _("%(decision)s: lot %(lot)s") % {"decision": kind, "lot": _of_lot(row, reader)}


def _certificate(row: Any, reader: Reader) -> str:
    return _("Certificate %(title)s of lot %(lot)s") % {"title": row.title, "lot": _of_lot(row, reader)}


def _exceptional(row: Any, reader: Reader) -> str:
    kind = ExceptionalStep.Kind(row.kind).label
    return _("%(step)s: lot %(lot)s") % {"step": kind, "lot": _of_lot(row, reader)}


def _of_donor(row: Any, reader: Reader) -> str:
    donor = reader.find(Donor, row.donor_id)
    kind = DonorDecision.Kind(row.kind).label
    return _("%(decision)s: donor %(donor)s") % {"decision": kind, "donor": donor.code if donor else ""}


def _movement(row: Any, reader: Reader) -> str:
    bag = reader.find(Bag, row.bag_id)
    kind = BagMovement.Kind(row.kind).label
    return _("%(movement)s: bag %(bag)s") % {"movement": kind, "bag": bag.number if bag else ""}


TITLES: dict[str, TitleMaker] = {
    "dosing.donor": lambda row, reader: _("Donor %(donor)s") % {"donor": row.code},
    "dosing.donation": lambda row, reader: _("Donation %(number)s") % {"number": row.identification},
    "dosing.cellbank": lambda row, reader: _("Cell bank %(code)s") % {"code": row.code},
    "dosing.lot": lambda row, reader: _("Lot %(lot)s") % {"lot": row.number},
    "dosing.lotresult": _result,
    "dosing.lotdecision": _decision,
    "dosing.lotcertificate": _certificate,
    "dosing.exceptionalstep": _exceptional,
    "dosing.donordecision": _of_donor,
    "dosing.bag": lambda row, reader: _("Bag %(bag)s") % {"bag": row.number},
    "dosing.bagmovement": _movement,
}
