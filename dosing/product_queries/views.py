"""Pages of queries and source verification of the product. In a masked trial blinded roles are refused."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.sessions.kept_forms import sent_or_kept
from dosing.labels import dose_words, millions
from dosing.models import Preparation
from dosing.product_queries import verification as verifying
from dosing.product_queries.kinds import Target
from dosing.product_queries.log import LOG, ProductQueryFilter
from patients.queries import threads
from patients.views.fact_bulk import ask_about_ticked
from patients.views.facts import asked_fact, show_fact, withdraw_from
from patients.views.participation import patient_of
from patients.views.queries import close_ticked, list_queries
from patients.views.threads import query_of, take_step, thread
from trials.access import TrialRequest, trial_page
from trials.listing import Column, Listing, Selection
from trials.permissions import Permission as P
from trials.reader import shown_number

COLUMNS = (
    Column(name="patient", label=gettext_lazy("Patient"), value=lambda row: row.patient.code, css="code",
           sort=("patient_id",)),
    Column(name="infusion", label=gettext_lazy("Infusion"), value=lambda row: row.infusion.number, css="num"),
    Column(name="donor", label=gettext_lazy("Donor"), value=lambda row: row.donor_code, free_text=True),
    Column(name="lot", label=gettext_lazy("Lot"), value=lambda row: row.lot, free_text=True),
    Column(name="bags", label=gettext_lazy("Bags"), value=lambda row: row.bag, free_text=True),
    Column(name="viable_cells", label=gettext_lazy("Viable cells (×10⁶)"), css="num",
           value=lambda row: millions(row.viable_cells),
           text=lambda row: shown_number(cells) if (cells := millions(row.viable_cells)) is not None else ""),
    Column(name="dose", label=gettext_lazy("Dose"), value=lambda row: row.dose_finding, text=dose_words),
    Column(name="to_verify", decides=True, label=gettext_lazy("Facts of the patient to verify"), css="num",
           value=lambda row: row.to_verify),
)  # fmt: skip


@trial_page(see=P.SEE_TREATMENT)
def queries(request: TrialRequest) -> HttpResponseBase:
    """List the queries on the product."""
    return list_queries(request, LOG, ProductQueryFilter)


@trial_page(see=P.ASK_PRODUCT, change=P.ASK_PRODUCT)
def close_many(request: TrialRequest) -> HttpResponse:
    """Show the answers of the chosen queries; close them all with one text."""
    return close_ticked(request, LOG, ProductQueryFilter)


@trial_page(see=P.ASK_PRODUCT, change=P.ASK_PRODUCT)
def ask(request: TrialRequest, target: str) -> HttpResponse:
    """Show the queries to raise on the ticked rows of the product; raise them after the confirmation."""
    return ask_about_ticked(request, LOG, target)


@trial_page(see=P.SEE_TREATMENT)
def query(request: TrialRequest, number: int) -> HttpResponse:
    """Show the thread of a query on the product."""
    return thread(request, query_of(request, number, LOG), lambda form: False, LOG)


@trial_page(see=P.PREPARE_PRODUCT, change=P.PREPARE_PRODUCT)
def answer(request: TrialRequest, number: int) -> HttpResponse:
    """Answer an open query on the product."""
    return take_step(request, query_of(request, number, LOG), threads.answer_query, LOG)


@trial_page(see=P.ASK_PRODUCT, change=P.ASK_PRODUCT)
def close(request: TrialRequest, number: int) -> HttpResponse:
    """Close a query on the product."""
    return take_step(request, query_of(request, number, LOG), threads.close_query, LOG)


@trial_page(see=P.ASK_PRODUCT, change=P.ASK_PRODUCT)
def reopen(request: TrialRequest, number: int) -> HttpResponse:
    """Reopen a query on the product."""
    return take_step(request, query_of(request, number, LOG), threads.reopen_query, LOG)


@trial_page(see=P.SEE_TREATMENT, change=P.ASK_PRODUCT)
def fact(request: TrialRequest, code: str, target: str, key: int, item: str) -> HttpResponse:
    """Show the queries on one fact of the product with its value; raise one."""
    return show_fact(request, LOG, asked_fact(patient_of(request, code), target, key, item, LOG))


@trial_page(see=None, change=P.VERIFY_PRODUCT)
def withdraw(request: TrialRequest, code: str, target: str, key: int, item: str) -> HttpResponse:
    """Withdraw the source verification of a fact of the product, with the reason."""
    return withdraw_from(request, asked_fact(patient_of(request, code), target, key, item, LOG))


@trial_page(see=P.SEE_TREATMENT)
def verification(request: TrialRequest) -> HttpResponseBase:
    """List the products of the trial with what is still to be compared with its source."""
    rows = Preparation.objects.visible_to(request.user).filter(patient__trial=request.trial)
    asking = Selection(
        url=reverse("dosing:product-queries-ask", args=[request.trial.slug, Target.PREPARATION]),
        label=gettext_lazy("Raise queries"),
    )
    page = Listing(
        request,
        queryset=rows.select_related("patient", "infusion"),
        columns=COLUMNS,
        sort="patient",
        row_url=lambda row: reverse("dosing:product-verify", args=[request.trial.slug, row.patient.code]),
        prepare=attach_numbers,
        selection=asking if request.access.may(LOG.raises) else None,
        name="product-verification",
        empty=gettext_lazy("No product is recorded yet."),
    )
    return page.response("dosing/product_verification.html")


def attach_numbers(rows: Sequence[Any]) -> None:
    """Set `to_verify` of each product to the number of facts of its patient that wait for a mark."""
    numbers = verifying.waiting_numbers([row.patient_id for row in rows])
    for row in rows:
        row.to_verify = numbers[row.patient_id]


@trial_page(see=P.SEE_TREATMENT, change=P.VERIFY_PRODUCT)
def verify(request: TrialRequest, code: str) -> HttpResponse:
    """Show the facts of a patient's product that wait for source verification; mark what is ticked."""
    patient = patient_of(request, code)
    rows, refused = verifying.blocks(patient), []
    if request.method == "POST":
        seen = verifying.seen_in(request.POST.getlist("fact"), rows)
        try:
            verifying.verify(patient=patient, seen=seen, by=request.user, role=request.access.role.code)
        except ValidationError as why:
            refused = why.messages
        else:
            text = ngettext("%(number)d item is verified.", "%(number)d items are verified.", len(seen))
            messages.success(request, text % {"number": len(seen)})
            return redirect(request.path)
    context = {
        "patient": patient,
        "rows_outside": rows,
        "refused": refused,
        "ticked": (sent_or_kept(request) or QueryDict()).getlist("fact"),
        "may_mark": request.access.may(P.VERIFY_PRODUCT),
        "table_title": _("Product"),
    }
    return render(request, "dosing/product_verify.html", context, status=422 if refused else 200)
