"""Release of a lot: results against the specification, and signed decisions (CEL-05, CEL-06)."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, TypedDict

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit import signatures
from audit.models import Meaning
from audit.stored_text import trimmed
from dosing.models import BagMovement, Donor, Infusion, Lot, LotDecision, LotResult
from dosing.stock.ledger import MovementKind
from dosing.stock.lot_release.specification import Finding, ResultRefused, Verdict, finding, verdict
from patients.models import Patient
from protocol.document.product import ProductVersion
from trials.sponsor_notices import tell_sponsor

Status, Decision = Lot.Status, LotDecision.Kind
AFTER: Mapping[str, tuple[frozenset[str], str]] = {
    Decision.RELEASE: (frozenset({Status.WAITING, Status.CONDITIONAL}), Status.RELEASED),
    Decision.CONDITIONAL: (frozenset({Status.WAITING}), Status.CONDITIONAL),
    Decision.QUARANTINE: (
        frozenset({Status.WAITING, Status.RELEASED, Status.CONDITIONAL}),
        Status.QUARANTINED,
    ),
    Decision.LIFT: (frozenset({Status.QUARANTINED}), ""),
    Decision.RECALL: (
        frozenset({Status.RELEASED, Status.CONDITIONAL, Status.QUARANTINED}),
        Status.RECALLED,
    ),
    Decision.REJECT: (frozenset({Status.WAITING, Status.QUARANTINED}), Status.REJECTED),
}
"""Each decision with the states in which it can be taken, and the state after it ("": the one before quarantine)."""


def product_of(lot: Lot) -> ProductVersion | None:
    """Return the product of a lot as the protocol in force specifies it; None if it no longer has it."""
    return lot.trial.rules.product(lot.product, lot.product_version)


def newest_results(lot: Lot) -> dict[str, LotResult]:
    """Return the result that holds of each test. One query."""
    return {row.test: row for row in LotResult.objects.filter(lot=lot).order_by("pk")}


def verdict_of(lot: Lot, results: Mapping[str, LotResult]) -> Verdict:
    """Return the verdict on the results of a lot by the specification of its product."""
    product = product_of(lot)
    if product is None:
        return Verdict((), (), ("specification",))
    findings: dict[str, Finding] = {test: row.finding for test, row in results.items()}  # type: ignore[misc]
    return verdict(product, findings, passage=lot.passage, doublings=lot.population_doublings)


def is_accepted(donor: Donor) -> bool:
    """Return True if a donor meets every criterion and was not found unfit since. Undetermined is not met."""
    return donor.fit is True and donor.unfit_since is None


def failed_tests(lot: Lot) -> str:
    """Return the titles of the tests whose newest result fails, also one that came after the release. One query."""
    return _titles(lot, verdict_of(lot, newest_results(lot)).failed)


@transaction.atomic
def record_result(
    *, lot: Lot, test: str, value: str, reported_on: date | None, by: User, note: str = ""
) -> LotResult:
    """Record the result of a release test; an empty value says that it is pending. An earlier result stays.

    Raises ValidationError for a test that the specification does not have, a result that is no number where the test
    has limits, and a day to come or missing.
    """
    row = _locked(lot)
    product = product_of(row)
    known = product.test(test) if product else None
    if known is None:
        raise ValidationError({"test": _("The specification of this product does not have this test.")})
    errors: dict[str, Any] = {}
    if value.strip() and reported_on is None:
        errors["reported_on"] = _("Enter the day of the report.")
    if reported_on is not None and reported_on > row.trial.today:
        errors["reported_on"] = _("This day has not come yet.")
    try:
        found = finding(known, value)
    except ResultRefused:
        errors["value"] = _("Type a number: this test has limits.")
    if errors:
        raise ValidationError(errors)
    late = bool(value.strip()) and recipients_of(row).exists()
    if late and found == "failed":
        # ATM-02: in a masked trial the sponsor learns neither lot nor patient.
        tell_sponsor(trial=row.trial, what="late_result", by=by)
    return LotResult.objects.create(
        trial=row.trial,
        lot=row,
        test=test,
        value=value.strip(),
        limit=known.limit,
        finding=found,
        reported_on=reported_on if value.strip() else None,
        late=late,
        note=note.strip(),
        recorded_by=by,
    )


class NewResult(TypedDict):
    """A result of a release test as reported; an empty value says that it is pending."""

    test: str
    value: str
    reported_on: date | None


@transaction.atomic
def record_results(*, lot: Lot, results: Sequence[NewResult], by: User, note: str = "") -> list[LotResult]:
    """Record results of several release tests: all, or none. Return them in the given order.

    Raises ValidationError without a result, and with every error of `record_result` at `value_TEST` or
    `reported_on_TEST`.
    """
    if not results:
        raise ValidationError(_("Enter a result, or mark one as awaited."))
    made: list[LotResult] = []
    errors: dict[str, Any] = {}
    for result in results:
        try:
            made.append(record_result(lot=lot, by=by, note=note, **result))
        except ValidationError as refused:
            errors |= {f"{name}_{result['test']}": each for name, each in refused.error_dict.items()}
    if errors:
        raise ValidationError(errors)
    return made


@transaction.atomic
def decide(*, lot: Lot, kind: str, reason: str, password: str, by: User) -> LotDecision:
    """Take a signed decision about a lot: release, conditional release, quarantine and its end, recall, rejection.

    Raises ValidationError for a decision that the status does not allow, a release that the results do not allow, a
    missing reason, and what a signature refuses.
    """
    row = _locked(lot)
    if kind not in AFTER:
        raise ValidationError({"kind": _("Choose the decision.")})
    allowed, status = AFTER[kind]
    if row.status not in allowed:
        text = _("Lot %(lot)s: this is not possible while its status is “%(status)s”.")
        raise ValidationError(text % {"lot": row.number, "status": row.get_status_display()})
    pending = _refuse_release(row, kind)
    if kind == Decision.LIFT:
        _refuse_lift(row)
    if kind not in {Decision.RELEASE, Decision.CONDITIONAL} and not trimmed(reason):
        raise ValidationError({"reason": _("Say why.")})
    now = timezone.now()
    decision = LotDecision.objects.create(
        trial=row.trial,
        lot=row,
        kind=kind,
        status=status or _before_quarantine(row),
        reason=reason.strip(),
        pending=pending,
        # One moment of a save: a decision is not recorded before it is taken.
        decided_at=now,
        recorded_at=now,
        recorded_by=by,
    )
    row.status, row.version = decision.status, row.version + 1
    row.save(update_fields=["status", "version"])
    zone = row.trial.rules.trial.site.time_zone
    signatures.sign(target=decision, meaning=Meaning.APPROVAL, password=password, by=by, zone=zone)
    if kind == Decision.RECALL:
        tell_sponsor(trial=row.trial, what="lot_recalled", by=by)
    return decision


def recipients_of(lot: Lot) -> Any:
    """Return the patients to whom content of the lot was given, or for whom it was thawed and the infusion given."""
    used = BagMovement.objects.filter(
        lot=lot, reversed_by=None, infusion__state=Infusion.State.GIVEN
    ).exclude(kind=MovementKind.REVERSAL)
    return Patient.objects.filter(pk__in=used.values("patient"))


def _locked(lot: Lot) -> Lot:
    list(Lot.objects.select_for_update().filter(pk=lot.pk).values_list("pk"))
    return Lot.objects.select_related("trial__protocol", "bank__donation__donor").get(pk=lot.pk)


def _before_quarantine(lot: Lot) -> str:
    before = LotDecision.objects.filter(lot=lot).exclude(status=Status.QUARANTINED).order_by("pk").last()
    return before.status if before else Status.WAITING


def _refuse_release(lot: Lot, kind: str) -> list[str]:
    """Return the tests that are pending at a conditional release. Raises ValidationError if it is not allowed."""
    if kind not in {Decision.RELEASE, Decision.CONDITIONAL}:
        return []
    found = verdict_of(lot, newest_results(lot))
    _refuse_donor(lot)
    if found.releasable and kind == Decision.RELEASE:
        return []
    if found.conditionally and kind == Decision.CONDITIONAL:
        return list(found.pending)
    raise ValidationError(_refusal(lot, found, kind))


def _refuse_donor(lot: Lot) -> None:
    donor = lot.bank.donation.donor if lot.bank else None
    if donor is not None and not is_accepted(donor):
        if donor.fit is None and donor.unfit_since is None:
            text = _(
                "Lot %(lot)s cannot be released: it is not known whether donor %(donor)s meets the donor criteria."
            )
        else:
            text = _("Lot %(lot)s cannot be released: donor %(donor)s does not meet the donor criteria.")
        raise ValidationError(text % {"lot": lot.number, "donor": donor.code})


def _refuse_lift(lot: Lot) -> None:
    """Raise ValidationError if the end of the quarantine would free bags that results or the donor forbid."""
    if _before_quarantine(lot) not in {Status.RELEASED, Status.CONDITIONAL}:
        return
    _refuse_donor(lot)
    found = verdict_of(lot, newest_results(lot))
    if found.failed:
        text = _("The quarantine of lot %(lot)s cannot end: out of specification are %(tests)s.")
        raise ValidationError(text % {"lot": lot.number, "tests": _titles(lot, found.failed)})


def _refusal(lot: Lot, found: Verdict, kind: str) -> str:
    known = {"lot": lot.number}
    if found.failed:
        text = _("Lot %(lot)s cannot be released: out of specification are %(tests)s.")
        return text % {**known, "tests": _titles(lot, found.failed)}
    if found.missing:
        text = _("Lot %(lot)s cannot be released: results are missing of %(tests)s.")
        return text % {**known, "tests": _titles(lot, found.missing)}
    if found.passages or found.doublings:
        return _("Lot %(lot)s cannot be released: it has more passages or doublings than allowed.") % known
    if kind == Decision.CONDITIONAL:
        return _("Lot %(lot)s waits for no result: choose “Release”.") % known
    text = _(
        "Lot %(lot)s still waits for results of: %(tests)s. Choose “Release with results pending”, or wait."
    )
    return text % {**known, "tests": _titles(lot, found.pending)}


def _titles(lot: Lot, codes: tuple[str, ...]) -> str:
    product = product_of(lot)
    tests = [(code, product.test(code) if product else None) for code in codes]
    return ", ".join(str(test.title) if test else code for code, test in tests)
