"""The chain before the bag: donor, donation, cell bank, lot. Every link is mandatory (CEL-01, CEL-05)."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, TypedDict

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from audit.stored_text import Text, trimmed
from dosing.models import CellBank, Donation, Donor, Lot
from dosing.stock.identifiers import gs1
from dosing.stock.identifiers.european_code import SCHEME, donation_sequence
from dosing.stock.identifiers.isbt128 import donation_number
from dosing.stock.identifiers.refusals import IdentifierRefused
from dosing.stock.words import identifier_words
from protocol.expressions.donors import donor_findings, is_fit
from protocol.values.parsing import parse
from protocol.values.refusals import ValueRefused
from trials.models import Trial
from trials.reader import shown_sentence

ISBT, LOCAL = "isbt128", "local"
FIRST_BIRTH_YEAR = 1900


class LotFacts(TypedDict):
    """The record of a lot (CEL-05). Cells are whole cells in one bag, volume_ul microlitres in one bag."""

    number: str
    product: str
    product_version: str
    bank: CellBank | None
    passage: int | None
    population_doublings: Decimal | None
    manufactured_on: date
    frozen_on: date | None
    expires_on: date
    cryoprotectant: str
    dmso_percent: Decimal | None
    cells_per_bag: Decimal | None
    volume_ul: int
    viability_at_freeze: Decimal | None
    retention_samples: str


@transaction.atomic
def record_donor(
    *,
    trial: Trial,
    code: str,
    by: User,
    sex: str = "",
    birth_year: int | None = None,
    answers: Mapping[str, str] | None = None,
) -> Donor:
    """Record a donor under a code, and judge the donor criteria of the protocol by the answers as typed.

    Raises ValidationError for a missing or known code, an impossible year and an answer that cannot be read. A donor
    who does not meet a criterion is recorded: the bags are stopped.
    """
    today = trial.today
    donor = Donor(trial=trial, code=code.strip(), sex=sex, birth_year=birth_year, recorded_by=by)
    errors: dict[str, Any] = {} if donor.code else {"code": _("Enter the donor's code.")}
    if birth_year is not None and not FIRST_BIRTH_YEAR <= birth_year <= today.year:
        errors["birth_year"] = _("This year cannot be a year of birth.")
    stored, wrong = _read_answers(trial, answers or {})
    errors |= wrong
    if errors:
        raise ValidationError(errors)
    _judge(donor, trial, stored, today)
    _save(donor)
    return donor


@transaction.atomic
def amend_donor(*, donor: Donor, answers: Mapping[str, str], version: int, reason: Text, by: User) -> Donor:
    """Record the answers about a donor again, and judge the criteria again.

    Raises ValidationError without a reason, for an unreadable answer, and if somebody changed the donor meanwhile.
    """
    row = Donor.objects.select_for_update().get(pk=donor.pk)
    stored, errors = _read_answers(row.trial, answers)
    if not trimmed(reason):
        errors["reason"] = _("Say why this is changed.")
    if errors:
        raise ValidationError(errors)
    if row.version != version:
        raise ValidationError(_("Somebody changed this donor meanwhile. Open the page again."))
    _judge(row, row.trial, stored, row.trial.today)
    row.version += 1
    with because(trimmed(reason)):
        row.save()
    return row


@transaction.atomic
def record_donation(
    *, donor: Donor, identification: str, scheme: str, donated_on: date, tissue: str, by: User
) -> Donation:
    """Record a donation. scheme: `isbt128`, `2006/86/EC` or `local`; a number of the first two is checked.

    Raises ValidationError for a number that its scheme refuses, a day to come, and a known number.
    """
    donation = Donation(
        trial=donor.trial,
        donor=donor,
        identification=_identification(identification, scheme),
        scheme=scheme,
        donated_on=donated_on,
        tissue=tissue.strip(),
        recorded_by=by,
    )
    errors = {} if donation.tissue else {"tissue": _("Enter the tissue.")}
    if donated_on > donor.trial.today:
        errors["donated_on"] = _("This day has not come yet.")
    if errors:
        raise ValidationError(errors)
    _save(donation)
    return donation


@transaction.atomic
def record_bank(
    *,
    donation: Donation,
    code: str,
    passage: int,
    population_doublings: Decimal | None,
    frozen_on: date,
    by: User,
) -> CellBank:
    """Record a bank of cells. Raises ValidationError if it was frozen before the donation, or is known."""
    bank = CellBank(
        trial=donation.trial,
        donation=donation,
        code=code.strip(),
        passage=passage,
        population_doublings=population_doublings,
        frozen_on=frozen_on,
        recorded_by=by,
    )
    errors = {} if bank.code else {"code": _("Enter the code of the cell bank.")}
    if frozen_on < donation.donated_on:
        errors["frozen_on"] = _("The bank was frozen before the donation.")
    if frozen_on > donation.trial.today:
        errors["frozen_on"] = _("This day has not come yet.")
    if errors:
        raise ValidationError(errors)
    _save(bank)
    return bank


@transaction.atomic
def record_lot(*, trial: Trial, facts: LotFacts, by: User) -> Lot:
    """Record a lot of a product that the protocol file names. It waits for its release.

    Raises ValidationError for an unknown product, a lot of cells without a bank, impossible days, and a known number.
    """
    product = trial.rules.product(facts["product"], facts["product_version"])
    if product is None:
        raise ValidationError({"product": _("The protocol does not have this product in this version.")})
    fields = {**facts, "number": facts["number"].strip(), "cryoprotectant": facts["cryoprotectant"].strip()}
    lot = Lot(trial=trial, cells=product.cells, recorded_by=by, **fields)
    if errors := _lot_errors(lot, trial.today):
        raise ValidationError(errors)
    _save(lot)
    return lot


def _lot_errors(lot: Lot, today: date) -> dict[str, Any]:
    errors: dict[str, Any] = {}
    if not gs1.fits(lot.number):
        errors["number"] = _("A lot has a number of at most 20 letters, digits and signs, without blanks.")
    if lot.cells:
        if lot.bank is None:
            errors["bank"] = _("A lot of cells comes from a cell bank: choose it.")
        elif lot.bank.trial_id != lot.trial_id:
            errors["bank"] = _("This cell bank belongs to another trial.")
        elif lot.bank.frozen_on > lot.manufactured_on:
            errors["manufactured_on"] = _("The lot was manufactured before its cell bank was frozen.")
        if not lot.cells_per_bag or lot.cells_per_bag <= 0:
            errors["cells_per_bag"] = _("Enter the cells in each bag.")
        if lot.passage is None:
            errors["passage"] = _("Enter the passage.")
        elif lot.bank is not None and lot.passage < lot.bank.passage:
            errors["passage"] = _("The passage is below that of the cell bank.")
    elif lot.bank is not None or lot.cells_per_bag is not None:
        errors["bank"] = _("A placebo has no cell bank and no cells.")
    if lot.manufactured_on > today:
        errors["manufactured_on"] = _("This day has not come yet.")
    if lot.expires_on < lot.manufactured_on:
        errors["expires_on"] = _("The day of expiry is before the manufacture.")
    if lot.volume_ul <= 0:
        errors["volume_ml"] = _("The volume of a bag must be above zero.")
    return errors


def _identification(text: str, scheme: str) -> str:
    """Return the number as it is stored. Raises ValidationError if its scheme refuses it."""
    try:
        if scheme == ISBT:
            return donation_number(text).text
        if scheme == SCHEME:
            return donation_sequence(text)
    except IdentifierRefused as refused:
        raise ValidationError({"identification": identifier_words(refused)}) from refused
    if scheme != LOCAL:
        raise ValidationError({"scheme": _("Choose the coding scheme of the number.")})
    if not text.strip():
        raise ValidationError({"identification": _("Enter the identification number of the donation.")})
    return text.strip()


def _read_answers(trial: Trial, typed: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the readable answers about a donor by item, and the messages for the others."""
    plan = trial.rules.donors
    stored: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for item in plan.items if plan else ():
        try:
            value = parse(typed.get(item.name, ""), item)
        except ValueRefused as refused:
            errors[item.name] = shown_sentence(refused)
        else:
            if value is not None:
                stored[item.name] = value
    return stored, errors


def _judge(donor: Donor, trial: Trial, answers: dict[str, Any], today: date) -> None:
    donor.answers = answers
    plan = trial.rules.donors
    findings = donor_findings(plan, answers) if plan else []
    donor.findings = [
        {"id": each.criterion.id, "allows": each.allows, "needs": list(each.needs)} for each in findings
    ]
    donor.fit, donor.assessed_on = is_fit(findings), today


def _save(row: Donor | Donation | CellBank | Lot) -> None:
    """Store a new row. Raises ValidationError if its number is known."""
    row.validate_constraints()
    row.save()
