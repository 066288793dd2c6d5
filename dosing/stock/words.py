"""The sentences of refused movements, stops and identifiers: each names the bag and the reason."""

from collections.abc import Mapping
from datetime import date

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dosing.models import Bag, BagMovement
from dosing.stock.identifiers.refusals import IdentifierRefused
from dosing.stock.ledger import Impossible, Movement, MovementRefused
from dosing.stock.stops import FoundStop, Stop
from trials.reader import shown_day, shown_moment

_STOPS: Mapping[Stop, Promise] = {
    Stop.OTHER_TRIAL: gettext_lazy("Bag %(bag)s belongs to another trial."),
    Stop.NOT_IN_STOCK: gettext_lazy("Bag %(bag)s was not received: it is not in the stock."),
    Stop.OTHER_PATIENT: gettext_lazy("Bag %(bag)s was taken for another infusion, of patient %(patient)s."),
    Stop.USED_BEFORE: gettext_lazy("Bag %(bag)s was used before."),
    Stop.GONE: gettext_lazy("Bag %(bag)s is no longer in the stock: it was discarded or destroyed."),
    Stop.WRONG_PRODUCT: gettext_lazy("Bag %(bag)s does not hold what this patient receives."),
    Stop.UNRELEASED: gettext_lazy("Bag %(bag)s belongs to a lot that is not released."),
    Stop.QUARANTINED: gettext_lazy("Bag %(bag)s belongs to a lot in quarantine."),
    Stop.RECALLED: gettext_lazy("Bag %(bag)s belongs to a lot that was recalled."),
    Stop.OUT_OF_SPECIFICATION: gettext_lazy(
        "Bag %(bag)s belongs to a lot of which a result came out of specification: %(tests)s."
    ),
    Stop.EXPIRED: gettext_lazy("Bag %(bag)s expired on %(expires)s."),
    Stop.EXCURSION: gettext_lazy(
        "Bag %(bag)s had a temperature excursion, and nobody decided that it may be used."
    ),
    Stop.DONOR_UNFIT: gettext_lazy(
        "Bag %(bag)s comes from donor %(donor)s, who does not meet the donor criteria."
    ),
    Stop.OTHER_DONOR: gettext_lazy(
        "Bag %(bag)s comes from donor %(donor)s; infusion %(number)d came from donor %(other)s, and the protocol asks"
        " for the same donor."
    ),
    Stop.STOCK_SHORT: gettext_lazy(
        "Bag %(bag)s: the bags of donor %(donor)s do not cover all infusions at the lowest accepted dose."
    ),
    Stop.NOT_DUE: gettext_lazy("Bag %(bag)s: this infusion is given already, or recorded as not given."),
    Stop.NO_CONSENT: gettext_lazy(
        "Bag %(bag)s may not be used: no consent of patient %(patient)s covers the treatment."
    ),
    Stop.NOT_ELIGIBLE: gettext_lazy(
        "Bag %(bag)s may not be used: no signed decision says that patient %(patient)s is eligible."
    ),
    Stop.CLOSED_WINDOW: gettext_lazy(
        "Bag %(bag)s may not be used now: the protocol allows this infusion in the window %(window)s."
    ),
    Stop.LOW_VIABILITY: gettext_lazy(
        "Bag %(bag)s: the viability of %(viability)s %% is below the limit of %(limit)s %%."
    ),
    Stop.MUCH_DMSO: gettext_lazy(
        "Bag %(bag)s: %(dmso)s g of DMSO per kg are above the limit of %(limit)s g per kg."
    ),
    Stop.THAWED_TOO_LONG: gettext_lazy(
        "Bag %(bag)s was taken from the store %(minutes)s minutes ago: the protocol allows %(limit)s."
    ),
}

_IMPOSSIBLE: Mapping[Impossible, Promise] = {
    Impossible.NO_VOLUME: gettext_lazy("Bag %(bag)s: the volume must be above zero."),
    Impossible.BEFORE_RECEIPT: gettext_lazy(
        "Bag %(bag)s was not received yet: nothing else can happen to it."
    ),
    Impossible.BEFORE_THAW: gettext_lazy("Bag %(bag)s was not thawed: it cannot be dispensed or infused."),
    Impossible.NOT_THERE: gettext_lazy("Bag %(bag)s: nothing of it is there to be moved. It is: %(place)s."),
    Impossible.TOO_MUCH: gettext_lazy("Bag %(bag)s holds less than that: %(rest)s mL are left."),
    Impossible.NOT_WHOLE: gettext_lazy("Bag %(bag)s is moved as a whole here: %(rest)s mL."),
    Impossible.NOT_FROZEN: gettext_lazy("Bag %(bag)s is not frozen: it is not thawed."),
    Impossible.FROZEN: gettext_lazy("Bag %(bag)s is frozen: it is thawed before use."),
    Impossible.OTHER_INFUSION: gettext_lazy("Bag %(bag)s was taken for another infusion."),
    Impossible.BEFORE_LAST: gettext_lazy("Bag %(bag)s: this is before its last movement, of %(earlier)s."),
    Impossible.TWICE: gettext_lazy(
        "Bag %(bag)s: this happened already, on %(earlier)s. It happens to a bag once."
    ),
}

_IDENTIFIERS: Mapping[str, Promise] = {
    "length": gettext_lazy(
        "“%(text)s” has the wrong length. A donation number has 13 characters and its check character; a Single"
        " European Code has 40 characters."
    ),
    "form": gettext_lazy("“%(text)s” is not written as such a number is: check “%(part)s”."),
    "check": gettext_lazy("“%(text)s” has a wrong check character: scan it again."),
    "country": gettext_lazy("“%(text)s”: “%(part)s” is not a country of the European code."),
    "coding_system": gettext_lazy("“%(text)s”: “%(part)s” is not a coding system (A, B or E)."),
    "expiry": gettext_lazy("“%(text)s”: “%(part)s” is not a day of expiry."),
    "trial": gettext_lazy(
        "“%(text)s” is a label of another trial, %(part)s: do not use what carries it here."
    ),
}


def stop_words(found: FoundStop) -> str:
    """Return the sentence of a stop. Names bag, patient and donor: never for a blinded reader."""
    expires = found.facts.get("expires")
    shown = {**found.facts, "expires": shown_day(expires) if isinstance(expires, date) else ""}
    return str(_STOPS[found.stop]) % shown


def movement_words(bag: Bag, refused: MovementRefused, *, rest: int, place: str) -> str:
    """Return the sentence of a refused movement. rest: microlitres left; place: where the bag is."""
    return str(_IMPOSSIBLE[refused.reason]) % {
        "bag": bag.number,
        "place": place,
        "rest": f"{rest / 1000:g}",
        "earlier": _moment(refused.earlier, bag),
    }


def place_words(bag: Bag, account: str, place: str = "") -> str:
    """Return where a bag is: the account and, in the store, its place."""
    title = BagMovement.Account(account).label
    return _("%(account)s, %(place)s") % {"account": title, "place": place} if place else str(title)


def identifier_words(refused: IdentifierRefused) -> str:
    """Return the sentence of a refused identifier."""
    return str(_IDENTIFIERS[refused.code]) % {"text": refused.text.strip(), "part": refused.part}


def _moment(movement: Movement | None, bag: Bag) -> str:
    return str(shown_moment(movement.at, bag.trial.zone)) if movement else ""
