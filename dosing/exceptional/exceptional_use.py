"""The road of a lot out of specification to one infusion, step by step, each signed (ATM-04, GMP for ATMP 11.53–54).

The treating physician asks for it, the laboratory evaluates the risk, the physician accepts or declines; then sponsor
and competent authority are told within two days. Only in an open trial: in a masked one the physician may not know of
which product it is, so the product is never used. An accepted lot is usable for that infusion alone.
"""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit import signatures
from audit.models import Meaning
from dosing.exceptional.exceptional_steps import USABLE, ExceptionalUse, Kind, candidates, uses_of
from dosing.models import ExceptionalStep, Infusion, Lot, ProductDeviation
from dosing.stock.use import lock_infusion
from patients.participation.deviation_log.deviations import open_deviation
from trials.sponsor_notices import tell_sponsor


@transaction.atomic
def request_use(*, infusion: Infusion, lot: Lot, need: str, password: str, by: User) -> ExceptionalStep:
    """Ask for a lot out of specification for one infusion, as its treating physician who signs.

    need: why this patient cannot wait for another product. Raises ValidationError in a masked trial, for an infusion
    that is recorded, a lot that cannot be asked for, a missing reason, and what a signature refuses.
    """
    row = lock_infusion(infusion)
    if row.patient.trial.masked:
        raise ValidationError(
            _(
                "In a masked trial no product out of specification is used: nobody at the bedside may know which it is."
            )
        )
    if row.state != Infusion.State.PLANNED:
        raise ValidationError(_("This infusion is recorded already: nothing is asked for any more."))
    if lot.pk not in {each.pk for each in candidates(row)}:
        raise ValidationError(
            {"lot": _("This lot is not out of specification, or it may not be used at all.")}
        )
    return _step(row, lot, Kind.REQUEST, need, "need", password, by, meaning=Meaning.RESPONSIBILITY)


@transaction.atomic
def evaluate_risk(
    *, use: ExceptionalUse, favourable: bool, evaluation: str, password: str, by: User
) -> ExceptionalStep:
    """Record the risk evaluation of the laboratory or manufacturer, signed.

    Raises ValidationError out of order, without a text, for the physician who asked, and what a signature refuses.
    """
    held = _held(use, Kind.EVALUATION)
    if held.steps[Kind.REQUEST].recorded_by_id == by.pk:
        raise ValidationError(
            _("Another person evaluates the risk: you have asked for the product yourself.")
        )
    return _step(
        held.infusion,
        held.lot,
        Kind.EVALUATION,
        evaluation,
        "evaluation",
        password,
        by,
        favourable=favourable,
    )


@transaction.atomic
def decide_use(
    *, use: ExceptionalUse, favourable: bool, reason: str, password: str, by: User
) -> ExceptionalStep:
    """Accept or decline the product after the evaluation, as the treating physician who signs.

    An acceptance is a product deviation and is told to the sponsor. Raises ValidationError out of order, for an
    acceptance against the evaluation, a lot that was stopped meanwhile, and what a signature refuses.
    """
    held = _held(use, Kind.DECISION)
    if favourable and not held.steps[Kind.EVALUATION].favourable:
        raise ValidationError(
            {"favourable": _("The laboratory found the risk not acceptable: the product cannot be accepted.")}
        )
    if favourable and held.lot.status not in USABLE:
        raise ValidationError(_("Lot %(lot)s was stopped meanwhile.") % {"lot": held.lot.number})
    if held.infusion.state != Infusion.State.PLANNED:
        raise ValidationError(_("This infusion is recorded already: nothing is decided any more."))
    made = _step(
        held.infusion, held.lot, Kind.DECISION, reason, "reason", password, by, favourable=favourable,
        meaning=Meaning.RESPONSIBILITY,
    )  # fmt: skip
    if favourable:
        _tell(held, made, by)
    return made


@transaction.atomic
def record_notice(
    *, use: ExceptionalUse, kind: str, at: datetime, text: str, password: str, by: User
) -> ExceptionalStep:
    """Record when and how sponsor or competent authority were told, signed.

    Raises ValidationError before the acceptance, for a time before it or to come, and what a signature refuses.
    """
    held = _held(use, kind)
    if at > timezone.now():
        raise ValidationError({"at": _("This time has not come yet. Check the date.")})
    if at < held.steps[Kind.DECISION].at.replace(second=0, microsecond=0):
        raise ValidationError({"at": _("This is before the product was accepted.")})
    return _step(held.infusion, held.lot, kind, text, "text", password, by, at=at)


def _held(use: ExceptionalUse, kind: str) -> ExceptionalUse:
    """Return the use as stored now, with its infusion locked. Raises ValidationError if the step does not follow."""
    row = lock_infusion(use.infusion)
    found = next(iter(uses_of(infusion=row, lot=use.lot)), None)
    if found is None or kind not in found.next:
        raise ValidationError(_("This step is not the next one: go on from the page as it is now."))
    return ExceptionalUse(row, found.lot, found.steps, found.signed)


def _step(
    infusion: Infusion,
    lot: Lot,
    kind: str,
    text: str,
    name: str,
    password: str,
    by: User,
    *,
    favourable: bool | None = None,
    at: datetime | None = None,
    meaning: Meaning = Meaning.APPROVAL,
) -> ExceptionalStep:
    if not text.strip():
        raise ValidationError({name: _("Say why, or how.")})
    patient = infusion.patient
    row = ExceptionalStep(
        infusion=infusion,
        patient=patient,
        lot=lot,
        kind=kind,
        favourable=favourable,
        text=text.strip(),
        at=at or timezone.now(),
        recorded_by=by,
    )
    row.validate_constraints()
    row.save()
    zone = patient.trial.rules.trial.site.time_zone
    signatures.sign(target=row, meaning=meaning, password=password, by=by, zone=zone)
    return row


def _tell(use: ExceptionalUse, decision: ExceptionalStep, by: User) -> None:
    patient = use.infusion.patient
    open_deviation(
        patient=patient,
        category=ProductDeviation.Category.SPECIFICATION,
        source=use.infusion,
        on=patient.trial.today,
        text=decision.text,
        by=by,
        log=ProductDeviation,
    )
    tell_sponsor(
        trial=patient.trial,
        what="out_of_specification",
        by=by,
        subject=patient.code,
        patient_id=patient.pk,
    )
