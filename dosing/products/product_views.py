"""Pages of the product of one infusion. In a masked trial blinded roles are refused, whatever the arm."""

from django.http import HttpResponse
from django.shortcuts import render

from dosing.allocation.slots import arm_of
from dosing.infusions.bedside_views import infusion_address, infusion_of, product_card, row_page
from dosing.labels import product_lines_of
from dosing.models import Infusion, Preparation
from dosing.product_queries.kinds import Target
from dosing.product_queries.log import product_links
from dosing.products.product_forms import PreparationForm, typed_dose
from dosing.products.product_gaps import product_gaps
from dosing.products.product_limits import product_lines
from dosing.worksheet.dispensed import asks_kit, is_dispensed
from dosing.worksheet.screen import shown_line
from patients.entry.form_page.page_drafts import PageDraft
from patients.views.fact_links import FactLink
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P
from trials.reader import reader_language


@trial_page(see=P.SEE_TREATMENT, change=P.PREPARE_PRODUCT)
def preparation(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Show the product of an infusion with its dose; record or amend it."""
    row = infusion_of(request, code, number)
    arm = arm_of(row.patient)
    context = {
        **product_card(request, row),
        "arm": arm.title.in_language(reader_language()) if arm else "",
    }
    may_prepare, recorded = request.access.may(P.PREPARE_PRODUCT), context["product"] is not None
    if context["product"] is not None:
        context["limits"] = [
            shown_line(line) for line in product_lines(row, context["product"]) if line.judged
        ]
    context["skipped"] = row.state == Infusion.State.NOT_GIVEN and not recorded
    planned, chain = row.state == Infusion.State.PLANNED, asks_kit(row.patient)
    # Before the infusion only the worksheet makes the product: a form here could not be saved.
    context["by_worksheet"] = may_prepare and chain and planned and not recorded
    asked = not recorded and not context["by_worksheet"]
    context["editing"] = may_prepare and not context["skipped"] and (asked or "change" in request.GET)
    context["may_change"] = may_prepare and recorded
    context["may_hand_over"] = may_prepare and recorded and planned and not chain and not is_dispensed(row)
    if context["may_change"] and not context["editing"]:
        context["editing"] = PageDraft(request, row.patient).stored() is not None
    context["may_prepare"] = may_prepare
    context["missing"] = [] if context["skipped"] else product_gaps(row, context["product"], arm)
    if context["product"] is not None and not context["editing"]:
        context["product_lines"] = _asked_lines(request, context["product"])
    if request.method != "POST" and not context["editing"]:
        return render(
            request, "dosing/preparation.html", {"infusion": row, "patient": row.patient, **context}
        )
    return row_page(
        request,
        lambda data: PreparationForm(data, row=row, product=context["product"], arm=arm),
        "dosing/preparation.html",
        row=row,
        done=infusion_address(row, "dosing:preparation"),
        context_of=lambda _row: {**context, "editing": True},
    )


def _asked_lines(request: TrialRequest, product: Preparation) -> list[tuple[str, object, FactLink | None]]:
    """Return label, text and bubble of each fact of the product."""
    links = product_links(request.access, Target.PREPARATION, [product.pk]).get(product.pk, {})
    return [(label, value, links.get(name)) for name, label, value in product_lines_of(product)]


@trial_page(see=None, change=P.PREPARE_PRODUCT)
def dose(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Render the dose box for the typed cells, or the message for an unreadable number. Stores nothing."""
    row = infusion_of(request, code, number)
    box = typed_dose(row, request.POST.get("viable_cells", ""))
    return render(request, "dosing/_dose.html", {"dose": box})
