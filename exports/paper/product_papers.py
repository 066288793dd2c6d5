"""The accountability log of the product and the preparation worksheet on paper. Only for who may know the treatment."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from dosing.models import BagMovement, Infusion, Kit, Lot
from dosing.patient_dose import missing_for_dose
from dosing.stock.balance import LotLine, balances_of
from dosing.stock.ledger import Account
from dosing.stock.stopping import other_donor_of
from dosing.worksheet.screen import ShownStep, shown_lines, shown_steps
from dosing.worksheet.sheet import BenchSheet, read_sheet
from exports.paper import labels
from exports.paper.audience import Audience
from exports.paper.casebook import trial_facts, trial_words
from exports.paper.typesetting import Making, typeset
from trials.reader import shown_number

Part = dict[str, Any]


def write_accountability_log(*, audience: Audience, making: Making, out: Path) -> str:
    """Write every movement of every bag, lot by lot, with the balance of each. Return the SHA-256 of the data."""
    head = _head(audience, _("Accountability log"), _("Product"), trial_facts(audience))
    head["accounts"] = [str(BagMovement.Account(each).label) for each in Account if each != Account.SUPPLIER]
    return typeset(template="accountability", head=head, parts=_lots(audience), making=making, out=out)


def write_worksheet(*, audience: Audience, code: str, number: int, making: Making, out: Path) -> str:
    """Write the preparation worksheet of an infusion on one page. Return the SHA-256 of the data."""
    rows = Infusion.objects.select_related("patient__trial", "patient__protocol")
    infusion = rows.get(patient__trial=audience.trial, patient__code=code, number=number)
    sheet = read_sheet(infusion)
    head = _head(audience, _("Preparation worksheet"), _("Product"), _facts_of(sheet))
    parts = [_worksheet(sheet, audience)]
    return typeset(template="worksheet", head=head, parts=parts, making=making, out=out)


def _head(audience: Audience, title: str, kind: str, facts: list[Any]) -> Part:
    words = {**labels.COMMON, **labels.PRODUCT}
    return {
        "language": audience.language.partition("-")[0],
        "title": title,
        "kind": kind,
        "trial": trial_words(audience),
        "facts": facts,
        "notes": [_("Holds the treatment: keep it from blinded people.")],
        "words": {name: str(each) for name, each in words.items()},
    }


def _lots(audience: Audience) -> Iterator[Part]:
    """Yield one lot after the other. One query for the balances, one for each lot."""
    known = balances_of(audience.trial)
    for lot in Lot.objects.filter(trial=audience.trial).order_by("number"):
        line = LotLine(lot, known.get(lot.pk, {}))
        moved = BagMovement.objects.filter(lot=lot).select_related(
            "bag", "patient", "infusion", "recorded_by"
        )
        yield {
            "lot": lot.number,
            "status": str(lot.get_status_display()),
            "expires": audience.day(lot.expires_on),
            "received": line.received,
            "balance": line.shown,
            "adds_up": _("adds up") if line.adds_up else _("does not add up"),
            "rows": [_movement(row, audience) for row in moved.order_by("bag__number", "position")],
        }


def _movement(row: BagMovement, audience: Audience) -> list[str]:
    kind = str(row.get_kind_display())
    if row.reversed_by_id is not None:
        kind = _("%(movement)s (reversed)") % {"movement": kind}
    used = f"{row.patient.code} / {row.infusion.number}" if row.patient and row.infusion else ""
    return [
        row.bag.number,
        audience.instant(row.at),
        kind,
        str(row.get_source_display()),
        ", ".join(filter(None, [str(row.get_target_display()), row.place])),
        shown_number(f"{row.volume_ml.normalize():f}"),
        used,
        row.recorded_by.full_name,
        row.note,
    ]


def _facts_of(sheet: BenchSheet) -> list[tuple[str, str]]:
    """Return order, kit, weight, earlier donor and the allowed cells of this weight."""
    infusion = sheet.infusion
    kit = Kit.objects.filter(infusion=infusion).first()
    other = other_donor_of(infusion)
    lines = shown_lines(sheet, timezone.now())
    planned = next((line for line in lines if line.title == str(_("Planned viable cells (×10⁶)"))), None)
    facts = [
        (_("Patient"), infusion.patient.code),
        (_("Infusion"), str(infusion.number)),
        (_("Kit number"), kit.shown if kit else ""),
        (_("Weight of the day"), f"{shown_number(infusion.weight_kg)} kg" if infusion.weight_kg else ""),
        (_("Bags"), sheet.bag_words),
        (
            _("Earlier donor"),
            _("%(donor)s, infusion %(number)d") % {"number": other[0], "donor": other[1]} if other else "",
        ),
        (_("Allowed viable cells for this weight (×10⁶)"), planned.limits if planned else ""),
        (_("Missing"), missing_for_dose(infusion) if sheet.cells else ""),
    ]
    return [(label, value) for label, value in facts if value]


def _worksheet(sheet: BenchSheet, audience: Audience) -> Part:
    return {
        "code": sheet.infusion.patient.code,
        "steps": [_step(each) for each in shown_steps(sheet)],
        "lines": [
            [
                line.title,
                f"{line.formula} = {line.result}" if line.formula else line.result,
                " – ".join(filter(None, [line.limits, line.verdict])),
            ]
            for line in shown_lines(sheet, timezone.now())
        ],
    }


def _step(step: ShownStep) -> list[str]:
    row = step.row
    values = "; ".join(f"{label}: {value}" for label, value in step.values)
    if row is None:
        return [str(step.number), step.title, "", "", values, ""]
    late = _("entered %(when)s") % {"when": step.entered_late} if step.entered_late else ""
    source = _("from %(source)s") % {"source": row.source} if row.source else ""
    at = ", ".join(filter(None, [step.at, late, source]))
    signature = step.signature.statement if step.signature else ""
    return [str(step.number), step.title, at, row.recorded_by.full_name, values, signature]
