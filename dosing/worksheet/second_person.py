"""The second person's signatures on a worksheet: before the thaw, and before the product leaves (CEL-09)."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit import signatures
from audit.models import Meaning
from dosing.models import Infusion, WorksheetStep
from dosing.stock.use import lock_infusion
from dosing.worksheet.identity import compared
from dosing.worksheet.plan import SIGNED, BenchStep
from dosing.worksheet.sheet import BenchSheet, read_sheet
from dosing.worksheet.step_values import NOW, When, moment_of


@transaction.atomic
def sign_step(
    *,
    infusion: Infusion,
    step: BenchStep,
    subject: str,
    second: str,
    password: str,
    by: User,
    sees_identity: bool,
    when: When = NOW,
) -> WorksheetStep:
    """Record and sign a step of the second person, who compares two identifiers of the patient with the order.

    when: earlier only for what the same person signed on paper, during a downtime; the electronic signature is of now.
    Raises ValidationError by field for identifiers that do not fit, for a person who recorded a step that is signed
    for, a step that is not the next one, and what a signature refuses. Nothing is stored then.
    """
    row = lock_infusion(infusion)
    if row.state == Infusion.State.NOT_GIVEN:
        raise ValidationError(_("This infusion was not given: nothing is prepared for it."))
    sheet = read_sheet(row)
    if step not in SIGNED or sheet.next != step:
        raise ValidationError(_("This step is not the next one: go on from the page as it is now."))
    if by.pk in preparers(sheet):
        raise ValidationError(
            _("Another person signs here: you have recorded steps of this preparation yourself.")
        )
    if when.at is not None and not when.source.strip():
        raise ValidationError({"source": _("Only a signature on paper is earlier than now: name the paper.")})
    at = moment_of(sheet, when)
    found = compared(row.patient, subject=subject, second=second, sees_identity=sees_identity)
    made = WorksheetStep.objects.create(
        infusion=row,
        patient=row.patient,
        kind=step.value,
        at=at,
        values=_values(sheet, step, row.patient.code, found.value),
        recorded_by=by,
        source=when.source.strip(),
        written_at=when.written_at,
    )
    zone = row.patient.trial.rules.trial.site.time_zone
    signatures.sign(target=made, meaning=Meaning.REVIEW, password=password, by=by, zone=zone)
    return made


def preparers(sheet: BenchSheet) -> frozenset[int]:
    """Return the keys of the people who recorded the steps of a worksheet, without those of the second person."""
    return frozenset(row.recorded_by_id for row in sheet.rows if row.kind not in SIGNED)


def _values(sheet: BenchSheet, step: BenchStep, subject: str, second_identifier: str) -> dict[str, Any]:
    values: dict[str, Any] = {
        "subject": subject,
        "second_identifier": second_identifier,
        "bags": [bag.number for bag in sheet.bags],
    }
    if step == BenchStep.CHECK and (label := sheet.step(BenchStep.LABELLED)) is not None:
        values["kit"] = label.values["kit"]
    return values
