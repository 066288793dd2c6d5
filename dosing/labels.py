"""The texts of infusions and products in the reader's language: days, numbers with units, status, dose."""

from datetime import date
from decimal import Decimal

from django.utils.html import format_html
from django.utils.translation import gettext as _

from dosing.dose import MILLION, DoseFinding, Position, shown_millions
from dosing.models import Infusion, Preparation
from patients.models import Patient
from patients.participation.consents.consent_withdrawal import stops_treatment
from trials.reader import shown_day, shown_moment, shown_number

Fact = tuple[str, object]

TONES = {Infusion.State.PLANNED: "none", Infusion.State.GIVEN: "done", Infusion.State.NOT_GIVEN: "locked"}
BASIS_UNITS = {"actual_weight": "kg", "predicted_weight": "kg", "body_surface": "m²", "fixed": ""}
FINDING_TONES = {"below": "late", "within": "done", "above": "late"}


def window_words(row: Infusion) -> str:
    """Return the days, or the moments, between which the protocol allows an infusion; empty while not known."""
    if row.window_opens_at and row.window_closes_at:
        zone = row.patient.trial.zone
        return f"{shown_moment(row.window_opens_at, zone)} – {shown_moment(row.window_closes_at, zone)}"
    first, last = shown_day(row.window_from), shown_day(row.window_to)
    return first if first == last else f"{first} – {last}"


def is_overdue(row: Infusion, today: date) -> bool:
    """Return True if a planned infusion of a patient in follow-up has its window before `today` (at the site).

    None is overdue after consent to the treatment was withdrawn, after a death, nor while an earlier one is planned.
    """
    waiting = row.state == Infusion.State.PLANNED and row.patient.state == Patient.State.ENROLLED
    goes_on = stops_treatment(row.patient) is None
    late = row.window_to is not None and row.window_to < today
    return waiting and goes_on and late and row.is_awaited


def status_tag(row: Infusion, today: date) -> str:
    """Return the status as an HTML tag, `Overdue` instead of `Planned` if the window has passed."""
    if is_overdue(row, today):
        return format_html('<span class="tag tone-late">{}</span>', _("Overdue"))
    tone = TONES[Infusion.State(row.state)]
    return format_html('<span class="tag tone-{}">{}</span>', tone, row.get_state_display())


def finding_tag(product: Preparation) -> str:
    """Return the position of the dose in the range as an HTML tag, empty while there is no dose.

    A dose outside the range without a reason is marked: an amended weight can move a dose out of the range.
    """
    if not product.dose_finding:
        return ""
    words = product.get_dose_finding_display()
    if product.dose_finding != Preparation.Finding.WITHIN and not product.dose_deviation_reason:
        words = _("%(finding)s, no reason yet") % {"finding": words}
    return format_html('<span class="tag tone-{}">{}</span>', FINDING_TONES[product.dose_finding], words)


def millions(cells: Decimal | None) -> Decimal | None:
    """Return whole cells as 10⁶ cells, without trailing zeros."""
    if cells is None:
        return None
    shown = (cells / MILLION).normalize()
    return shown.quantize(Decimal(1)) if shown == shown.to_integral_value() else shown


def bedside_facts(row: Infusion) -> list[tuple[str, str, object]]:
    """Return the bedside facts of an infusion as (column, label, text), with the empty ones."""
    return [
        ("not_given_reason", _("Not given because"), row.not_given_reason),
        ("weight_kg", _("Weight of the day"), _measure(row.weight_kg, "kg")),
        ("weight_measured", _("Weight measured at"), shown_moment(row.weight_measured)),
        ("weight_confirmation", _("The weight is right because"), row.weight_confirmation),
        ("started", _("Start"), shown_moment(row.started)),
        ("ended", _("End"), shown_moment(row.ended)),
        ("volume_ml", _("Volume infused"), _measure(row.volume_ml, "mL")),
        ("interrupted", _("Interrupted"), _answer(row.interrupted)),
        ("interruption_reason", _("Reason for the interruption"), row.interruption_reason),
        ("premedication", _("Premedication"), row.premedication),
        ("tolerated", _("Well tolerated"), _answer(row.tolerated)),
        ("tolerance_note", _("What was not tolerated"), row.tolerance_note),
        ("timing_deviation_reason", _("Reason for the timing"), row.timing_deviation_reason),
    ]


def infusion_facts(row: Infusion) -> list[Fact]:
    """Return the bedside facts of an infusion as (label, text), without empty ones."""
    return [(label, value) for _column, label, value in bedside_facts(row) if value]


def named_product_facts(product: Preparation) -> list[tuple[str, str, object]]:
    """Return the facts of the product as (name, label, text), with the empty ones. Never for a blinded reader."""
    return [
        ("donor_code", _("Donor"), product.donor_code),
        ("donor_deviation_reason", _("Reason for another donor"), product.donor_deviation_reason),
        ("lot", _("Lot"), product.lot),
        ("bag", _("Bags"), product.bag),
        ("viable_cells", _("Viable cells"), _measure(millions(product.viable_cells), "×10⁶")),
        ("viability_percent", _("Viability"), _measure(product.viability_percent, "%")),
        ("thawed", _("Thawed"), shown_moment(product.thawed)),
        ("dose_basis", _("Basis of the dose"), basis_words(product)),
        ("dose_finding", _("Dose"), product.get_dose_finding_display()),
        ("dose_deviation_reason", _("Reason for the dose"), product.dose_deviation_reason),
    ]


def product_facts(product: Preparation) -> list[Fact]:
    """Return the facts of the product as (label, text), without empty ones. Never for a blinded reader."""
    return [(label, value) for _name, label, value in product_lines_of(product)]


def product_lines_of(product: Preparation) -> list[tuple[str, str, object]]:
    """Return the facts of the product as (name, label, text), without empty ones, the dose only outside its range."""
    tags = {
        "dose_finding": "" if product.dose_finding == Preparation.Finding.WITHIN else finding_tag(product)
    }
    found = [(name, label, tags.get(name, value)) for name, label, value in named_product_facts(product)]
    return [line for line in (*found, ("prepared_by", _("Prepared by"), product.prepared_by)) if line[2]]


def _measure(number: Decimal | None, unit: str) -> str:
    return f"{shown_number(number)} {unit}" if number is not None else ""


def _answer(code: str) -> str:
    return {"Y": _("Yes"), "N": _("No")}.get(code, "")


def dose_unit(basis: str) -> str:
    """Return the unit of a dose in millions of cells: `×10⁶/kg`, `×10⁶/kg predicted`, `×10⁶/m²`, `×10⁶`."""
    return {
        "actual_weight": "×10⁶/kg",
        "predicted_weight": _("×10⁶/kg predicted"),
        "body_surface": "×10⁶/m²",
    }.get(basis, "×10⁶")


def basis_words(product: Preparation) -> str:
    """Return the basis of the dose with its measure: `Predicted weight, 70.57 kg`; empty without a dose."""
    if not product.dose_basis or product.dose_measure is None:
        return ""
    unit, words = BASIS_UNITS[product.dose_basis], str(product.get_dose_basis_display())
    measure = product.dose_measure.quantize(Decimal("0.01")).normalize()
    return f"{words}, {shown_number(measure)} {unit}" if unit else words


def stored_finding(product: Preparation) -> DoseFinding | None:
    """Return the dose of a product as it was judged, in cells per unit of its basis; None without one. No query."""
    if not product.dose_finding or product.viable_cells is None or product.dose_measure is None:
        return None
    # Not the stored dose per kg: that one is rounded, perhaps into the range.
    dose = product.viable_cells / product.dose_measure
    position: Position = "within"
    if product.dose_finding != Preparation.Finding.WITHIN:
        position = "below" if product.dose_finding == Preparation.Finding.BELOW else "above"
    return DoseFinding(dose, position, Decimal(0))


def dose_amount(product: Preparation) -> str:
    """Return the dose in 10⁶ cells with its unit, not rounded into the range; empty without one. No query."""
    finding = stored_finding(product)
    return f"{shown_number(shown_millions(finding))} {dose_unit(product.dose_basis)}" if finding else ""


def dose_words(product: Preparation) -> str:
    """Return the dose in 10⁶ cells per unit of its basis, not rounded into the range, with a tag if it is outside.

    Computed from the stored basis. No query.
    """
    finding = stored_finding(product)
    if finding is None:
        return ""
    number = dose_amount(product)
    return number if finding.position == "within" else format_html("{} {}", number, finding_tag(product))
