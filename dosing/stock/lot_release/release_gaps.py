"""Gaps that keep a lot from its release, each with a link (CEL-05, CEL-06)."""

from django.urls import reverse
from django.utils.translation import gettext as _

from dosing.models import Lot
from dosing.stock.lot_release.release import is_accepted, product_of
from dosing.stock.lot_release.specification import Verdict
from trials.reader import reader_language

Status = Lot.Status


def release_gaps(lot: Lot, found: Verdict) -> list[tuple[str, str]]:
    """Return sentence and address ("" where no page mends it) of each obstacle of a lot that waits. No query.

    Reads lot.trial and the donor. found: of the newest results.
    """
    if lot.status not in (Status.WAITING, Status.CONDITIONAL, Status.QUARANTINED):
        return []
    slug, product = lot.trial.slug, product_of(lot)
    if product is None:
        return [(_("The protocol in force does not have this product in this version."), "")]
    results, language = reverse("dosing:lot-step", args=[slug, lot.pk, "result"]), reader_language()
    titles = {test.code: test.title.in_language(language) for test in product.tests}
    sentences = (
        (found.failed, _("Out of specification: %(test)s.")),
        (found.missing, _("The result is missing: %(test)s.")),
        (found.pending, _("The result is awaited: %(test)s.")),
    )
    gaps = [
        (text % {"test": titles.get(code, code)}, f"{results}#id_value_{code}")
        for codes, text in sentences
        for code in codes
    ]
    donor = lot.bank.donation.donor if lot.bank else None
    if donor is not None and not is_accepted(donor):
        unknown = donor.fit is None and donor.unfit_since is None
        text = (
            _("It is not known whether donor %(donor)s meets the donor criteria.")
            if unknown
            else _("Donor %(donor)s does not meet the donor criteria.")
        )
        gaps.append((text % {"donor": donor.code}, reverse("dosing:donor", args=[slug, donor.pk])))
    if found.passages:
        gaps.append((_("The lot has more passages than the specification allows."), ""))
    if found.doublings:
        gaps.append((_("The lot has more population doublings than the specification allows."), ""))
    return gaps
