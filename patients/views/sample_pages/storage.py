"""Pages of temperature excursions of the places where tubes are stored: the list, one with its tubes, evaluated."""

from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from patients.models import StorageExcursion
from patients.samples import storage
from patients.samples.storage_forms import ExcursionEvaluationForm, StorageExcursionForm
from patients.views.participation import step
from trials.access import TrialRequest, trial_page
from trials.listing import Column, Listing
from trials.permissions import Permission as P

TEMPLATE = "patients/storage_step.html"
COLUMNS = (
    Column(name="number", label=gettext_lazy("No."), value=lambda row: row.number, sort=("number",)),
    Column(name="place", label=gettext_lazy("Place"), value=lambda row: row.place, free_text=True),
    Column(name="began", label=gettext_lazy("From"), value=lambda row: row.began_at, sort=("began_at",), css="nowrap"),
    Column(name="ended", label=gettext_lazy("To"), value=lambda row: row.ended_at, css="nowrap"),
    Column(name="lowest_c", label=gettext_lazy("Lowest temperature (°C)"), value=lambda row: row.lowest_c, css="num"),
    Column(name="highest_c", label=gettext_lazy("Highest temperature (°C)"), value=lambda row: row.highest_c,
           css="num"),
    Column(name="outcome", decides=True, label=gettext_lazy("Evaluation"), value=lambda row: row.outcome or "",
           text=lambda row: row.get_outcome_display() if row.outcome else _("Waits for its evaluation")),
    Column(name="evaluated_by", label=gettext_lazy("Evaluated by"), free_text=True,
           value=lambda row: row.evaluated_by.full_name if row.evaluated_by else ""),
)  # fmt: skip


@trial_page(see=P.SEE_TRIAL)
def excursions(request: TrialRequest) -> HttpResponseBase:
    """List the temperature excursions of the trial."""
    rows = StorageExcursion.objects.visible_to(request.user).filter(trial=request.trial)
    page = Listing(
        request,
        queryset=rows.select_related("evaluated_by"),
        columns=COLUMNS,
        sort="-number",
        row_url=lambda row: _page_of(row, request.trial.slug),
        name="storage-excursions",
        empty=_("No temperature excursion is recorded."),
    )
    return page.response("patients/storage_excursions.html", {"may": request.access.may(P.ENTER_DATA)})


@trial_page(see=P.SEE_TRIAL)
def excursion(request: TrialRequest, number: int) -> HttpResponse:
    """Show one excursion with the tubes that were at the place."""
    row = _excursion(request, number)
    context = {
        "excursion": row,
        "tubes": storage.affected_tubes(row),
        "may": request.access.may(P.ENTER_DATA) and row.outcome is None,
    }
    return render(request, "patients/storage_excursion.html", context)


@trial_page(see=P.ENTER_DATA, change=P.ENTER_DATA)
def record(request: TrialRequest) -> HttpResponse:
    """Record a temperature excursion of a place."""

    def do(form: Any) -> bool:
        given = {"facts": form.facts(), "save_key": form.cleaned_data["save_key"]}
        verb = partial(storage.record_storage_excursion, trial=request.trial)
        return bool(form.run(verb, by=request.user, **given))

    return step(
        request,
        StorageExcursionForm,
        TEMPLATE,
        do,
        lambda form: _page_of(form.result, request.trial.slug),
        title=_("Record a temperature excursion"),
        action=_("Record it"),
        back=reverse("patients:storage-excursions", args=[request.trial.slug]),
    )


@trial_page(see=P.ENTER_DATA, change=P.ENTER_DATA)
def evaluate(request: TrialRequest, number: int) -> HttpResponse:
    """Evaluate a temperature excursion: whether the tubes may be used, and why."""
    row = _excursion(request, number)
    page = _page_of(row, request.trial.slug)

    def do(form: Any) -> bool:
        given = {name: form.cleaned_data[name] for name in ("outcome", "reason")}
        verb = partial(storage.evaluate_storage_excursion, excursion=row)
        return bool(form.run(verb, by=request.user, **given))

    def done(form: Any) -> str:
        messages.success(request, _("The evaluation is recorded."))
        return page

    title = _("Evaluate the temperature excursion")
    return step(
        request, ExcursionEvaluationForm, TEMPLATE, do, done, title=title, action=_("Record it"), back=page
    )


def _page_of(row: StorageExcursion, slug: str) -> str:
    return reverse("patients:storage-excursion", args=[slug, row.number])


def _excursion(request: TrialRequest, number: int) -> StorageExcursion:
    rows = StorageExcursion.objects.visible_to(request.user).select_related("recorded_by", "evaluated_by")
    return get_object_or_404(rows, trial=request.trial, number=number)
