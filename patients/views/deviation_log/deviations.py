"""Pages of the general log of deviations: of the trial, of one patient, and of one deviation."""

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from patients.models import Deviation
from patients.views.deviation_log import deviation_pages as pages
from patients.views.deviation_log.deviation_words import place_words, status_tag
from patients.views.participation import patient_of
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P

LOG = pages.DeviationLog(
    model=Deviation,
    title=_("Deviations"),
    note=_("What was not done as the protocol says. An investigator classifies each."),
    empty=_("No deviation is recorded. Missed visits and days outside a window open theirs by themselves."),
    name="deviations",
    listing="patients:deviations",
    page="patients:deviation",
    enter=P.ENTER_DATA,
    classify=P.ASSESS_EVENT,
)


@trial_page(see=P.SEE_TRIAL)
def listing(request: TrialRequest) -> HttpResponseBase:
    """List the deviations of the trial."""
    return pages.list_deviations(request, LOG)


@trial_page(see=P.SEE_TRIAL)
def of_patient(request: TrialRequest, code: str) -> HttpResponse:
    """List the deviations of one patient."""
    patient = patient_of(request, code)
    rows = list(Deviation.objects.filter(patient=patient).order_by("number"))
    for row in rows:
        row.patient = patient
    context = {
        "patient": patient,
        "lines": [(row, LOG.address(row), status_tag(row), place_words(row)) for row in rows],
        "new_url": LOG.new(patient) if pages.may_enter_by_hand(request, LOG, patient) else "",
    }
    return render(request, "patients/deviations_of_patient.html", context)


@trial_page(see=P.ENTER_DATA, change=P.ENTER_DATA)
def new(request: TrialRequest, code: str) -> HttpResponse:
    """Enter a deviation by hand."""
    return pages.enter_deviation(request, LOG, code)


@trial_page(see=P.SEE_TRIAL)
def deviation(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Show one deviation."""
    return pages.show_deviation(request, LOG, pages.deviation_of(request, LOG, code, number))


@trial_page(see=P.ASSESS_EVENT, change=P.ASSESS_EVENT)
def classify(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Classify a deviation as minor, major or reportable."""
    return pages.classify_step(request, LOG, pages.deviation_of(request, LOG, code, number))


@trial_page(see=P.ENTER_DATA, change=P.ENTER_DATA)
def amend(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Amend a deviation with a reason. What changed meanwhile is shown beside what was typed."""
    return pages.amend_step(request, LOG, pages.deviation_of(request, LOG, code, number))


@trial_page(see=P.ENTER_DATA, change=P.ENTER_DATA)
def strike_out(request: TrialRequest, code: str, number: int) -> HttpResponse:
    """Strike out a deviation. It stays visible with its number."""
    return pages.strike_step(request, LOG, pages.deviation_of(request, LOG, code, number))
