"""Context of each captured row: days since the anchors of the trial, and the arm for readers who may know it."""

from datetime import date
from functools import cached_property

from dosing.infusions.schedule import given_on
from dosing.models import AllocationSlot, Infusion
from exports.selection import EVERYTHING, ChosenRows
from exports.tables.baseline import Baselines
from exports.tables.columns import TableColumn
from patients.models import Patient
from protocol.checking.column_names import (
    ARM_COLUMN,
    BASELINE_COLUMN,
    DAY_COLUMNS,
    INFUSION_DAYS,
    NOT_ASKED_COLUMN,
)
from trials.models import ProtocolVersion, Trial

Cells = list[int | str]


class RowContext:
    """Counts calendar days at the site from each anchor of a patient: screening, inclusion, each infusion given.

    sees_treatment: adds the arm in a randomised trial. Patients, infusions and allocation are read once each, on first
    use.
    """

    def __init__(
        self,
        trial: Trial,
        versions: list[ProtocolVersion],
        *,
        sees_treatment: bool,
        selection: ChosenRows = EVERYTHING,
    ) -> None:
        self.trial = trial
        self.baselines = Baselines(trial, versions, selection)
        dosing = [version.rules.dosing for version in versions]
        self.numbers = range(1, max((each.infusions for each in dosing if each), default=0) + 1)
        self.with_arm = sees_treatment and any(version.rules.allocation for version in versions)

    @property
    def columns(self) -> tuple[TableColumn, ...]:
        """Return the columns of a captured form: those of `cells`, and two that tell of its items."""
        items = {
            BASELINE_COLUMN: "Items whose baseline this row holds, separated by blanks",
            NOT_ASKED_COLUMN: "Items that the protocol version of this row does not ask, separated by blanks",
        }
        return (*self.own_columns, *(TableColumn(name, "", label) for name, label in items.items()))

    @property
    def own_columns(self) -> tuple[TableColumn, ...]:
        """Return the columns in the order of `cells`."""
        labels = dict(DAY_COLUMNS)
        for number in self.numbers:
            labels[f"{INFUSION_DAYS}{number}"] = f"Days since infusion {number} (0 on that day)"
        if self.with_arm:
            labels[ARM_COLUMN] = "Arm"
        return tuple(
            TableColumn(name, "", label, kind="text" if name == ARM_COLUMN else "integer")
            for name, label in labels.items()
        )

    def cells(self, patient: int, day: date | None) -> Cells:
        """Return the cells of a row of a patient (its key) on a day; blank where the day or the anchor is not known."""
        anchors = self._anchors[patient]
        found: Cells = ["" if day is None or anchor is None else (day - anchor).days for anchor in anchors]
        return [*found, self._arms.get(patient, "")] if self.with_arm else found

    @cached_property
    def _anchors(self) -> dict[int, tuple[date | None, ...]]:
        given: dict[int, dict[int, date | None]] = {}
        rows = Infusion.objects.filter(patient__trial=self.trial, state=Infusion.State.GIVEN)
        for infusion in rows.select_related("patient"):
            infusion.patient.trial = self.trial
            given.setdefault(infusion.patient_id, {})[infusion.number] = given_on(infusion, infusion.patient)
        patients = Patient.objects.filter(trial=self.trial).values_list("pk", "screened_on", "enrolled_on")
        return {
            pk: (screened, included, *(given.get(pk, {}).get(number) for number in self.numbers))
            for pk, screened, included in patients
        }

    @cached_property
    def _arms(self) -> dict[int, str]:
        slots = AllocationSlot.objects.filter(trial=self.trial, patient__isnull=False)
        return dict(slots.values_list("patient_id", "arm"))
