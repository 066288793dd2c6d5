"""Labels of bags and kits: a GS1 DataMatrix and the same number in letters, made and read back (CEL-02, CEL-18).

The label of a kit is made of the trial, the kit number, the subject code and the number of the infusion alone: it is
the same for cells and for placebo. The label of a bag names lot and expiry, and lies behind `see_treatment`.
"""

from collections.abc import Mapping
from datetime import date

from django.utils.translation import gettext as _

from dosing.models import Bag, Kit
from dosing.stock.identifiers import gs1
from dosing.stock.identifiers.data_matrix import Matrix, gs1_symbol
from dosing.stock.identifiers.refusals import IdentifierRefused
from patients.samples.label_sheet import Label
from trials.models import Trial

QUIET = 2
"""Light modules around a symbol; the standard asks for one."""


def bag_label(bag: Bag) -> Label:
    """Return the label of a bag: trial, lot, number and expiry. Reads bag.lot and bag.trial."""
    short = bag.trial.rules.trial.short_title
    values: dict[str, str | date] = {
        gs1.EXPIRY: bag.lot.expires_on,
        **_protocol(bag.trial),
        gs1.BATCH: bag.lot.number,
        gs1.SERIAL: bag.number,
    }
    lot = _("Lot %(lot)s") % {"lot": bag.lot.number}
    expiry = _("Expires on %(day)s") % {"day": f"{bag.lot.expires_on:%Y-%m-%d}"}
    return Label(bag.number, (short, lot, expiry), _symbol(values))


def kit_label(kit: Kit) -> Label:
    """Return the label of a kit, the same for every arm. Reads kit.trial, kit.patient and kit.infusion."""
    short = kit.trial.rules.trial.short_title
    infusion = _("Infusion %(number)d") % {"number": kit.infusion.number}
    values = {**_protocol(kit.trial), gs1.SERIAL: kit.number}
    return Label(kit.shown, (short, kit.patient.code, infusion), _symbol(values))


def label_values(trial: Trial, text: str) -> dict[str, str] | None:
    """Return the values of a scanned label by identifier; None if the text is no label.

    A scanner that swallows the separator behind the trial is understood. Raises IdentifierRefused for a label that
    cannot be one, and (`trial`) for one of another trial.
    """
    read = text.strip().removeprefix(gs1.SYMBOLOGY).lstrip(gs1.SEPARATOR)
    own = f"{gs1.PROTOCOL}{trial.rules.trial.id}"
    if read == text.strip() and gs1.SEPARATOR not in read and not read.startswith(own):
        return None
    if read.startswith(own) and not read.removeprefix(own).startswith(gs1.SEPARATOR):
        read = f"{own}{gs1.SEPARATOR}{read.removeprefix(own)}"
    try:
        values = gs1.elements(read)
    except IdentifierRefused as refused:
        # The sentence shows what was scanned.
        raise IdentifierRefused(refused.code, shown(text), refused.part) from refused
    named = values.get(gs1.PROTOCOL, trial.rules.trial.id)
    if named != trial.rules.trial.id:
        raise IdentifierRefused("trial", shown(text), named)
    return values


def shown(text: str) -> str:
    """Return a scan as it can be shown: without the signs that nobody sees, and cut."""
    return text.strip().replace(gs1.SEPARATOR, " ")[:80]


def _protocol(trial: Trial) -> dict[str, str]:
    number = trial.rules.trial.id
    return {gs1.PROTOCOL: number} if gs1.fits(number) else {}


def _symbol(values: Mapping[str, str | date]) -> Matrix:
    modules = gs1_symbol(gs1.element_string(values))
    width = len(modules) + 2 * QUIET
    blank = [[False] * width for _row in range(QUIET)]
    side = [False] * QUIET
    return [*blank, *([*side, *line, *side] for line in modules), *blank]
