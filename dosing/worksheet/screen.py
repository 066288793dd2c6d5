"""The worksheet as the page and the paper show it: its steps, the calculation written out, and what stops it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from audit.models import Signature
from dosing.allocation.kits import Kit
from dosing.labels import BASIS_UNITS, dose_unit
from dosing.models import Infusion, KitCheck, WorksheetStep
from dosing.patient_dose import missing_for_dose, planned_for
from dosing.stock.stopping import other_donor_of
from dosing.stock.words import stop_words
from dosing.worksheet.bench import stops_now
from dosing.worksheet.calculation import PLACES, CalculationLine
from dosing.worksheet.forms import LABELS
from dosing.worksheet.identity import is_year_unknown
from dosing.worksheet.plan import SCANNED, SIGNED, BenchStep
from dosing.worksheet.sheet import BenchSheet, signed
from trials.reader import shown_moment, shown_number

WITHOUT_CELLS: Mapping[BenchStep, str | Promise] = {
    BenchStep.THAW_BEGUN: gettext_lazy("Taken from the store"),
    BenchStep.THAW_ENDED: gettext_lazy("Ready at the bench"),
    BenchStep.DILUTION: gettext_lazy("Filled"),
    BenchStep.COUNT: gettext_lazy("Inspected"),
    BenchStep.DRAWN: gettext_lazy("Final volume"),
}
"""What the steps are called where the patient receives no cells: the same steps at the same times."""
LINE_TITLES: Mapping[str, str | Promise] = {
    "planned": gettext_lazy("Planned viable cells (×10⁶)"),
    "bags": gettext_lazy("Bags needed"),
    "viability": gettext_lazy("Viability after the thaw (%)"),
    "volume_to_draw": gettext_lazy("Volume to draw (mL)"),
    "delivered": gettext_lazy("Expected viable cells (×10⁶)"),
    "per_kg": gettext_lazy("Expected dose"),
    "dmso": gettext_lazy("DMSO at most (g/kg)"),
    "thaw_to_end": gettext_lazy("Minutes since the thaw"),
    "volume": gettext_lazy("Volume of the product (mL)"),
}
VERDICTS: Mapping[str, str | Promise] = {
    "below": gettext_lazy("below the limit"),
    "within": pgettext_lazy("a value and its limits", "within"),
    "above": gettext_lazy("above the limit"),
}

VALUE_TITLES: Mapping[str, str | Promise] = {
    "subject": gettext_lazy("Subject code"),
    "bag": gettext_lazy("Bag"),
    "lot": gettext_lazy("Lot"),
    "bags": gettext_lazy("Bags"),
    "kit": gettext_lazy("Kit number"),
    "second_identifier": gettext_lazy("Second identifier"),
    **LABELS,
}


@dataclass(frozen=True, slots=True)
class ShownStep:
    """A step as a row: who, when, values, and what came later. row: None while it is not recorded.

    links: the bubbles of its queries by fact, on the page.
    """

    number: int
    title: str
    row: WorksheetStep | None
    values: tuple[tuple[str, str], ...] = ()
    at: str = ""
    entered_late: str = ""
    signature: Signature | None = None
    is_next: bool = False
    links: Mapping[str, Any] = field(default_factory=dict)

    @property
    def asked(self) -> list[tuple[str, str, Any]]:
        """Return label, text and bubble of each value."""
        lines = shown_values(self.row) if self.row else []
        return [(label, text, self.links.get(name)) for name, label, text in lines]


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line of the calculation as text; limits and verdict are empty where nothing is compared."""

    title: str
    formula: str
    result: str
    limits: str = ""
    verdict: str = ""
    tone: str = "none"


def shown_steps(sheet: BenchSheet) -> list[ShownStep]:
    """Return every step of the plan, of the bags one for each. One query."""
    signatures = signed(sheet.rows)
    return [
        _shown_step(sheet, number, step, row, signatures)
        for number, step in enumerate(BenchStep, start=1)
        for row in _rows_of(sheet, step)
    ]


def _rows_of(sheet: BenchSheet, step: BenchStep) -> list[WorksheetStep | None]:
    found: list[WorksheetStep | None] = [row for row in sheet.rows if row.kind == step]
    return found or [None]


def _shown_step(
    sheet: BenchSheet,
    number: int,
    step: BenchStep,
    row: WorksheetStep | None,
    signatures: Mapping[int, Signature],
) -> ShownStep:
    title, zone = title_of(step, cells=sheet.cells), sheet.infusion.patient.trial.zone
    if row is None:
        return ShownStep(number, title, None, is_next=step == sheet.next)
    return ShownStep(
        number=number,
        title=title,
        row=row,
        values=_values(row),
        at=shown_moment(row.at, zone),
        entered_late=_late(row, zone),
        signature=signatures.get(row.pk),
    )


def title_of(step: BenchStep, *, cells: bool) -> str:
    """Return the name of a step, in the arm of the patient."""
    plain = WorksheetStep.Kind(step.value).label
    return str(plain if cells else WITHOUT_CELLS.get(step, plain))


def shown_lines(sheet: BenchSheet, now: datetime) -> list[ShownLine]:
    """Return the calculation written out, each line beside the limit of the protocol."""
    planned = planned_for(sheet.infusion)
    unit = dose_unit(planned.basis) if planned else ""
    measure = BASIS_UNITS[planned.basis] if planned else ""
    return [_shown(line, unit, measure) for line in sheet.lines(now)]


def worksheet_context(sheet: BenchSheet) -> dict[str, Any]:
    """Return the template context of a worksheet. Product data: never for a blinded reader."""
    infusion, now = sheet.infusion, timezone.now()
    patient = infusion.patient
    other = other_donor_of(infusion)
    lines = shown_lines(sheet, now)
    step = sheet.next
    stops = stops_now(sheet) if infusion.state == Infusion.State.PLANNED else []
    return {
        "sheet": sheet,
        "steps": shown_steps(sheet),
        "lines": lines,
        "missing": missing_for_dose(infusion) if sheet.cells else "",
        "stops": [stop_words(each) for each in stops],
        "earlier_donor": other,
        "kit": Kit.objects.filter(infusion=infusion).first(),
        "compared": KitCheck.objects.filter(infusion=infusion).order_by("-pk").first(),
        "next_step": step,
        "next_title": title_of(step, cells=sheet.cells) if step else "",
        "takes_scan": step in SCANNED or (step == BenchStep.IDENTITY and bool(sheet.bags)),
        "is_signed": step in SIGNED,
        "year_unknown": not sheet.done >= SIGNED and is_year_unknown(patient),
        "printed_at": shown_moment(now, patient.trial.zone),
    }


def shown_line(line: CalculationLine) -> ShownLine:
    """Return a line without a dose as text."""
    return _shown(line, "", "")


def value_title(name: str) -> str:
    """Return the name of a value of a step. A value of an earlier release keeps its stored name, in words."""
    return str(VALUE_TITLES.get(name, name.replace("_", " ")))


def shown_values(row: WorksheetStep) -> list[tuple[str, str, str]]:
    """Return the values of a step as (name, label, text), without empty ones."""
    return [(name, value_title(name), _value(name, value)) for name, value in row.values.items() if value]


def _values(row: WorksheetStep) -> tuple[tuple[str, str], ...]:
    return tuple((label, text) for _name, label, text in shown_values(row))


def _value(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    if name == "second_identifier":
        return str(KitCheck.Identifier(value).label)
    if name == "washed":
        return _("Yes") if value == "Y" else _("No")
    return shown_number(value) if name.endswith(("_ml", "_percent")) else str(value)


def _late(row: WorksheetStep, zone: Any) -> str:
    """Return when a step was entered, if it was transcribed or entered more than five minutes after it happened."""
    minutes = (row.recorded_at - row.at).total_seconds() / 60
    return shown_moment(row.recorded_at, zone) if row.source or minutes > 5 else ""


def _shown(line: CalculationLine, unit: str, measure: str) -> ShownLine:
    title = str(LINE_TITLES[line.name])
    if line.name == "per_kg":
        title = f"{title} ({unit})"
    return ShownLine(
        title=title,
        formula=_formula(line, unit, measure),
        result=shown_number(line.shown),
        limits=_limits(line) if line.judged else "",
        verdict=str(VERDICTS[line.position]) if line.judged else "",
        tone=("done" if line.position == "within" else "late") if line.judged else "none",
    )


def _formula(line: CalculationLine, unit: str, measure: str) -> str:
    """Return the arithmetic of a line in signs and units, the same in every language."""
    values = {name: shown_number(_short(value)) for name, value in line.factors}
    texts = {
        "planned": "{target} {unit} × {measure_value} {measure}" if measure else "{target} ×10⁶",
        "bags": "{cells} ×10⁶ ÷ {per_bag} ×10⁶",
        "volume_to_draw": "{cells} ×10⁶ ÷ ({per_ml} ×10⁶/mL × {viability} %)",
        "delivered": "{per_ml} ×10⁶/mL × {drawn} mL × {viability} %",
        "per_kg": "{cells} ×10⁶ ÷ {measure_value} {measure}",
        "dmso": "{grams} g ÷ {weight} kg",
    }
    text = texts.get(line.name, "")
    measured = {"measure_value": values.pop("measure", ""), "measure": measure, "unit": unit}
    return text.format(**values, **measured) if text else ""


def _limits(line: CalculationLine) -> str:
    step = Decimal(1).scaleb(-max(PLACES[line.name], 2))
    lowest = highest = ""
    if line.lowest is not None:
        lowest = shown_number(_plain(line.lowest.quantize(step, rounding=ROUND_CEILING)))
    if line.highest is not None:
        highest = shown_number(_plain(line.highest.quantize(step, rounding=ROUND_FLOOR)))
    if lowest and highest:
        return _("%(lowest)s to %(highest)s") % {"lowest": lowest, "highest": highest}
    if lowest:
        return _("at least %(lowest)s") % {"lowest": lowest}
    return _("at most %(highest)s") % {"highest": highest}


def _short(value: Decimal) -> str:
    """Return a factor with at most four decimals."""
    return _plain(value.quantize(Decimal("0.0001")) if value.as_tuple().exponent < -4 else value)  # type: ignore[operator]


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
