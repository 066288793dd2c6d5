"""Pages of the stock: the bags with the balance of each lot, the scan field, and the log of every movement."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.sessions.kept_forms import kept_data
from dosing.models import Bag, BagMovement, Donation, Donor, Kit, Lot
from dosing.stock.balance import lines_of
from dosing.stock.labels.scan import Row, scanned
from dosing.stock.ledger import Account
from dosing.stock.stock_columns import BAGS, BagFilter, MovementFilter, movement_columns, with_account
from dosing.stock.stock_forms import LotForm, StockForm
from patients.entry.form_page.page_drafts import PageDraft, finished
from patients.models import Patient
from trials.access import TrialRequest, trial_page
from trials.listing import Listing, Selection
from trials.permissions import Permission as P


@trial_page(see=P.SEE_TREATMENT, change=P.SEE_TREATMENT)
def stock(request: TrialRequest) -> HttpResponseBase:
    """List the bags of the trial with the balance of each lot. What is posted is a scan, which leads to its page."""
    if request.method == "POST":
        return _scan(request)
    return _stock(request)


def _scan(request: TrialRequest) -> HttpResponseBase:
    typed = request.POST.get("scan", "")
    try:
        row = scanned(request.trial, typed)
    except ValidationError as refused:
        return render(
            request,
            "dosing/stock/scan.html",
            {"scan": typed, "problem": " ".join(refused.messages), "title": _("Scan")},
            status=422,
        )
    return redirect(address_of(request.trial.slug, row))


def _stock(request: TrialRequest) -> HttpResponseBase:
    rows = with_account(Bag.objects.visible_to(request.user).filter(trial=request.trial))
    page = Listing(
        request,
        queryset=rows.select_related("lot"),
        columns=BAGS,
        sort="number",
        filterset=BagFilter(request.GET, queryset=rows),
        row_url=lambda row: address_of(request.trial.slug, row),
        name="stock",
        empty=gettext_lazy("No bag was received yet: record a lot, then receive its bags."),
    )
    if page.wants_csv:
        return page.csv()
    lots = Lot.objects.visible_to(request.user).filter(trial=request.trial).in_bulk()
    context = {
        "lines": lines_of(request.trial, dict(sorted(lots.items(), key=lambda each: each[1].number))),
        "accounts": [BagMovement.Account(each).label for each in Account if each != Account.SUPPLIER],
        "may_change": request.access.may(P.PREPARE_PRODUCT),
    }
    return page.response("dosing/stock/stock.html", context)


@trial_page(see=P.SEE_TREATMENT)
def movements(request: TrialRequest) -> HttpResponseBase:
    """List every movement of every bag: the accountability log, on paper and as CSV (CEL-08)."""
    rows = BagMovement.objects.visible_to(request.user).filter(trial=request.trial)
    asking = Selection(
        url=reverse("dosing:product-queries-ask", args=[request.trial.slug, "bag_movement"]),
        label=gettext_lazy("Raise queries"),
        allowed=lambda row: row.patient_id is not None,
    )
    page = Listing(
        request,
        queryset=rows.select_related("bag", "lot", "patient", "infusion", "recorded_by"),
        columns=movement_columns(request.trial.zone),
        sort="-written",
        filterset=MovementFilter(request.GET, queryset=rows),
        row_url=lambda row: reverse("dosing:bag", args=[request.trial.slug, row.bag_id]),
        selection=asking if request.access.may(P.ASK_PRODUCT) else None,
        name="accountability-log",
        empty=gettext_lazy("No bag was moved yet."),
    )
    return page.response("dosing/stock/movements.html")


@trial_page(see=P.PREPARE_PRODUCT, change=P.PREPARE_PRODUCT)
def new_lot(request: TrialRequest) -> HttpResponse:
    """Record a lot."""
    back = reverse("dosing:stock", args=[request.trial.slug])
    return step(
        request,
        LotForm(sent_on(request), trial=request.trial),
        title=_("Record a lot"),
        back=back,
        done=lambda lot: address_of(request.trial.slug, lot),
    )


def address_of(slug: str, row: Row) -> str:
    """Return the page of a bag, a lot, a donor, of the donor of a donation, or the worksheet of a kit."""
    match row:
        case Bag():
            return reverse("dosing:bag", args=[slug, row.pk])
        case Lot():
            return reverse("dosing:lot", args=[slug, row.pk])
        case Donation():
            return reverse("dosing:donor", args=[slug, row.donor_id])
        case Donor():
            return reverse("dosing:donor", args=[slug, row.pk])
        case Kit():
            return reverse("dosing:worksheet", args=[slug, row.patient.code, row.infusion.number])


def sent_on(request: TrialRequest) -> QueryDict | None:
    """Return the input sent to a page, or kept when the session ended; None if the page is only opened."""
    return request.POST if request.method == "POST" else kept_data(request)


def step(
    request: TrialRequest,
    form: StockForm,
    *,
    title: str,
    back: str,
    done: Callable[[Any], str] | None = None,
    about: str = "",
    patient: Patient | None = None,
) -> HttpResponse:
    """Show one form of the stock, or store it and go to `done` of its result (default: back). 422 if it is refused.

    form: made with `sent_on`. patient: whose page it is, if it is one's. What was typed and not saved is shown again.
    """
    typed = PageDraft(request, patient)
    if (kept := typed.answer(form)) is not None:
        return kept
    if request.method == "POST":
        if form.is_valid() and form.save(by=request.user):
            what = about or str(form.result or "")
            text = _("It is recorded: %(what)s.") % {"what": what} if what else _("It is recorded.")
            messages.success(request, text)
            return finished(typed, done(form.result) if done else back)
        typed.keep(form)
    typed.show(form)
    status = 422 if request.method == "POST" else 200
    base = "patient_base.html" if patient else "trial_base.html"
    shown = {
        "base": base,
        "patient": patient,
        "form": form,
        "title": title,
        "back": back,
        "action": title,
        "about": about,
    }
    return render(request, "dosing/stock/step.html", shown, status=status)
