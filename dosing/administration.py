"""Infusions: planned from the protocol, recorded at the bedside, and apart from that what was in the bag."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, TypedDict

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import acting, because
from dosing.dose import DoseFinding, cells_per_kg, compare, is_possible_weight
from dosing.models import Infusion, Preparation
from patients.consenting import current_consent
from patients.lifecycle import held, require
from patients.models import Patient, Visit
from patients.visiting import hold_visit, replan
from trials.moments import Moment
from trials.protocol_design import Dosing
from trials.schedule import first_infusion_window, infusion_window

State = Infusion.State


class Bedside(TypedDict):
    """What the ward records of an infusion; the same for both arms."""

    weight_kg: Decimal
    weight_measured: Moment
    started: Moment
    ended: Moment
    volume_ml: Decimal
    interrupted: str
    interruption_reason: str
    premedication: str
    timing_deviation_reason: str


class Product(TypedDict):
    """What the cell laboratory records of the same infusion."""

    donor_code: str
    lot: str
    viable_cells: Decimal
    viability_percent: Decimal | None
    thawed: Moment | None
    dose_deviation_reason: str
    donor_deviation_reason: str


class Stale(Exception):
    """Somebody saved the same row meanwhile; `row` is what is stored now."""

    def __init__(self, row: Infusion | Preparation) -> None:
        self.row = row
        super().__init__("the row was changed since it was opened")


def plan_infusions(*, patient: Patient, by: User) -> None:
    """Plan every infusion of the protocol from the day of inclusion; later ones follow the one before."""
    dosing = patient.protocol.rules.dosing
    if dosing is None:
        return
    with acting(user=by, system="schedule"):
        Infusion.objects.bulk_create(
            Infusion(patient=patient, number=number, state=State.PLANNED, visit=_visit(patient, number))
            for number in range(1, dosing.infusions + 1)
        )
    _plan_again(patient, by)


def _visit(patient: Patient, number: int) -> Visit | None:
    rules = patient.protocol.rules
    code = next((visit.code for visit in rules.visits if visit.infusion == number), None)
    return patient.visits.filter(code=code, number=1).first() if code else None


def _plan_again(patient: Patient, by: User) -> None:
    """Move the windows of the infusions that are still planned, after what was given."""
    dosing = patient.protocol.rules.dosing
    if dosing is None or patient.enrolled_on is None:
        return
    earliest, latest = first_infusion_window(dosing, patient.enrolled_on)
    with acting(user=by, system="schedule"):
        for row in Infusion.objects.filter(patient=patient).order_by("number"):
            if row.state == State.PLANNED and (row.window_from, row.window_to) != (earliest, latest):
                row.planned_on, row.window_from, row.window_to = earliest, earliest, latest
                row.save(update_fields=["planned_on", "window_from", "window_to"])
            if row.number < dosing.infusions and dosing.interval_days:
                earliest, latest = _next_window(dosing, row, patient, earliest, latest)


def _next_window(dosing: Dosing, row: Infusion, patient: Patient, earliest: date, latest: date) -> tuple[date, date]:
    given = given_on(row, patient)
    if given is not None:
        return infusion_window(dosing, given)
    return infusion_window(dosing, earliest)[0], infusion_window(dosing, latest)[1]


def given_on(infusion: Infusion, patient: Patient) -> date | None:
    """Return the day on which an infusion was given, on the clock of the site."""
    if infusion.state != State.GIVEN or infusion.started_at is None:
        return None
    return infusion.started_at.astimezone(patient.trial.zone).date()


@transaction.atomic
def record_infusion(
    *, infusion: Infusion, facts: Bedside, version: int, by: User, reason: str = ""
) -> Infusion:
    """Record what happened at the bedside, or amend it with a reason.

    Raises ValidationError beside each field: before inclusion or consent, after the end of study, out of order,
    end before start, outside the window without a reason, weight missing, impossible or too old; Stale when
    `version` is not the current one.
    """
    patient, row = _held(infusion, version)
    require(patient, Patient.State.ENROLLED, step=_("receive an infusion"))
    amending = row.state == State.GIVEN
    if amending and not reason.strip():
        raise ValidationError({"reason": _("Say why this is changed.")})
    _check_bedside(patient, row, facts)
    row.state, row.not_given_reason = State.GIVEN, ""
    row.started, row.started_at = facts["started"].iso, facts["started"].earliest
    row.ended, row.ended_at = facts["ended"].iso, facts["ended"].earliest
    row.weight_measured = facts["weight_measured"].iso
    for name in ("weight_kg", "volume_ml", "interrupted", "interruption_reason", "premedication", "timing_deviation_reason"):
        setattr(row, name, facts[name])  # type: ignore[literal-required]
    row.version += 1
    with because(reason.strip()):
        row.save()
    _after_giving(patient, row, by)
    return row


def _held(infusion: Infusion, version: int) -> tuple[Patient, Infusion]:
    patient = held(infusion.patient)
    row = Infusion.objects.select_for_update(of=("self",)).get(pk=infusion.pk)
    row.patient = patient
    if row.version != version:
        raise Stale(row)
    return patient, row


def _check_bedside(patient: Patient, row: Infusion, facts: Bedside) -> None:
    errors: dict[str, str] = {}
    if current_consent(patient) is None:
        raise ValidationError(_("No consent is recorded: nothing can be given."))
    if not is_possible_weight(facts["weight_kg"]):
        errors["weight_kg"] = _("A weight lies between 25 and 350 kg. Weigh again.")
    if facts["ended"].earliest <= facts["started"].earliest:
        errors["ended"] = _("The end must be after the start (%(start)s).") % {"start": facts["started"].display()}
    if facts["ended"].earliest > timezone.now():
        errors["ended"] = _("This time has not come yet. Check the date.")
    if facts["volume_ml"] <= 0:
        errors["volume_ml"] = _("The volume must be above zero.")
    if facts["interrupted"] not in {"Y", "N"}:
        errors["interrupted"] = _("Say whether the infusion was interrupted.")
    elif facts["interrupted"] == "Y" and not facts["interruption_reason"].strip():
        errors["interruption_reason"] = _("Say why the infusion was interrupted.")
    errors |= _weight_age(patient, facts) | _order(patient, row, facts) | _window(patient, row, facts)
    if errors:
        raise ValidationError(dict(errors))


def _weight_age(patient: Patient, facts: Bedside) -> dict[str, str]:
    dosing = patient.protocol.rules.dosing
    oldest = timedelta(hours=dosing.weight_max_age_hours if dosing else 24)
    if facts["weight_measured"].earliest > facts["started"].earliest:
        return {"weight_measured": _("The weight was measured after the start: it cannot have decided the dose.")}
    if facts["started"].earliest - facts["weight_measured"].latest > oldest:
        hours = int(oldest.total_seconds() // 3600)
        return {"weight_measured": _("The weight is older than %(hours)d hours. Weigh again.") % {"hours": hours}}
    return {}


def _order(patient: Patient, row: Infusion, facts: Bedside) -> dict[str, str]:
    """Infusions follow one another: the one before is settled, and the next, if given, began later."""
    for other in Infusion.objects.filter(patient=patient).exclude(pk=row.pk):
        if other.number < row.number and other.state == State.PLANNED:
            raise ValidationError(_("Infusion %(number)d is still planned: record it first.") % {"number": other.number})
        if other.started_at is None or other.state != State.GIVEN:
            continue
        if (other.number < row.number) != (other.started_at < facts["started"].earliest):
            text = _("Infusion %(number)d was given on %(when)s: the order does not fit.")
            return {"started": text % {"number": other.number, "when": Moment.from_iso(other.started).display()}}
    return {}


def _window(patient: Patient, row: Infusion, facts: Bedside) -> dict[str, str]:
    day = facts["started"].earliest.astimezone(patient.trial.zone).date()
    if row.window_from is None or row.window_to is None or facts["timing_deviation_reason"].strip():
        return {}
    if row.window_from <= day <= row.window_to:
        return {}
    text = _("The protocol allows %(first)s to %(last)s. Say why it was given on %(day)s: this is a deviation.")
    shown = {
        name: Moment.from_date(each).display()
        for name, each in (("first", row.window_from), ("last", row.window_to), ("day", day))
    }
    return {"timing_deviation_reason": text % shown}


def _after_giving(patient: Patient, row: Infusion, by: User) -> None:
    """Hold the visit, keep the day of the first infusion, compute the dose again, plan what follows."""
    day = given_on(row, patient)
    if day is None:
        return
    if row.number == 1 and patient.first_infusion_on != day:
        patient.first_infusion_on = day
        patient.save(update_fields=["first_infusion_on"])
    if row.visit is not None and row.visit.held_on != day:
        row.visit.patient = patient
        hold_visit(visit=row.visit, on=day, by=by)
    for product in Preparation.objects.filter(infusion=row):
        _weigh_again(patient, row, product, by)
    _plan_again(patient, by)
    given = {
        each.number: given_day
        for each in Infusion.objects.filter(patient=patient)
        if (given_day := given_on(each, patient)) is not None
    }
    replan(patient, by, infusions=given)


def _weigh_again(patient: Patient, row: Infusion, product: Preparation, by: User) -> None:
    """Compute the dose of a product again when the weight became known or changed (AUD-10)."""
    finding = finding_of(patient, product.viable_cells, row.weight_kg)
    if finding is None or (product.cells_per_kg, product.dose_finding) == (_stored(finding), finding.position):
        return
    product.cells_per_kg, product.dose_finding = _stored(finding), finding.position
    product.version += 1
    with acting(user=by, system="dose"):
        product.save(update_fields=["cells_per_kg", "dose_finding", "version"])


@transaction.atomic
def mark_not_given(*, infusion: Infusion, reason: str, version: int, by: User) -> Infusion:
    """Record that an infusion was not given, and why."""
    patient, row = _held(infusion, version)
    require(patient, Patient.State.ENROLLED, Patient.State.ENDED, step=_("skip an infusion"))
    if row.state != State.PLANNED:
        raise ValidationError(_("This infusion is already recorded."))
    if not reason.strip():
        raise ValidationError({"reason": _("Say why the infusion was not given.")})
    row.state, row.not_given_reason, row.version = State.NOT_GIVEN, reason.strip(), row.version + 1
    row.save(update_fields=["state", "not_given_reason", "version"])
    return row


def finding_of(patient: Patient, viable_cells: Decimal | None, weight_kg: Decimal | None) -> DoseFinding | None:
    """Return the dose compared with the protocol, or None while cells or weight are not known."""
    dosing = patient.protocol.rules.dosing
    if dosing is None or viable_cells is None or weight_kg is None:
        return None
    limits = dosing.cells_per_kg
    dose = cells_per_kg(viable_cells, weight_kg)
    return compare(dose, lowest=limits.lowest, target=limits.target, highest=limits.highest)


def _stored(finding: DoseFinding) -> Decimal:
    return finding.cells_per_kg.quantize(Decimal("0.01"))


@transaction.atomic
def record_preparation(
    *, infusion: Infusion, facts: Product, version: int, by: User, reason: str = ""
) -> Preparation:
    """Record what was in the bag; the dose per kilogram follows from the weight of the day.

    version: of the preparation the person saw, 0 when there was none. Raises ValidationError: outside the dose
    range or with another donor without a reason, a thaw after the start; Stale; reason missing on a change.
    """
    patient = held(infusion.patient)
    row = Infusion.objects.select_for_update(of=("self",)).get(pk=infusion.pk)
    require(patient, Patient.State.ENROLLED, Patient.State.ENDED, step=_("receive a product"))
    product = Preparation.objects.select_for_update(of=("self",)).filter(infusion=row).first()
    if (product.version if product else 0) != version:
        raise Stale(product or Preparation(infusion=row, patient=patient, version=0))
    if product is not None and not reason.strip():
        raise ValidationError({"reason": _("Say why this is changed.")})
    finding = finding_of(patient, facts["viable_cells"], row.weight_kg)
    _check_product(patient, row, facts, finding)
    product = product or Preparation(infusion=row, patient=patient, prepared_by=by, version=0)
    _fill(product, facts, finding)
    with because(reason.strip()):
        product.save()
    return product


def _fill(product: Preparation, facts: Product, finding: DoseFinding | None) -> None:
    product.donor_code, product.lot = facts["donor_code"].strip(), facts["lot"].strip()
    product.viable_cells, product.viability_percent = facts["viable_cells"], facts["viability_percent"]
    product.thawed = facts["thawed"].iso if facts["thawed"] else ""
    product.dose_deviation_reason = facts["dose_deviation_reason"].strip()
    product.donor_deviation_reason = facts["donor_deviation_reason"].strip()
    product.cells_per_kg = _stored(finding) if finding else None
    product.dose_finding = finding.position if finding else ""
    product.version += 1


def _check_product(patient: Patient, row: Infusion, facts: Product, finding: DoseFinding | None) -> None:
    errors: dict[str, Any] = {}
    if facts["viable_cells"] < 0:
        errors["viable_cells"] = _("The number of cells cannot be negative.")
    percent = facts["viability_percent"]
    if percent is not None and not 0 <= percent <= 100:
        errors["viability_percent"] = _("Viability lies between 0 and 100 %.")
    if facts["thawed"] and row.started_at and facts["thawed"].earliest > row.started_at:
        errors["thawed"] = _("The product was thawed after the infusion began: check both times.")
    with_cells = facts["viable_cells"] > 0
    if with_cells and finding and finding.position != "within" and not facts["dose_deviation_reason"].strip():
        errors["dose_deviation_reason"] = _("The dose is outside the protocol's range. Say why: this is a deviation.")
    if with_cells and not (facts["donor_code"].strip() and facts["lot"].strip()):
        errors["donor_code"] = _("Cells have a donor and a lot.")
    errors |= _donor(patient, row, facts) if with_cells else {}
    if errors:
        raise ValidationError(errors)


def _donor(patient: Patient, row: Infusion, facts: Product) -> Mapping[str, str]:
    """All infusions of a patient come from one donor where the protocol says so (CEL-11)."""
    dosing = patient.protocol.rules.dosing
    if dosing is None or not dosing.same_donor or facts["donor_deviation_reason"].strip():
        return {}
    others = Preparation.objects.filter(patient=patient).exclude(infusion=row).exclude(donor_code="")
    for donor, number in others.values_list("donor_code", "infusion__number"):
        if donor.casefold() != facts["donor_code"].strip().casefold():
            text = _("Infusion %(number)d came from donor %(donor)s: the protocol asks for the same donor.")
            return {"donor_code": text % {"number": number, "donor": donor}}
    return {}


def on_patient_enrolled(sender: Any, *, patient: Patient, by: User, **kwargs: Any) -> None:
    """Plan the infusions inside the transaction of the inclusion."""
    plan_infusions(patient=patient, by=by)
