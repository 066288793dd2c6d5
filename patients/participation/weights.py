"""Weights of a patient with their day: from forms, and those that rooms above provide (dosing: of each infusion)."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from patients.models import Patient, Record
from patients.models.visit_forms import day_of
from protocol.document.document import Protocol
from protocol.values.parsing import decimal
from trials.reader import reader_language, shown_day, shown_number


@dataclass(frozen=True, slots=True)
class KnownWeight:
    """A weight in kg from a form or an infusion, its day, and its source as text."""

    kg: Decimal
    on: date
    source: str

    @property
    def hundredths(self) -> Decimal:
        """Return the weight with at most two decimals: further ones come from a unit conversion."""
        rounded = self.kg.quantize(Decimal("0.01"))
        return self.kg if self.kg == rounded else rounded

    @property
    def shown(self) -> str:
        """Return the weight as text."""
        return shown_number(self.hundredths)


# Yields the weights of one patient that are not in forms.
WeightProvider = Callable[[Patient], Iterable[KnownWeight]]
weight_providers: list[WeightProvider] = []


def weight_forms(rules: Protocol) -> dict[str, str]:
    """Return by form the item with a weight: that of the profile, then that from which a dose is computed."""
    paths = (rules.profile.weight, rules.dosing.weight_item if rules.dosing else None)
    return dict(path.split(".") for path in paths if path)


def captured_weights(rules: Protocol, records: Iterable[Record]) -> Iterator[KnownWeight]:
    """Yield the weights in records, those of the dosing item last. Reads record.visit; a row of a log has no day."""
    items = weight_forms(rules)
    order = list(items)
    fit = (row for row in records if row.form in items)
    for record in sorted(fit, key=lambda row: order.index(row.form)):
        kg = decimal(record.values.get(items[record.form]))
        day = day_of(record.visit) if record.visit else None
        if kg is not None and day is not None:
            title = rules.form(record.form).title.in_language(reader_language())
            yield KnownWeight(kg, day, f"{title}, {shown_day(day)}")


def weight_on(weights: Iterable[KnownWeight], day: date) -> KnownWeight | None:
    """Return the newest weight of a day or the days before it, else the first one after it; None without any.

    Of several on one day the last in the order given counts.
    """
    # Sorting keeps the order of those of one day.
    ordered = sorted(weights, key=lambda each: each.on)
    until = [each for each in ordered if each.on <= day]
    return until[-1] if until else next(iter(ordered), None)
