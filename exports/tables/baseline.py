"""Which captured form holds the baseline of an item: its last value before an infusion started (`[baseline]`)."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

from dosing.models import Infusion
from exports.selection import ChosenRows
from exports.tables.choosing import records
from patients.models import Record
from protocol.document.analysis import BaselinePlan
from protocol.values.labels import is_missing
from protocol.values.moments import Moment
from trials.models import ProtocolVersion, Trial


@dataclass(frozen=True, slots=True)
class Start:
    """When an infusion started: the day at the site, and the instant."""

    day: date
    at: datetime


class Baselines:
    """Baselines of a trial by the newest version that defines them, among the forms that an export holds.

    The starts of the infusions are read once, on first use; the forms before them once for each form.
    """

    def __init__(self, trial: Trial, versions: list[ProtocolVersion], selection: ChosenRows) -> None:
        self.trial, self.selection = trial, selection
        plans = [version.rules.baseline for version in versions if version.rules.baseline]
        self.plan: BaselinePlan | None = plans[-1] if plans else None

    @cached_property
    def _starts(self) -> dict[int, Start]:
        return self._given

    @cached_property
    def _given(self) -> dict[int, Start]:
        if self.plan is None:
            return {}
        rows = Infusion.objects.filter(
            patient__trial=self.trial, number=self.plan.before_infusion, started_at__isnull=False
        )
        return {
            patient: Start(at.astimezone(self.trial.zone).date(), at)
            for patient, at in rows.values_list("patient_id", "started_at")
        }

    def of_form(self, form: str) -> dict[int, str]:
        """Return the items whose baseline a record holds, separated by blanks, by the key of the record.

        A value that is missing is no baseline; nor is one of a form that was entered in error, or the moment itself.
        """
        if self.plan is None or not self._starts:
            return {}
        moment = moment_item(self.plan, form)
        last: dict[tuple[int, str], tuple[tuple[Any, ...], int]] = {}
        for pk, patient, held_on, number, values in self._before(form):
            taken = taken_at(self.plan, form, values, held_on)
            if taken is None or not is_before(
                taken, self._starts[patient], same_day=self._same_day(self.plan, form)
            ):
                continue
            order = (*taken.order, number, pk)
            for item, value in values.items():
                if item == moment or value in (None, "", [], {}) or is_missing(value):
                    continue
                if (known := last.get((patient, item))) is None or known[0] < order:
                    last[patient, item] = order, pk
        items: dict[int, list[str]] = {}
        for (_patient, item), (_order, pk) in sorted(last.items(), key=lambda each: each[0]):
            items.setdefault(pk, []).append(item)
        return {pk: " ".join(names) for pk, names in items.items()}

    def _same_day(self, plan: BaselinePlan, form: str) -> bool:
        """Return whether a value of the form that is known to the day counts on the day of the infusion."""
        return plan.same_day

    def _before(self, form: str) -> Any:
        """Yield the records of visits held up to the day of the infusion: few of all that a study has."""
        rows = Record.objects.filter(
            patient__trial=self.trial,
            form=form,
            visit__held_on__lte=max(each.day for each in self._starts.values()),
        ).exclude(state=Record.State.STRUCK_OUT)
        columns = ("pk", "patient_id", "visit__held_on", "visit__position", "values")
        for row in records(rows, self.selection).values_list(*columns).iterator(chunk_size=200):
            start = self._starts.get(row[1])
            if start is not None and row[2] <= start.day:
                yield row


@dataclass(frozen=True, slots=True)
class Taken:
    """When a value was taken: the day at the site, and the instant if it is known."""

    day: date
    at: datetime | None = None

    @property
    def order(self) -> tuple[Any, ...]:
        """Return what the last of several values is found by. Of one day a value with a time comes last."""
        return self.day, self.at is not None, self.at.timestamp() if self.at else 0.0


def moment_item(plan: BaselinePlan, form: str) -> str:
    """Return the item that tells when the values of a form were taken; empty if it has none."""
    return next((path.partition(".")[2] for path in plan.moments if path.partition(".")[0] == form), "")


def taken_at(plan: BaselinePlan, form: str, values: dict[str, Any], held_on: date) -> Taken | None:
    """Return when the values of a form were taken: by its own item, else on the day of the visit.

    None if the item is known to the month or the year only.
    """
    stored = values.get(moment_item(plan, form))
    if not stored or is_missing(stored):
        return Taken(held_on)
    moment = Moment.from_iso(str(stored))
    if moment.month is None or moment.day is None:
        return None
    day = date(moment.year, moment.month, moment.day)
    return Taken(day, None if moment.hour is None else moment.earliest)


def is_before(taken: Taken, start: Start, *, same_day: bool) -> bool:
    """Return whether a value was taken before the infusion started."""
    if taken.at is not None:
        return taken.at < start.at
    return taken.day < start.day or (same_day and taken.day == start.day)
