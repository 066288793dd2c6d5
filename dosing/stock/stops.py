"""Why a bag may not be thawed, dispensed or infused for a patient: the hard stops of the product (CEL-06, CEL-13).

A pure list over facts: thawing, dispensing and the bedside read the same one. No Django.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum


class Stop(StrEnum):
    """A reason that blocks the use of a bag for an infusion."""

    OTHER_TRIAL = "other_trial"
    NOT_IN_STOCK = "not_in_stock"
    OTHER_PATIENT = "other_patient"
    USED_BEFORE = "used_before"
    GONE = "gone"
    WRONG_PRODUCT = "wrong_product"
    UNRELEASED = "unreleased"
    QUARANTINED = "quarantined"
    RECALLED = "recalled"
    OUT_OF_SPECIFICATION = "out_of_specification"
    EXPIRED = "expired"
    EXCURSION = "excursion"
    DONOR_UNFIT = "donor_unfit"
    OTHER_DONOR = "other_donor"
    STOCK_SHORT = "stock_short"
    NOT_DUE = "not_due"
    NO_CONSENT = "no_consent"
    NOT_ELIGIBLE = "not_eligible"
    CLOSED_WINDOW = "closed_window"
    LOW_VIABILITY = "low_viability"
    MUCH_DMSO = "much_dmso"
    THAWED_TOO_LONG = "thawed_too_long"


IMPOSSIBLE = frozenset({Stop.OTHER_TRIAL, Stop.NOT_IN_STOCK, Stop.OTHER_PATIENT, Stop.USED_BEFORE, Stop.GONE})
"""What cannot have happened, so that it is never recorded; the others may have happened and are deviations then."""


@dataclass(frozen=True, slots=True)
class BagFacts:
    """The facts of a bag at the moment of use. `infusion` and `patient`: whom it was thawed or taken for.

    status: of its lot: `waiting`, `released`, `conditional`, `quarantined` or `recalled`. donor: code, empty
    for a product without cells. failed: titles of the tests of its lot whose newest result fails, also after a
    release. at_hand: its content is where the step takes it from. excursion: a temperature excursion that
    nobody accepted. gone: wasted, destroyed or infused.
    """

    trial: int
    number: str
    cells: bool
    status: str
    expires: date | None
    donor: str = ""
    donor_fit: bool = True
    received: bool = True
    infusion: int | None = None
    patient: str = ""
    used: bool = False
    gone: bool = False
    excursion: bool = False
    failed: str = ""


@dataclass(frozen=True, slots=True)
class IntendedInfusion:
    """The intended infusion: whether the patient's arm receives cells, and the donor of the other infusions.

    donor: empty if the protocol accepts any. covered: the stock of the bag's donor suffices for every infusion.
    day: at the site. planned: it is neither given nor marked as not given.
    """

    trial: int
    key: int
    cells: bool | None
    day: date
    donor: str = ""
    donor_infusion: int | None = None
    covered: bool = True
    planned: bool = True


@dataclass(frozen=True, slots=True)
class FoundStop:
    """A stop with the facts that its sentence names."""

    stop: Stop
    facts: dict[str, object] = field(default_factory=dict)

    @property
    def impossible(self) -> bool:
        """True if the use cannot have happened either."""
        return self.stop in IMPOSSIBLE


OVERRIDABLE: Mapping[str, Stop] = {
    "another_donor": Stop.OTHER_DONOR,
    "closed_window": Stop.CLOSED_WINDOW,
    "expired": Stop.EXPIRED,
    "temperature_excursion": Stop.EXCURSION,
    "viability": Stop.LOW_VIABILITY,
}
"""The stops that a protocol may let an investigator override, by their word in `[dosing] overrides`."""
USABLE = frozenset({"released", "conditional"})
_OF_STATUS = {"quarantined": Stop.QUARANTINED, "recalled": Stop.RECALLED}


def stops(bag: BagFacts, infusion: IntendedInfusion) -> list[FoundStop]:
    """Return every reason why the bag may not be used for the infusion, the gravest first; empty if it may."""
    return [
        FoundStop(stop, {"bag": bag.number, **facts})
        for stop, applies, facts in (
            (Stop.OTHER_TRIAL, bag.trial != infusion.trial, {}),
            (Stop.NOT_IN_STOCK, not bag.received, {}),
            (Stop.OTHER_PATIENT, bag.infusion not in (None, infusion.key), {"patient": bag.patient}),
            (Stop.USED_BEFORE, bag.used, {}),
            (Stop.GONE, bag.gone, {}),
            (Stop.WRONG_PRODUCT, infusion.cells is None or bag.cells != infusion.cells, {}),
            (_OF_STATUS.get(bag.status, Stop.UNRELEASED), bag.status not in USABLE, {}),
            (Stop.OUT_OF_SPECIFICATION, bag.status in USABLE and bool(bag.failed), {"tests": bag.failed}),
            (Stop.EXPIRED, bag.expires is not None and bag.expires < infusion.day, {"expires": bag.expires}),
            (Stop.EXCURSION, bag.excursion, {}),
            (Stop.DONOR_UNFIT, bag.cells and not bag.donor_fit, {"donor": bag.donor}),
            (
                Stop.OTHER_DONOR,
                bool(infusion.donor) and bag.donor.casefold() != infusion.donor.casefold(),
                {"donor": bag.donor, "other": infusion.donor, "number": infusion.donor_infusion},
            ),
            (Stop.STOCK_SHORT, not infusion.covered, {"donor": bag.donor}),
            (Stop.NOT_DUE, not infusion.planned, {}),
        )
        if applies
    ]


@dataclass(frozen=True, slots=True)
class TreatmentFacts:
    """The facts of the patient and of the preparation at the moment of use; the same questions in every arm.

    consent: one covers the treatment now. eligible: a signed decision on eligibility holds. in_window: the protocol
    allows the infusion now, between `opens` and `closes` (as text). viability: measured after the thaw, in per cent;
    lowest_viability: the limit of the protocol. dmso, most_dmso: g per kg. minutes, most_minutes: since the bags were
    taken from the store, a step of every arm. None: not measured, or no limit.
    """

    patient: str
    consent: bool
    eligible: bool
    in_window: bool
    opens: str = ""
    viability: Decimal | None = None
    lowest_viability: Decimal | None = None
    dmso: Decimal | None = None
    most_dmso: Decimal | None = None
    minutes: Decimal | None = None
    most_minutes: Decimal | None = None


def stops_of_treatment(bags: str, facts: TreatmentFacts) -> list[FoundStop]:
    """Return every reason in patient and preparation why bags may not be used. bags: their numbers as text."""
    value, lowest = facts.viability, facts.lowest_viability
    return [
        FoundStop(stop, {"bag": bags, "patient": facts.patient, **named})
        for stop, applies, named in (
            (Stop.NO_CONSENT, not facts.consent, {}),
            (Stop.NOT_ELIGIBLE, not facts.eligible, {}),
            (Stop.CLOSED_WINDOW, not facts.in_window, {"window": facts.opens}),
            (
                Stop.LOW_VIABILITY,
                value is not None and lowest is not None and value < lowest,
                {"viability": value, "limit": lowest},
            ),
            (
                Stop.MUCH_DMSO,
                _above(facts.dmso, facts.most_dmso),
                {"dmso": _short(facts.dmso), "limit": facts.most_dmso},
            ),
            (
                Stop.THAWED_TOO_LONG,
                _above(facts.minutes, facts.most_minutes),
                {"minutes": _short(facts.minutes, Decimal(1)), "limit": facts.most_minutes},
            ),
        )
        if applies
    ]


def _above(value: Decimal | None, most: Decimal | None) -> bool:
    return value is not None and most is not None and value > most


def _short(value: Decimal | None, step: Decimal = Decimal("0.001")) -> Decimal | None:
    """Return a value for its sentence, rounded up: it is never shown at the limit that it misses."""
    return None if value is None else value.quantize(step, rounding=ROUND_CEILING)
