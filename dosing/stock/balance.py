"""The balance of the stock: microlitres by account, of a trial or of each lot; zero in sum at every moment (CEL-08)."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Sum

from audit.restricted_reads import note
from dosing.models import BagMovement, Infusion, Lot
from dosing.stock.ledger import Account, MovementKind
from patients.models import Patient
from trials.models import Trial
from trials.permissions import Permission

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
    """Return who received content of some bags: patient, numbers of the infusions, lots. Two queries.

    chain: a condition on movements, `lot=…` or `lot__bank__donation__donor=…`. An infusion counts once it was given.
    """
    rows = (
        BagMovement.objects.filter(**chain, reversed_by=None, infusion__state=Infusion.State.GIVEN)
        .exclude(kind=MovementKind.REVERSAL)
        .order_by("patient__number", "infusion__number", "pk")
        # Columns, not objects: a donor may have hundreds of recipients, each with several movements.
        .values_list("patient", "infusion__number", "lot__number")
    )
    received: dict[int, tuple[dict[int, None], dict[str, None]]] = {}
    for patient, number, lot in rows:
        numbers, lots = received.setdefault(patient, ({}, {}))
        numbers[number] = lots[lot] = None
        note(Permission.SEE_TREATMENT, patient)
    patients = Patient.objects.in_bulk(list(received))
    return [(patients[pk], list(numbers), list(lots)) for pk, (numbers, lots) in received.items()]


def _ml(microlitres: int) -> str:
    return f"{microlitres / 1000:g}" if microlitres else ""
