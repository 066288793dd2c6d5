"""Pages of the road of a lot out of specification: the steps of an infusion, and one form for each step."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from dosing.exceptional.exceptional_forms import AcceptanceForm, EvaluationForm, NoticeForm, RequestForm
from dosing.exceptional.exceptional_steps import Kind, uses_of
from dosing.infusions.bedside_views import infusion_address, infusion_of
from dosing.models import ExceptionalStep, Infusion
from dosing.stock.stock_forms import StockForm
from dosing.stock.stock_views import sent_on, step
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P

PAGES = {
    Kind.EVALUATION: "evaluation",
    Kind.DECISION: "decision",
    Kind.SPONSOR: "notice",
    Kind.AUTHORITY: "notice",
}
WHO = {Kind.EVALUATION: P.PREPARE_PRODUCT, Kind.DECISION: P.SIGN}


@trial_page(see=P.SEE_TREATMENT)
def uses(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Show the exceptional uses of an infusion: every step with its signature, its clock, and what follows."""
    row = infusion_of(request, code, number)
    found = uses_of(infusion=row)
    now = timezone.now()
    context = {
        "infusion": row,
        "patient": row.patient,
        "uses": [(each, each.is_late(now), _next(request, each)) for each in found],
        "may_ask": not request.trial.masked
        and row.state == Infusion.State.PLANNED
        and request.access.may(P.SIGN),
        "masked": request.trial.masked,
    }
    return render(request, "dosing/exceptional_uses.html", context)


def _next(request: TrialRequest, use: Any) -> list[tuple[str, str]]:
    """Return the kinds of page and titles of the steps that the reader may take."""
    found = {
        PAGES[kind]: str(_("Record a notice") if PAGES[kind] == "notice" else Kind(kind).label)
        for kind in use.next
        if request.access.may(WHO.get(kind, P.PREPARE_PRODUCT))
    }
    return list(found.items())


@sensitive_post_parameters("password")
@trial_page(see=P.SIGN, change=P.SIGN)
def ask(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Ask for a lot out of specification for an infusion."""
    row = infusion_of(request, code, number)
    if request.trial.masked:
        # The same answer in both arms, whatever the lots are.
        raise Http404
    form = RequestForm(sent_on(request), trial=request.trial, row=row)
    return _page(request, form, row, _("Ask for a product out of specification"))


@sensitive_post_parameters("password")
@trial_page(see=P.PREPARE_PRODUCT, change=P.PREPARE_PRODUCT)
def evaluation(request: TrialRequest, code: str, number: int, lot: int) -> HttpResponse:
    """Evaluate the risk of a lot for an infusion."""
    return _following(request, code, number, lot, EvaluationForm, Kind.EVALUATION)


@sensitive_post_parameters("password")
@trial_page(see=P.SIGN, change=P.SIGN)
def decision(request: TrialRequest, code: str, number: int, lot: int) -> HttpResponse:
    """Accept or decline a lot out of specification for an infusion."""
    return _following(request, code, number, lot, AcceptanceForm, Kind.DECISION)


@sensitive_post_parameters("password")
@trial_page(see=P.PREPARE_PRODUCT, change=P.PREPARE_PRODUCT)
def notice(request: TrialRequest, code: str, number: int, lot: int) -> HttpResponse:
    """Record that sponsor or competent authority were told."""
    return _following(request, code, number, lot, NoticeForm, Kind.SPONSOR)


def _following(
    request: TrialRequest, code: str, number: int, lot: int, form: type[StockForm], kind: Kind
) -> HttpResponse:
    row = infusion_of(request, code, number)
    rows = ExceptionalStep.objects.visible_to(request.user).filter(infusion=row, lot=lot)
    if not rows.exists():
        raise Http404
    (use,) = uses_of(infusion=row, lot=lot)
    title = _("Record a notice") if form is NoticeForm else str(Kind(kind).label)
    made = form(sent_on(request), trial=request.trial, row=use)
    return _page(request, made, row, title, about=use.lot.number)


def _page(request: TrialRequest, form: StockForm, row: Infusion, title: str, about: str = "") -> HttpResponse:
    back = infusion_address(row, "dosing:exceptional-uses")
    about = f"{row.patient.code} {about}".strip()
    return step(request, form, title=title, back=back, about=about, patient=row.patient)
