"""Lists over all patients: consent and first procedure, consents due, delay of entry, changes."""

from collections.abc import Sequence
from typing import Any

from django.http.response import HttpResponseBase
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.addresses import address
from audit.trail_index.building import refresh
from patients.casebook.form_content import form_title
from patients.casebook.navigation import record_address
from patients.models import Patient, Record
from reports.home.selection import reconsent_due
from reports.patient_lists.changes import CHANGES, changes_of, trail_url
from reports.patient_lists.consents_due import consents_due
from reports.patient_lists.filters import (
    ChangesFilter,
    ConsentDueFilter,
    EntryDelayFilter,
    FirstProcedureFilter,
)
from reports.patient_lists.first_procedures import (
    AFTER,
    BEFORE,
    UNDECIDED,
    VERDICTS,
    WITHOUT,
    first_procedures,
)
from trials.access import TrialRequest, trial_page
from trials.listing import Column, Listing, choice_text
from trials.permissions import Permission as P
from trials.reader import shown_moment_with_offset

TONES = {BEFORE: "late", WITHOUT: "late", UNDECIDED: "due", AFTER: "done"}


def _patients(request: TrialRequest) -> Any:
    rows = Patient.objects.visible_to(request.user).filter(trial=request.trial)
    return rows.select_related("trial")


def _verdict_tag(row: Any) -> SafeString:
    verdict = row.first.verdict
    return format_html('<span class="tag tone-{}">{}</span>', TONES.get(verdict, "none"), VERDICTS[verdict])


def _procedure_text(row: Any) -> Any:
    procedure = row.first.procedure
    if procedure is None:
        return ""
    told = f"{procedure.title}, {shown_moment_with_offset(procedure.at)}"
    return format_html('<a href="{}">{}</a>', procedure.url, told) if procedure.url else told


PATIENT = Column(
    name="patient",
    label=gettext_lazy("Patient"),
    value=lambda row: row.code,
    sort=("number",),
    css="code",
)
STATUS = Column(
    name="status",
    label=gettext_lazy("Status"),
    value=lambda row: row.state,
    text=choice_text(Patient, "state"),
)
FIRST_PROCEDURE_COLUMNS = (
    PATIENT,
    STATUS,
    Column(name="consent", label=gettext_lazy("First consent"), css="nowrap",
           value=lambda row: row.first.consent.given if row.first.consent else "",
           text=lambda row: shown_moment_with_offset(row.first.consent.given) if row.first.consent else ""),
    Column(name="procedure", label=gettext_lazy("First procedure"), text=_procedure_text,
           value=lambda row: row.first.procedure.at.iso if row.first.procedure else ""),
    Column(name="what", label=gettext_lazy("What was done"), on_page=False, free_text=True,
           value=lambda row: row.first.procedure.title if row.first.procedure else ""),
    Column(name="minutes", label=gettext_lazy("Minutes between"), css="num", value=lambda row: row.first.minutes),
    Column(name="verdict", decides=True, label=gettext_lazy("Consent and procedure"), text=_verdict_tag,
           value=lambda row: row.first.verdict),
)  # fmt: skip
CONSENT_DUE_COLUMNS = (
    PATIENT,
    STATUS,
    Column(name="since", decides=True, label=gettext_lazy("Due since"), value=lambda row: row.due.since),
    Column(name="days", label=gettext_lazy("Days"), css="num",
           value=lambda row: (row.trial.today - row.due.since).days if row.due.since else None),
    Column(name="due", decides=True, label=gettext_lazy("What is due"), css="wide", value=lambda row: row.due.what),
    Column(name="version", label=gettext_lazy("Version to sign"), value=lambda row: row.due.version),
    Column(name="amended_on", label=gettext_lazy("Asked by an amendment on"), value=lambda row: row.due.amended_on),
    Column(name="regained_on", label=gettext_lazy("Capacity regained on"), value=lambda row: row.due.regained_on),
    Column(name="signed_version", label=gettext_lazy("Version signed"), value=lambda row: row.consent_version or ""),
)  # fmt: skip
ENTRY_DELAY_COLUMNS = (
    Column(name="patient", label=gettext_lazy("Patient"), value=lambda row: row.patient.code, css="code",
           sort=("patient_id",)),
    Column(name="visit", label=gettext_lazy("Visit"), value=lambda row: row.visit.key, css="nowrap"),
    Column(name="form", label=gettext_lazy("Form"), value=lambda row: row.form, text=form_title, sort=("form",)),
    Column(name="held_on", label=gettext_lazy("Visit held"), value=lambda row: row.visit.held_on),
    Column(name="entered_at", label=gettext_lazy("First entered"), value=lambda row: row.created_at,
           sort=("created_at",), css="nowrap"),
    Column(name="days", decides=True, label=gettext_lazy("Days to first entry"), css="num",
           value=lambda row: _days(row, row.created_at)),
    Column(name="completed_at", label=pgettext_lazy("when", "Completed"), value=lambda row: row.completed_at,
           css="nowrap"),
    Column(name="completed_days", label=gettext_lazy("Days to completion"), css="num",
           value=lambda row: _days(row, row.completed_at)),
)  # fmt: skip


def _days(row: Record, at: Any) -> int | None:
    """Return the days from the visit to a moment, on the calendar of the site."""
    return (row.patient.trial.day_of(at) - row.visit.held_on).days if at else None  # type: ignore[union-attr, operator]


def _changes_column(kind: str) -> Column:
    def text(row: Any) -> Any:
        number = row.changes.entries[kind]
        url = trail_url(row.trial, kind, row.code)
        return format_html('<a href="{}">{}</a>', url, number) if number else "0"

    return Column(
        name=kind,
        label=CHANGES[kind][0],
        css="num text-wrap",
        value=lambda row: row.changes.entries[kind],
        text=text,
        decides=kind == "eligibility",
    )


def _deviations_text(row: Any) -> Any:
    url = f"{address('patients:deviations', row.trial.slug)}?patient={row.code}"
    return format_html('<a href="{}">{}</a>', url, row.changes.deviations) if row.changes.deviations else "0"


CHANGES_COLUMNS = (
    PATIENT,
    Column(name="included_on", label=gettext_lazy("Included"), css="nowrap",
           value=lambda row: row.enrolled_on),
    *map(_changes_column, CHANGES),
    Column(name="deviations", label=gettext_lazy("Deviations"), css="num", text=_deviations_text,
           value=lambda row: row.changes.deviations),
)  # fmt: skip


@trial_page(see=P.SEE_TRIAL)
def first_procedure(request: TrialRequest) -> HttpResponseBase:
    """List of each patient the first consent, the first procedure, and the minutes between."""

    def prepare(rows: Sequence[Any]) -> None:
        found = first_procedures(request.trial, rows)
        for row in rows:
            row.first = found[row.pk]

    listing = _of_patients(
        request, FIRST_PROCEDURE_COLUMNS, FirstProcedureFilter, prepare, "consent-and-procedure"
    )
    return _shown(
        listing,
        _("Consent before the first procedure"),
        _("The first consent and the first dated sample, procedure or infusion of each patient."),
    )


@trial_page(see=P.SEE_TRIAL)
def consent_due(request: TrialRequest) -> HttpResponseBase:
    """List the patients who have to consent again, and since when."""

    def prepare(rows: Sequence[Any]) -> None:
        found = consents_due(rows)
        for row in rows:
            row.due = found[row.pk]

    due = reconsent_due(_patients(request), request.trial.today)
    listing = _of_patients(request, CONSENT_DUE_COLUMNS, ConsentDueFilter, prepare, "consent-due", due)
    return _shown(
        listing,
        _("Consent to be given again"),
        _(
            "Patients whom an amendment asks to sign again, or who regained capacity after a representative consented."
        ),
    )


@trial_page(see=P.SEE_TRIAL)
def entry_delay(request: TrialRequest) -> HttpResponseBase:
    """List the forms of the visits that took place with the days from the visit to their entry."""
    rows = Record.objects.visible_to(request.user).filter(
        patient__trial=request.trial, visit__held_on__isnull=False
    )
    rows = rows.exclude(state=Record.State.STRUCK_OUT).select_related("patient__trial", "visit", "protocol")
    slug = request.trial.slug
    listing = Listing(
        request,
        queryset=rows.defer("values"),
        columns=ENTRY_DELAY_COLUMNS,
        sort="-entered_at",
        filterset=EntryDelayFilter(request.GET, queryset=rows, access=request.access),
        row_url=lambda row: record_address(row, slug),
        name="entry-delay",
        empty=gettext_lazy("No form of a visit is entered yet."),
    )
    return _shown(
        listing,
        _("Delay of entry"),
        _("Days from each visit to the first entry and to the completion of its forms."),
    )


@trial_page(see=P.SEE_TRAIL)
def changes(request: TrialRequest) -> HttpResponseBase:
    """List of each patient how much was changed when; each number leads to its entries in the trail."""
    complete = refresh()

    def prepare(rows: Sequence[Any]) -> None:
        found = changes_of(request.trial, rows)
        for row in rows:
            row.changes = found[row.pk]

    listing = _of_patients(request, CHANGES_COLUMNS, ChangesFilter, prepare, "changes-by-patient")
    note = _(
        "Entries of the trail by patient; each number leads to them. Data of the product are not counted."
    )
    if not complete:
        note = _(
            "The trail is still being prepared: these numbers are too low. Load the page again in a minute."
        )
    return _shown(listing, _("Changes by patient"), note)


def _of_patients(
    request: TrialRequest, columns: Sequence[Column], filters: Any, prepare: Any, name: str, rows: Any = None
) -> Listing:
    patients = _patients(request) if rows is None else rows
    return Listing(
        request,
        queryset=patients,
        columns=columns,
        sort="patient",
        filterset=filters(request.GET, queryset=patients, trial=request.trial),
        row_url=lambda row: address("reports:casebook", request.trial.slug, row.code),
        prepare=prepare,
        name=name,
        empty=gettext_lazy("No patient to show."),
    )


def _shown(listing: Listing, title: str, note: str) -> HttpResponseBase:
    return listing.response("reports/patient_list.html", {"title": title, "note": note})
