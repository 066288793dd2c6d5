"""The balance of the stock: microlitres by account, of a trial or of each lot; zero in sum at every moment (CEL-08)."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Sum

from dosing.models import BagMovement, Infusion, Lot
from dosing.stock.ledger import Account, MovementKind
from patients.models import Patient
from trials.models import Trial

Balance = dict[Account, int]


@dataclass(frozen=True, slots=True)
class LotLine:
    """A lot with its balance in millilitres by account title, for the reconciliation."""

    lot: Lot
    balance: Balance

    @property
    def shown(self) -> list[str]:
        """Millilitres by account, in the order of the accounts but the supplier's; empty where there is nothing."""
        return [_ml(self.balance.get(account, 0)) for account in Account if account != Account.SUPPLIER]

    @property
    def received(self) -> str:
        """Millilitres that the supplier gave."""
        return _ml(-self.balance.get(Account.SUPPLIER, 0))

    @property
    def adds_up(self) -> bool:
        """True if the sum over all accounts is zero."""
        return sum(self.balance.values()) == 0


def balances_of(trial: Trial) -> dict[int, Balance]:
    """Return the microlitres in each account by key of the lot. One query, which reads an index alone."""
    moved = (
        BagMovement.objects.filter(trial=trial)
        .order_by()
        .values_list("lot", "source", "target")
        .annotate(volume=Sum("volume_ul"))
    )
    found: dict[int, Balance] = defaultdict(lambda: dict.fromkeys(Account, 0))
    for lot, source, target, volume in moved:
        found[lot][Account(source)] -= volume
        found[lot][Account(target)] += volume
    return found


def lines_of(trial: Trial, lots: Mapping[int, Lot]) -> list[LotLine]:
    """Return the lots with their balances, in the order of the lots. One query."""
    known = balances_of(trial)
    return [LotLine(lot, known.get(pk, {})) for pk, lot in lots.items()]


def recipients_of(**chain: object) -> list[tuple[Patient, list[int], list[str]]]:
    """Return who received content of some bags: patient, numbers of the infusions, lots. One query.

    chain: a condition on movements, `lot=…` or `lot__bank__donation__donor=…`. An infusion counts once it was given.
    """
    rows = (
        BagMovement.objects.filter(**chain, reversed_by=None, infusion__state=Infusion.State.GIVEN)
        .exclude(kind=MovementKind.REVERSAL)
        .select_related("patient", "infusion", "lot")
        .order_by("patient__number", "infusion__number", "pk")
    )
    found: dict[int, tuple[Patient, list[int], list[str]]] = {}
    for row in rows:
        if row.patient is None or row.infusion is None:
            continue
        _patient, numbers, lots = found.setdefault(row.patient_id, (row.patient, [], []))
        if row.infusion.number not in numbers:
            numbers.append(row.infusion.number)
        if row.lot.number not in lots:
            lots.append(row.lot.number)
    return list(found.values())


def _ml(microlitres: int) -> str:
    return f"{microlitres / 1000:g}" if microlitres else ""
