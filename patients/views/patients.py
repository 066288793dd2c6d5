"""The listing of patients, from which queries about the end of study can be raised in bulk."""

from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.addresses import address
from patients.models import Patient, Query
from patients.queries.filters import PatientFilter
from trials.access import TrialRequest, trial_page
from trials.listing import Column, Listing, Selection, choice_text
from trials.permissions import Permission as P

END_REASON = choice_text(Patient, "end_reason")
PATIENT_COLUMNS = (
    Column(name="patient", label=_("Patient"), value=lambda row: row.code, sort=("number",), css="code"),
    Column(
        name="status",
        decides=True,
        label=_("Status"),
        value=lambda row: row.state,
        text=choice_text(Patient, "state"),
    ),
    Column(name="group", label=_("Group"), value=lambda row: row.group),
    Column(name="screened_on", label=_("Screened"), value=lambda row: row.screened_on, sort=("screened_on",)),
    Column(name="included_on", label=_("Included"), value=lambda row: row.enrolled_on),
    Column(name="first_infusion_on", label=_("First infusion"), value=lambda row: row.first_infusion_on),
    Column(name="ended_on", label=_("End of study"), value=lambda row: row.ended_on),
    Column(
        name="end_reason",
        label=_("Reason for the end"),
        value=lambda row: row.end_reason,
        text=lambda row: END_REASON(row) or row.failure_reason,
        free_text=True,
    ),
)


@trial_page(see=P.SEE_TRIAL)
def patients(request: TrialRequest) -> HttpResponseBase:
    """List the patients of the trial."""
    rows = Patient.objects.visible_to(request.user).filter(trial=request.trial)
    listing = Listing(
        request,
        queryset=rows,
        columns=PATIENT_COLUMNS,
        sort="patient",
        filterset=PatientFilter(request.GET, queryset=rows),
        row_url=lambda row: address("reports:casebook", request.trial.slug, row.code),
        selection=_asking(request),
        name="patients",
        empty=_("Nobody was screened yet."),
    )
    return listing.response("patients/listing.html", {"may_screen": request.access.may(P.SCREEN)})


def _asking(request: TrialRequest) -> Selection | None:
    if not request.access.may(P.RAISE_QUERY):
        return None
    url = reverse("patients:facts-ask", args=[request.trial.slug, Query.Target.DISPOSITION])
    label = _("Raise queries about the end of study")
    return Selection(url=url, label=label, allowed=lambda row: row.ended_on is not None)
