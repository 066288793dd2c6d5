"""Product given: viability and dose by lot with their limits, and the hours from thaw to the end of the infusion."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from dosing.dose import MILLION
from dosing.labels import dose_unit
from dosing.models import LotResult, Preparation
from dosing.products.product_limits import thaw_minutes
from protocol.document.document import Protocol
from protocol.document.dosing import QuantityLimits
from reports.figures.dots import Dot, DotRow, dots, kept_dots
from reports.study_figures.contract import (
    Cell,
    DataColumn,
    Drawing,
    DrawnFigure,
    FigureTable,
    FigureView,
    StudyFigure,
)
from trials.permissions import Permission as P
from trials.reader import shown_number

VIABILITY = "viability"
"""Code of the release test whose result is drawn beside what was measured before each infusion."""
MINUTES = 60
COLUMNS = (
    DataColumn("lot", gettext_lazy("Lot"), free_text=True),
    DataColumn("patient", gettext_lazy("Patient")),
    DataColumn("infusion", gettext_lazy("Infusion")),
    DataColumn("viability_percent", gettext_lazy("Viability (%)")),
    DataColumn("viable_cells", gettext_lazy("Viable cells")),
    DataColumn("dose_million", gettext_lazy("Dose in 10⁶ per unit of its basis")),
    DataColumn("dose_basis", gettext_lazy("Basis of the dose")),
    DataColumn("dose_finding", gettext_lazy("Dose")),
    DataColumn("hours_from_thaw_to_end", gettext_lazy("Hours from thaw to end")),
)


@dataclass(frozen=True, slots=True)
class GivenProduct:
    """The product of one infusion. A None was not recorded. dose: 10⁶ viable cells per unit of the basis."""

    lot: str
    patient: str
    infusion: int
    viability: Decimal | None
    cells: Decimal | None
    dose: Decimal | None
    basis: str
    finding: str
    hours: Decimal | None


class ProductLimits(NamedTuple):
    """The limits in one figure: the lowest and the highest value, each None if it is open."""

    lowest: Decimal | None
    highest: Decimal | None

    def excludes(self, value: Decimal) -> bool:
        """Return True if a value lies outside; both limits are within."""
        below = self.lowest is not None and value < self.lowest
        return below or (self.highest is not None and value > self.highest)


OPEN = ProductLimits(None, None)


def draw(view: FigureView) -> DrawnFigure:
    """Return viability, dose and time since the thaw of every infusion given with cells. Four queries."""
    given = _given(view)
    table = FigureTable(COLUMNS, [_cells(each) for each in given])
    if not given:
        return DrawnFigure(
            table=table, why=_("No product with cells is recorded for an infusion yet."), treatment=True
        )
    releases = _releases(view)
    plots = (
        (_viability(view, given, releases), _("No viability of an infusion is recorded yet.")),
        (_dose(view, given), _no_dose(given)),
        (_hours(view, given), _("No infusion has both a time of thaw and an end yet.")),
    )
    drawn = [plot for plot, _missing in plots if plot is not None]
    missing = [sentence for plot, sentence in plots if plot is None]
    missing += [
        _("%(title)s: the protocol states no limit.") % {"title": plot.drawing.title}
        for plot in drawn
        if not plot.limited
    ]
    left_out = max((plot.left_out for plot in drawn), default=0)
    return DrawnFigure(
        table=table,
        drawings=tuple(plot.drawing for plot in drawn),
        notes=(*missing, *_notes(left_out)) if drawn else (),
        why="" if drawn else " ".join(missing),
        treatment=True,
    )


def _given(view: FigureView) -> list[GivenProduct]:
    """Return the products of the infusions given, by lot; those without cells are left out. Two queries."""
    rows = (
        Preparation.objects.visible_to(view.access.user)
        .filter(patient__trial=view.trial, infusion__state="given", viable_cells__isnull=False)
        .select_related("infusion", "patient")
        .order_by("lot", "patient__number", "infusion__number")
    )
    return [_product(row) for row in rows]


def _product(row: Preparation) -> GivenProduct:
    minutes = thaw_minutes(row.infusion, row)
    dose = None
    if row.viable_cells is not None and row.dose_measure is not None:
        dose = row.viable_cells / row.dose_measure / MILLION
    return GivenProduct(
        lot=row.lot,
        patient=row.patient.code,
        infusion=row.infusion.number,
        viability=row.viability_percent,
        cells=row.viable_cells,
        dose=dose,
        basis=row.dose_basis,
        finding=row.dose_finding,
        hours=None if minutes is None else minutes / MINUTES,
    )


def _releases(view: FigureView) -> dict[str, Decimal]:
    """Return the viability at the release of each lot: the newest result. Two queries."""
    rows = LotResult.objects.visible_to(view.access.user).filter(trial=view.trial, test=VIABILITY)
    found: dict[str, Decimal] = {}
    for row in rows.select_related("lot").order_by("pk"):
        # Pending, or no per cent: the lot has no mark of its own.
        found.pop(row.lot.number, None)
        value = per_cent_of(row.value)
        if value is not None:
            found[row.lot.number] = value
    return found


def per_cent_of(text: str) -> Decimal | None:
    """Return a reported result as a number from 0 to 100, None for any other text, such as NaN."""
    try:
        value = Decimal(text)
        return value if 0 <= value <= 100 else None
    except ArithmeticError:
        return None


class ProductPlot(NamedTuple):
    """A drawing, how many infusions it leaves out, and whether its values have limits."""

    drawing: Drawing
    left_out: int
    limited: bool


Drawn = ProductPlot | None


def _viability(view: FigureView, given: Sequence[GivenProduct], releases: dict[str, Decimal]) -> Drawn:
    release = release_limits(view.rules)
    use = limits_of(view.rules.dosing.viability_percent if view.rules.dosing else None)
    limits = [
        *_labelled(release, _("release: at least %(limit)s"), _("release: at most %(limit)s")),
        *_labelled(use, _("use: at least %(limit)s"), _("use: at most %(limit)s")),
    ]
    judged = release if use == OPEN else use
    rows = _rows(
        given,
        lambda each: each.viability,
        lambda each: judged.excludes(each.viability or Decimal(0)),
        lambda value: f"{value.normalize():f}",
        {
            lot: Dot(
                float(value),
                _("%(lot)s at release: %(value)s") % {"lot": lot, "value": shown_number(f"{value:f}")},
                release.excludes(value),
                reference=True,
            )
            for lot, value in releases.items()
        },
    )
    return _drawing("viability", _("Viability"), rows, _("Viability (%)"), limits)


def _no_dose(given: Sequence[GivenProduct]) -> str:
    """Return why there is no drawing of the doses."""
    if any(each.dose is not None for each in given):
        return _("The doses have several bases and no axis in common: they are in the data table only.")
    return _("No dose is recorded yet.")


def _dose(view: FigureView, given: Sequence[GivenProduct]) -> Drawn:
    dosing = view.rules.dosing
    dosed = [each for each in given if each.dose is not None]
    bases = {each.basis for each in dosed}
    if not dosed or dosing is None or len(bases) > 1:
        # Doses on several bases have no axis in common; the data table has them all.
        return None
    plan = dosing.plans[0] if len(dosing.plans) == 1 else None
    limits = (
        _labelled(
            ProductLimits(plan.limits.lowest / MILLION, plan.limits.highest / MILLION),
            _("at least %(limit)s"),
            _("at most %(limit)s"),
        )
        if plan
        else []
    )
    rows = _rows(
        dosed,
        lambda each: each.dose,
        lambda each: each.finding in ("below", "above"),
        lambda value: f"{value:.2f}",
    )
    axis = _("Dose (%(unit)s)") % {"unit": dose_unit(bases.pop())}
    return _drawing("dose", _("Dose"), rows, axis, limits, judged=True)


def _hours(view: FigureView, given: Sequence[GivenProduct]) -> Drawn:
    minutes = limits_of(view.rules.dosing.thaw_to_end_minutes if view.rules.dosing else None)
    hours = ProductLimits(*(None if each is None else each / MINUTES for each in minutes))
    rows = _rows(
        given,
        lambda each: each.hours,
        lambda each: hours.excludes(each.hours or Decimal(0)),
        lambda value: f"{value:.2f}",
    )
    limits = _labelled(hours, _("at least %(limit)s h"), _("at most %(limit)s h"))
    return _drawing(
        "thaw-to-end", _("From thaw to end"), rows, _("Hours from thaw to end of the infusion"), limits
    )


def limits_of(quantity: QuantityLimits | None) -> ProductLimits:
    """Return the lowest and the highest value that the protocol allows."""
    return ProductLimits(quantity.lowest, quantity.highest) if quantity else OPEN


def release_limits(rules: Protocol) -> ProductLimits:
    """Return the limits of viability at the release, if all products with cells have the same ones."""
    tests = [test for product in rules.products if product.cells and (test := product.test(VIABILITY))]
    found = {ProductLimits(test.at_least, test.at_most) for test in tests}
    return found.pop() if len(found) == 1 else OPEN


def _labelled(limits: ProductLimits, at_least: str, at_most: str) -> list[tuple[float, str]]:
    return [
        (float(limit), words % {"limit": shown_number(f"{limit.normalize():f}")})
        for limit, words in zip(limits, (at_least, at_most), strict=True)
        if limit is not None
    ]


def _rows(
    given: Iterable[GivenProduct],
    value_of: Callable[[GivenProduct], Decimal | None],
    is_outside: Callable[[GivenProduct], bool],
    written: Callable[[Decimal], str],
    references: dict[str, Dot] | None = None,
) -> list[DotRow]:
    """Return a row for each lot with a mark for each infusion that has the value."""
    by_lot: dict[str, list[Dot]] = {}
    for each in given:
        if (value := value_of(each)) is None:
            continue
        told = {"patient": each.patient, "infusion": each.infusion, "value": shown_number(written(value))}
        tip = _("%(patient)s, infusion %(infusion)s: %(value)s") % told
        by_lot.setdefault(each.lot, []).append(Dot(float(value), tip, is_outside(each)))
    return [
        DotRow(
            lot or _("no lot"),
            [*found, *([references[lot]] if references and lot in references else [])],
            ngettext("%(number)s infusion", "%(number)s infusions", len(found)) % {"number": len(found)},
        )
        for lot, found in by_lot.items()
    ]


def _drawing(
    name: str, title: str, rows: list[DotRow], axis_title: str, limits: Sequence[tuple[float, str]],
    *, judged: bool = False,
) -> Drawn:  # fmt: skip
    """Return a plot, None without a row. judged: each value was compared with limits of its own."""
    if not rows:
        return None
    kept, left_out = kept_dots(rows)
    infusions = [dot for row in rows for dot in row.dots if not dot.reference]
    told = {
        "title": title, "number": len(infusions), "lots": len(rows), "outside": sum(dot.outside for dot in infusions)
    }  # fmt: skip
    label = ngettext(
        "%(title)s: %(number)s infusion (lots: %(lots)s), %(outside)s outside the limits.",
        "%(title)s: %(number)s infusions (lots: %(lots)s), %(outside)s outside the limits.",
        len(infusions),
    )
    if not limits and not judged:
        label = ngettext(
            "%(title)s: %(number)s infusion (lots: %(lots)s). The protocol states no limit.",
            "%(title)s: %(number)s infusions (lots: %(lots)s). The protocol states no limit.",
            len(infusions),
        )
    figure = dots(kept, label=label % told, axis_title=axis_title, limits=limits)
    return ProductPlot(Drawing(name, title, figure), left_out, bool(limits) or judged)


def _notes(left_out: int) -> Iterable[str]:
    yield _("Only infusions given with cells. A circle is one within its limits, a triangle one outside.")
    yield _("A diamond is the result at the release of the lot.")
    yield _("An upright line is a limit of the protocol. Doses that differ between patients have no line.")
    if left_out:
        yield ngettext(
            "%(number)s infusion within the limits is in the data table only.",
            "%(number)s infusions within the limits are in the data table only.",
            left_out,
        ) % {"number": left_out}


def _cells(each: GivenProduct) -> list[Cell]:
    return [
        each.lot, each.patient, each.infusion, each.viability, each.cells,
        None if each.dose is None else round(each.dose, 4), each.basis, each.finding,
        None if each.hours is None else round(each.hours, 3),
    ]  # fmt: skip


FIGURE = StudyFigure(
    key="product",
    title=gettext_lazy("Viability, dose and time since the thaw"),
    question=gettext_lazy("Is the product that was given within its limits, lot by lot?"),
    draw=draw,
    see=P.SEE_TREATMENT,
    offered=lambda rules: rules.dosing is not None,
)
