"""The listings of undone marks, and of patients with what waits for source verification."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from patients.casebook.facts import Fact, facts_asked
from patients.casebook.navigation import form_address
from patients.models import Mark, Patient, Record
from patients.queries.filters import form_choices
from patients.review import fact_verification, source_verification
from patients.review.filters import ToVerifyFilter, UndoneFilter
from patients.review.review_page import where
from patients.review.undone_marks import UndoneMark, undone_fact_words, undone_mark_words
from trials.access import TrialRequest, trial_page
from trials.listing import Column, Listing, choice_text
from trials.models import ProtocolVersion
from trials.permissions import Permission as P
from trials.reader import reader_language


def _form_name(record: Record) -> str:
    form = record.protocol.rules.form(record.form)
    return f"{where(record)} · {form.title.in_language(reader_language())}"


def _with_facts(rows: Sequence[Mark]) -> None:
    """Set `fact` on each mark outside the forms. Three queries for each kind of row, none without any."""
    found = facts_asked(rows)
    for mark in rows:
        mark.fact = found.get(mark.pk)  # type: ignore[attr-defined]


def _fact(mark: Mark) -> Fact:
    found: Fact = getattr(mark, "fact", None) or facts_asked([mark])[mark.pk]
    return found


def _about(mark: Mark) -> str:
    return _form_name(mark.record) if mark.record else _fact(mark).title


def _item(mark: Mark) -> str:
    if mark.record is None:
        return _fact(mark).label if mark.item else _("Whole entry")
    if not mark.item:
        return _("Whole form")
    form = mark.record.protocol.rules.form(mark.record.form)
    return form.item(mark.item).label.in_language(reader_language()) if mark.item in form else mark.item


def _undone_mark(mark: Mark) -> UndoneMark | None:
    if mark.record is None:
        return undone_fact_words(mark, _fact(mark))
    return undone_mark_words(mark, mark.record)


def _change(mark: Mark) -> str:
    undone_mark = _undone_mark(mark)
    changes = undone_mark.changes if undone_mark else ()
    return "; ".join(f"{label}: {old or '–'} → {new or '–'}" for label, old, new in changes)


def _marked_place(mark: Mark, slug: str) -> str:
    """Return the address of the marked form, fact or row."""
    if mark.record is None:
        fact = _fact(mark)
        return fact.address if mark.item else fact.page
    record = mark.record
    return form_address(mark.patient, record.form, record.visit, record.repeat, slug=slug)


UNDONE_COLUMNS = (
    Column(name="patient", label=gettext_lazy("Patient"), value=lambda row: row.patient.code, css="code"),
    Column(name="form", label=gettext_lazy("Form"), value=_about),
    Column(name="item", label=gettext_lazy("Item"), value=_item),
    Column(
        name="mark",
        label=gettext_lazy("Mark"),
        value=lambda row: row.kind,
        text=choice_text(Mark, "kind"),
    ),
    Column(name="marked_by", label=gettext_lazy("Marked by"), value=lambda row: row.by.full_name),
    Column(name="marked_at", label=gettext_lazy("Marked"), value=lambda row: row.at, sort=("at",)),
    Column(name="undone_at", label=pgettext_lazy("when", "Undone"), value=lambda row: row.undone_at),
    Column(
        name="undone_by", label=gettext_lazy("Undone by"), value=lambda row: row.undone_detail.get("by", "")
    ),
    Column(
        name="reason",
        decides=True,
        label=gettext_lazy("Reason"),
        value=lambda row: row.undone_detail.get("because", ""),
        free_text=True,
    ),
    Column(name="change", label=gettext_lazy("Old → new"), value=_change, free_text=True, css="wide"),
)


@trial_page(see=P.SEE_TRIAL)
def undone(request: TrialRequest) -> HttpResponseBase:
    """List the marks undone by a later change or withdrawn: when, by whom, why, old and new value."""
    rows = Mark.objects.visible_to(request.user).filter(patient__trial=request.trial, undone_at__isnull=False)
    rows = rows.select_related("patient", "record__visit", "record__protocol", "by")
    listing = Listing(
        request,
        queryset=rows,
        columns=UNDONE_COLUMNS,
        sort="-marked_at",
        filterset=UndoneFilter(request.GET, queryset=rows, forms=form_choices(request.trial)),
        row_url=lambda row: _marked_place(row, request.trial.slug),
        prepare=_with_facts,
        name="undone-marks",
        empty=_("No mark was undone."),
    )
    return listing.response("patients/undone.html")


TO_VERIFY_COLUMNS = (
    Column(
        name="patient",
        label=gettext_lazy("Patient"),
        value=lambda row: row.code,
        sort=("number",),
        css="code",
    ),
    Column(
        name="status",
        label=gettext_lazy("Status"),
        value=lambda row: row.state,
        text=choice_text(Patient, "state"),
    ),
    Column(
        name="to_verify",
        decides=True,
        label=gettext_lazy("Forms to verify"),
        value=lambda row: row.to_verify,
        css="num",
    ),
    Column(
        name="entries_to_verify",
        label=gettext_lazy("Entries outside forms to verify"),
        value=lambda row: row.facts_to_verify,
        css="num",
    ),
    Column(name="verified", label=gettext_lazy("Forms verified"), value=lambda row: row.verified, css="num"),
    Column(name="undone", label=gettext_lazy("Undone"), value=lambda row: row.undone_marks, css="num"),
)


def _with_numbers(versions: Sequence[ProtocolVersion], rows: Sequence[Any]) -> None:
    """Set on each patient the number of facts outside the forms to verify. One query, three for each planned kind."""
    plans = {version.pk: version.rules for version in versions}
    numbers = fact_verification.count_of([row.pk for row in rows], plans)
    for row in rows:
        row.facts_to_verify = numbers.get(row.pk, 0)


@trial_page(see=P.SEE_TRIAL)
def verification(request: TrialRequest) -> HttpResponseBase:
    """List the patients with the numbers of forms to verify, forms verified and marks undone."""
    rows = Patient.objects.visible_to(request.user).filter(trial=request.trial)
    versions = source_verification.versions_of(request.trial)
    rows = rows.annotate(
        to_verify=source_verification.count_of(source_verification.waiting(request.trial, versions)),
        verified=source_verification.count_of(Record.objects.exclude(verified_at=None)),
        undone_marks=source_verification.count_of(Mark.objects.exclude(undone_at=None)),
    )
    listing = Listing(
        request,
        queryset=rows,
        columns=TO_VERIFY_COLUMNS,
        sort="patient",
        prepare=partial(_with_numbers, versions),
        filterset=ToVerifyFilter(
            request.GET,
            queryset=rows,
            trial=request.trial,
            versions={each.pk: each.rules for each in versions},
        ),
        row_url=lambda row: reverse("patients:verify", args=[request.trial.slug, row.code]),
        name="verification",
        empty=_("Nobody was screened yet."),
    )
    return listing.response("patients/verification.html")
