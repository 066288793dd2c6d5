"""The listing of captured forms, from which queries can be raised in bulk."""

from typing import Any

from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from patients.casebook.form_content import form_title
from patients.casebook.navigation import record_address
from patients.models import Record
from patients.queries.filters import RecordFilter
from trials.access import TrialRequest, trial_page
from trials.listing import Column, Listing, Selection, choice_text
from trials.permissions import Permission as P

COLUMNS = (
    Column(name="patient", label=_("Patient"), value=lambda row: row.patient.code, css="code",
           sort=("patient_id",)),
    Column(name="visit", label=_("Visit"), value=lambda row: row.visit.key if row.visit else "", css="nowrap"),
    Column(name="form", label=_("Form"), value=lambda row: row.form, text=form_title, sort=("form",)),
    Column(name="row", label=_("Row"), value=lambda row: row.repeat, css="num"),
    Column(name="status", decides=True, label=_("Status"), value=lambda row: row.state, sort=("state",),
           text=choice_text(Record, "state")),
    Column(name="held_on", label=_("Visit held"), value=lambda row: row.visit.held_on if row.visit else None),
    Column(name="entered_at", label=_("First entered"), value=lambda row: row.created_at,
           sort=("created_at",), css="nowrap"),
    Column(name="completed_at", label=_("Complete since"), value=lambda row: row.completed_at,
           css="nowrap"),
    Column(name="open_query", label=pgettext_lazy("status", "Open query"), value=lambda row: row.has_open_query),
)  # fmt: skip


def records_of(request: TrialRequest) -> Any:
    """Return the captured forms of this trial, with the related rows that their columns need."""
    rows = Record.objects.visible_to(request.user).filter(patient__trial=request.trial)
    return rows.select_related("patient", "visit", "protocol")


def can_be_asked_about(record: Record) -> bool:
    """Return True if a row can be ticked. The next page names all other obstacles, such as locks."""
    return record.state != Record.State.STRUCK_OUT


@trial_page(see=P.SEE_TRIAL)
def records(request: TrialRequest) -> HttpResponseBase:
    """List the captured forms of the trial."""
    rows, slug = records_of(request).with_marks().defer("values"), request.trial.slug
    selection = Selection(
        url=reverse("patients:forms-ask", args=[slug]),
        label=_("Raise queries"),
        name="row",
        allowed=can_be_asked_about,
        every=_("Ask about all forms of this list"),
    )
    listing = Listing(
        request,
        queryset=rows,
        columns=COLUMNS,
        sort="patient",
        filterset=RecordFilter(request.GET, queryset=rows, access=request.access),
        row_url=lambda row: record_address(row, slug),
        selection=selection if request.access.may(P.RAISE_QUERY) else None,
        name="forms",
        empty=_("No form is entered yet."),
    )
    return listing.response("patients/forms.html")
