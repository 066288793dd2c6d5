"""Common parts of the pages of both logs of deviations: the general log here, the log of the product in `dosing`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from patients.entry.form_page.page_drafts import PageDraft, finished
from patients.models import DeviationRow, Patient
from patients.participation.deviation_log import deviation_decisions as decisions
from patients.participation.deviation_log.deviation_filters import DeviationFilter
from patients.participation.deviation_log.deviation_forms import (
    AmendDeviationForm,
    ClassifyForm,
    DeviationForm,
    StrikeOutDeviationForm,
)
from patients.views.deviation_log.deviation_words import (
    deviation_columns,
    deviation_facts,
    place_address,
    place_words,
)
from patients.views.participation import patient_of
from trials.access import TrialRequest
from trials.listing import Listing
from trials.permissions import Permission


@dataclass(frozen=True)
class DeviationLog:
    """One log: its rows, its words, the names of its addresses, and who may enter and who may classify."""

    model: type[DeviationRow]
    title: str | Promise
    note: str | Promise
    empty: str | Promise
    name: str
    listing: str
    page: str
    enter: Permission
    classify: Permission

    def rows(self, request: TrialRequest) -> "QuerySet[Any]":
        """Return the deviations of the trial that the person may see, with their patients."""
        rows: Any = self.model._default_manager
        return rows.visible_to(request.user).filter(patient__trial=request.trial).select_related("patient")

    def address(self, row: Any, step: str = "") -> str:
        """Return the address of a deviation, or of one of its steps."""
        name = f"{self.page}-{step}" if step else self.page
        return reverse(name, args=[row.patient.trial.slug, row.patient.code, row.number])

    def of_patient(self, patient: Patient) -> str:
        """Return the address of the deviations of a patient in the listing."""
        return reverse(self.listing, args=[patient.trial.slug], query={"patient": patient.code})

    def new(self, patient: Patient) -> str:
        """Return the address at which a deviation of a patient is entered by hand."""
        return reverse(f"{self.page}-new", args=[patient.trial.slug, patient.code])


def list_deviations(request: TrialRequest, log: DeviationLog) -> HttpResponseBase:
    """List the deviations of the trial."""
    rows = log.rows(request)
    slug = request.trial.slug
    page = Listing(
        request,
        queryset=rows,
        columns=deviation_columns(log.model),
        sort="patient",
        filterset=DeviationFilter(request.GET, queryset=rows, trial=request.trial, log=log.model),
        row_url=lambda row: reverse(log.page, args=[slug, row.patient.code, row.number]),
        name=log.name,
        empty=log.empty,
    )
    return page.response("patients/deviations.html", {"log": log})


def deviation_of(request: TrialRequest, log: DeviationLog, code: str, number: int) -> Any:
    """Return the deviation. Raises Http404 if there is none, or the person may not see it."""
    patient = patient_of(request, code)
    rows: Any = log.model._default_manager
    row = get_object_or_404(
        rows.visible_to(request.user).select_related("classified_by", "recorded_by"),
        patient=patient,
        number=number,
    )
    row.patient = patient
    return row


def show_deviation(request: TrialRequest, log: DeviationLog, row: Any) -> HttpResponse:
    """Show one deviation with the steps that the person may take."""
    is_open = not decisions.deviation_is_closed(row)
    may_enter, may_classify = (is_open and request.access.may(right) for right in (log.enter, log.classify))
    context = {
        **_shown(row, log),
        "amend_url": log.address(row, "amend") if may_enter else "",
        "strike_url": log.address(row, "strike") if may_enter else "",
        "classify_url": log.address(row, "classify") if may_classify else "",
        "all_url": log.of_patient(row.patient),
        "trail_url": trail_address(row) if request.access.may(Permission.SEE_TRAIL) else "",
    }
    return render(request, "patients/deviation.html", context)


def trail_address(row: Any) -> str:
    """Return the address of a deviation's rows in the audit trail."""
    table = row._meta.label_lower
    query = {"form": table, "row": f"{table}:{row.pk}"}
    return reverse("audit:trail", args=[row.patient.trial.slug], query=query)


def _shown(row: Any, log: DeviationLog) -> dict[str, Any]:
    return {
        "deviation": row,
        "patient": row.patient,
        "log": log,
        "facts": deviation_facts(row),
        "place": place_words(row),
        "place_url": place_address(row, row.patient.trial.slug),
        "back": log.address(row),
    }


def enter_deviation(request: TrialRequest, log: DeviationLog, code: str) -> HttpResponse:
    """Enter a deviation of a patient by hand."""
    patient = patient_of(request, code)
    typed = PageDraft(request, patient)
    form = DeviationForm(typed.sent, trial=request.trial, patient=patient, log=log.model)
    if (kept := typed.answer(form)) is not None:
        return kept
    if request.method == "POST" and form.is_valid():
        key = form.cleaned_data["save_key"]
        given = {"patient": patient, "facts": form.facts(), "save_key": key, "log": log.model}
        if form.run(decisions.add_deviation, by=request.user, **given):
            messages.success(request, _("%(deviation)s is recorded.") % {"deviation": form.result})
            return finished(typed, log.address(form.result))
    if request.method == "POST":
        typed.keep(form)
    typed.show(form)
    status = 422 if request.method == "POST" else 200
    context = {"form": form, "patient": patient, "log": log}
    return render(request, "patients/deviation_new.html", context, status=status)


def classify_step(request: TrialRequest, log: DeviationLog, row: Any) -> HttpResponse:
    """Classify a deviation."""
    return _step(request, log, row, ClassifyForm, lambda form: partial(
        decisions.classify_deviation, **form.cleaned_data
    ), "patients/deviation_classify.html")  # fmt: skip


def amend_step(request: TrialRequest, log: DeviationLog, row: Any) -> HttpResponse:
    """Amend a deviation with a reason."""
    form_class = partial(AmendDeviationForm, log=log.model)
    return _step(request, log, row, form_class, lambda form: partial(
        decisions.amend_deviation, facts=form.facts(), reason=form.cleaned_data["reason"],
        version=form.cleaned_data["version"],
    ), "patients/deviation_amend.html")  # fmt: skip


def strike_step(request: TrialRequest, log: DeviationLog, row: Any) -> HttpResponse:
    """Strike out a deviation with a reason."""
    return _step(request, log, row, StrikeOutDeviationForm, lambda form: partial(
        decisions.strike_out_deviation, **form.cleaned_data
    ), "patients/deviation_strike.html")  # fmt: skip


def _step(
    request: TrialRequest,
    log: DeviationLog,
    row: Any,
    form_class: Callable[..., Any],
    verb: Callable[[Any], Callable[..., Any]],
    template: str,
) -> HttpResponse:
    typed = PageDraft(request, row.patient)
    form = form_class(typed.sent, trial=request.trial, patient=row.patient, deviation=row)
    if (kept := typed.answer(form)) is not None:
        return kept
    if request.method == "POST" and form.is_valid():
        try:
            if form.run(verb(form), deviation=row, by=request.user):
                return finished(typed, log.address(row))
        except decisions.StaleDeviation as stale:
            row = _read_again(row, stale)
            form.read_again(row.version)
            form.add_error(
                None, _("It was changed while you typed. Read it beside, then send again what is right.")
            )
    if request.method == "POST":
        typed.keep(form)
    typed.show(form)
    context = {**_shown(row, log), "form": form}
    return render(request, template, context, status=422 if request.method == "POST" else 200)


def _read_again(row: Any, stale: decisions.StaleDeviation) -> Any:
    current: Any = stale.deviation
    current.patient = row.patient
    return current


def may_enter_by_hand(request: TrialRequest, log: DeviationLog, patient: Patient) -> bool:
    """Return whether the person may enter a deviation of this patient now."""
    return request.access.may(log.enter) and not (patient.locked_at or patient.trial.locked_at)
