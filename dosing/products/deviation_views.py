"""Pages of the log of product deviations. In a masked trial blinded roles are refused, whatever the log holds."""

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _

from dosing.models import ProductDeviation
from patients.views.deviation_log import deviation_pages as pages
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P

LOG = pages.DeviationLog(
    model=ProductDeviation,
    title=_("Product deviations"),
    note=_("Dose, donor and other facts of the product. In a masked trial they are shown to unblinded roles only."),
    empty=_("No product deviation is recorded. A dose outside the range or another donor opens one by itself."),
    name="product-deviations",
    listing="dosing:product-deviations",
    page="dosing:product-deviation",
    enter=P.PREPARE_PRODUCT,
    classify=P.CLASSIFY_PRODUCT,
)  # fmt: skip


@trial_page(see=P.SEE_TREATMENT)
def listing(request: TrialRequest) -> HttpResponseBase:
    """List the product deviations of the trial."""
    return pages.list_deviations(request, LOG)


@trial_page(see=P.PREPARE_PRODUCT, change=P.PREPARE_PRODUCT)
def new(request: TrialRequest, code: str) -> HttpResponse:
    """Enter a product deviation by hand."""
    return pages.enter_deviation(request, LOG, code)


@trial_page(see=P.SEE_TREATMENT)
def deviation(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Show one product deviation."""
    row = pages.deviation_of(request, LOG, code, number)
    return pages.show_deviation(request, LOG, row)


@trial_page(see=P.CLASSIFY_PRODUCT, change=P.CLASSIFY_PRODUCT)
def classify(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Classify a product deviation as minor, major or reportable."""
    return pages.classify_step(request, LOG, pages.deviation_of(request, LOG, code, number))


@trial_page(see=P.PREPARE_PRODUCT, change=P.PREPARE_PRODUCT)
def amend(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Amend a product deviation with a reason."""
    return pages.amend_step(request, LOG, pages.deviation_of(request, LOG, code, number))


@trial_page(see=P.PREPARE_PRODUCT, change=P.PREPARE_PRODUCT)
def strike_out(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Strike out a product deviation. It stays visible with its number."""
    return pages.strike_step(request, LOG, pages.deviation_of(request, LOG, code, number))
