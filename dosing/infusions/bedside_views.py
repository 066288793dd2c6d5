"""Pages of one infusion at the bedside: weight, record, amendment, not given. The same in both arms."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _

from dosing.conflicts import StaleInfusion
from dosing.infusions.bedside_forms import BedsideForm, NotGivenForm, WeightForm
from dosing.infusions.infusion_checks import infusion_refusal
from dosing.labels import bedside_facts, infusion_facts, product_facts, status_tag, window_words
from dosing.models import Infusion, Kit, Preparation, TreatmentInstruction
from dosing.patient_dose import asks_weight
from dosing.products.dose_comparison import dose_box
from dosing.products.thaw import stored_contradiction
from dosing.versioned_forms import RowForm
from dosing.worksheet.dispensed import asks_kit
from dosing.worksheet.overriding import allowed
from patients.entry.form_page.page_drafts import PageDraft, finished
from patients.models import Patient, Query
from patients.participation.eligibility_decisions.decision_review import resting_on_changes
from patients.participation.treatment.infusion_links import events_at
from patients.views.fact_links import links_of
from patients.views.participation import patient_of
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P


def infusion_of(request: TrialRequest, code: str, number: int) -> Infusion:
    """Return an infusion of this trial with its patient. Raises Http404 if there is none, or it is not visible."""
    patient = patient_of(request, code)
    row: Infusion = get_object_or_404(
        Infusion.objects.visible_to(request.user), patient=patient, number=number
    )
    row.patient = patient
    return row


def infusion_address(row: Infusion, name: str = "dosing:infusion") -> str:
    """Return the address of a page of the infusion; `name` is the URL name."""
    return reverse(name, args=[row.patient.trial.slug, row.patient.code, row.number])


def row_page(
    request: TrialRequest,
    make: Callable[[Any], RowForm],
    template: str,
    *,
    row: Infusion,
    done: str,
    context_of: Callable[[Infusion], dict[str, Any]],
) -> HttpResponse:
    """Render a form on a row; on POST save it and redirect to `done`, or render it again.

    422: errors beside their fields. 409: the row was changed since the page was made; both values are shown. A double
    click saves once. What was typed and not saved is shown again: see `PageDraft`.
    context_of: returns further template context for the current row.
    """
    typed = PageDraft(request, row.patient)
    form = make(typed.sent)
    if (kept := typed.answer(form)) is not None:
        return kept
    context: dict[str, Any] = {}
    status = 200
    if request.method == "POST":
        status = 422
        try:
            if form.is_valid() and form.save(by=request.user):
                messages.success(request, _("Infusion %(number)d is saved.") % {"number": row.number})
                return finished(typed, done)
        except StaleInfusion as stale:
            form, status = form.rebound(stale.row), 409
            context = {"differences": form.differences(), "changed": last_change(stale.row)}
            # Nothing differs: the second of two clicks sent what the first has saved.
            if not context["differences"]:
                return finished(typed, done)
        typed.keep(form)
    typed.show(form)
    context |= {"form": form, "infusion": form.row, "patient": row.patient, **context_of(form.row)}
    return render(request, template, context, status=status)


def last_change(row: Infusion | Preparation) -> Any:
    """Return the newest history row of a stored row, None if nothing is stored. One query."""
    return row.history.order_by("-history_id").first() if row.pk else None


@trial_page(see=P.SEE_TRIAL, change=P.RECORD_INFUSION)
def infusion(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Show an infusion; record or amend it."""
    row = infusion_of(request, code, number)
    context = infusion_context(request, row)
    if context["may_change"] and not context["editing"]:
        context["editing"] = PageDraft(request, row.patient).stored() is not None
    if request.method != "POST" and not context["editing"]:
        return render(request, "dosing/infusion.html", {"infusion": row, "patient": row.patient, **context})
    return row_page(
        request,
        lambda data: BedsideForm(data, row=row),
        "dosing/infusion.html",
        row=row,
        done=infusion_address(row),
        context_of=lambda now: {
            **(context if now is row else infusion_context(request, now)),
            "editing": True,
        },
    )


def infusion_context(request: TrialRequest, row: Infusion) -> dict[str, Any]:
    """Return the template context of an infusion's page, the product only for readers who may know the treatment."""
    may_record = request.access.may(P.RECORD_INFUSION)
    problem = infusion_refusal(row) if may_record else ""
    links = links_of(request.access, Query.Target.INFUSION, row)
    # A patient found not eligible after inclusion receives nothing more; what was given before can be recorded.
    open_now = may_record and (not problem or not infusion_refusal(row, row.patient.enrolled_at))
    recorded = row.state != Infusion.State.PLANNED
    visits = row.patient.protocol.rules.visits
    context = {
        "visit": next((visit.code for visit in visits if visit.infusion == row.number), ""),
        "facts": [(label, value, links.get(column)) for column, label, value in bedside_facts(row) if value],
        "status": status_tag(row, row.patient.trial.today),
        "window": window_words(row),
        "kit": Kit.objects.filter(infusion=row).first() if row.patient.trial.masked else None,
        "may_compare": may_record and (asks_kit(row.patient) or row.patient.trial.masked),
        "may_ask_exception": not request.trial.masked
        and (request.access.may(P.SIGN) or request.access.may(P.PREPARE_PRODUCT)),
        "may_override": request.access.may(P.SIGN) and not recorded and bool(allowed(row.patient)),
        "refusal": problem,
        "eligibility": resting_on_changes(row.patient) if open_now and not recorded else [],
        "may_change": open_now and recorded,
        "may_skip": may_record and row.state != Infusion.State.NOT_GIVEN,
        "may_weigh": open_now and not recorded and not problem and asks_weight(row),
        "editing": open_now and (not recorded or "change" in request.GET),
        "may_report": row.tolerated == "N" and request.access.may(P.REPORT_EVENT),
        "events": events_at(row.patient, row.number),
        "instructions": waiting_instructions(request, row.patient),
        "not_tolerated": row.tolerated == "N",
    }
    return {**context, **product_card(request, row)} if request.access.sees_treatment else context


def waiting_instructions(request: TrialRequest, patient: Patient) -> list[str]:
    """Return the addresses of the instructions for this patient that nobody opened, for who may open them."""
    if not request.access.may(P.UNBLIND):
        return []
    rows = TreatmentInstruction.objects.filter(patient=patient, opened_at=None).order_by("number")
    place = [request.trial.slug, patient.code]
    return [
        reverse("dosing:instruction", args=[*place, number])
        for number in rows.values_list("number", flat=True)
    ]


def product_card(request: TrialRequest, row: Infusion) -> dict[str, Any]:
    """Return product and dose box of an infusion as template context. Never for a blinded reader (CEL-18)."""
    rows = Preparation.objects.visible_to(request.user).filter(infusion=row).select_related("prepared_by")
    product = rows.first()
    return {
        "sees_product": True,
        "product": product,
        "product_facts": product_facts(product) if product else [],
        "dose": dose_box(row, product.viable_cells if product else None),
        "thaw": stored_contradiction(row, product),
    }


@trial_page(see=P.RECORD_INFUSION, change=P.RECORD_INFUSION)
def weight(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Record the weight of the day before the infusion. Not found if no dose depends on it."""
    row = infusion_of(request, code, number)
    if not asks_weight(row):
        raise Http404
    return row_page(
        request,
        lambda data: WeightForm(data, row=row),
        "dosing/weight.html",
        row=row,
        done=infusion_address(row),
        context_of=lambda now: {"refusal": infusion_refusal(now)},
    )


@trial_page(see=P.RECORD_INFUSION, change=P.RECORD_INFUSION)
def not_given(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Record that an infusion was not given, with the reason."""
    row = infusion_of(request, code, number)
    return row_page(
        request,
        lambda data: NotGivenForm(data, row=row),
        "dosing/not_given.html",
        row=row,
        done=infusion_address(row),
        context_of=lambda now: {"facts": infusion_facts(now)},
    )
