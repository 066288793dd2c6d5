"""Pages of source verification and medical review, and the listings of undone marks and forms to verify."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from patients.casebook.navigation import form_address
from patients.models import Mark, Patient, Record
from patients.review import fact_verification, medical_review, source_verification
from patients.review.filters import ToVerifyFilter, UndoneFilter
from patients.review.review_page import (
    UndoneMark,
    review_blocks,
    seen_in,
    undone_mark_words,
    verification_blocks,
    where,
)
from patients.views.participation import patient_of
from trials.access import TrialRequest, trial_page
from trials.listing import Column, Listing, choice_text
from trials.models import ProtocolVersion
from trials.permissions import Permission as P
from trials.reader import reader_language


@trial_page(see=P.SEE_TRIAL, change=P.VERIFY)
def verify(request: TrialRequest, code: str) -> HttpResponse:
    """Show the items planned for source verification by visit and form; mark the ticked ones."""
    patient = patient_of(request, code)
    blocks = verification_blocks(patient, request.GET.get("visit", ""))
    refused: list[str] = []
    if request.method == "POST":
        seen = seen_in(request.POST.getlist("item"), blocks)
        facts = fact_verification.seen_in(request.POST.getlist("fact"))
        by, role = request.user, request.access.role.code

        def verified() -> None:
            # One step: what is refused among the facts leaves the forms unmarked too.
            with transaction.atomic():
                if seen or not facts:
                    source_verification.verify(patient=patient, seen=seen, by=by, role=role)
                fact_verification.verify_facts(patient=patient, seen=facts, by=by, role=role)

        refused = _refusal(verified)
        if not refused:
            number = sum(len(each.items) for each in seen) + len(facts)
            text = ngettext("%(number)d item is verified.", "%(number)d items are verified.", number)
            messages.success(request, text % {"number": number})
            return redirect(request.get_full_path())
    rows = [] if request.GET.get("visit") else fact_verification.blocks(patient)
    context = {
        "may_mark": request.access.may(P.VERIFY),
        "done": _marked(patient, Mark.Kind.VERIFICATION),
        "rows_outside": rows,
    }
    return _page(request, "patients/verify.html", patient, blocks, refused, context)


@trial_page(see=P.SEE_TRIAL, change=P.SIGN)
def review(request: TrialRequest, code: str) -> HttpResponse:
    """Show the forms without a medical review; mark the ticked ones as reviewed."""
    patient = patient_of(request, code)
    blocks = review_blocks(patient, medical_review.reviews(patient), request.GET.get("visit", ""))
    refused: list[str] = []
    if request.method == "POST":
        seen = seen_in(request.POST.getlist("item"), blocks)
        role = request.access.role.code
        refused = _refusal(
            lambda: medical_review.review(patient=patient, seen=seen, by=request.user, role=role)
        )
        if not refused:
            text = ngettext("%(number)d form is reviewed.", "%(number)d forms are reviewed.", len(seen))
            messages.success(request, text % {"number": len(seen)})
            return redirect(request.get_full_path())
    context = {"may_mark": request.access.may(P.SIGN), "done": _marked(patient, Mark.Kind.REVIEW)}
    return _page(request, "patients/review.html", patient, blocks, refused, context)


def _refusal(do: Callable[[], Any]) -> list[str]:
    try:
        do()
    except ValidationError as refused:
        return refused.messages
    return []


def _page(
    request: TrialRequest,
    template: str,
    patient: Patient,
    blocks: Sequence[Any],
    refused: list[str],
    context: dict[str, Any],
) -> HttpResponse:
    context_of_page = {
        "patient": patient,
        "visits": blocks,
        "one_visit": request.GET.get("visit", ""),
        "refused": refused,
        "ticked": [*request.POST.getlist("item"), *request.POST.getlist("fact")],
        **context,
    }
    return render(request, template, context_of_page, status=422 if refused else 200)


def _marked(patient: Patient, kind: str) -> list[Record]:
    """Return the forms that have marks of a kind, each with `marked` (their number) and a `title`. One query."""
    is_valid = Q(marks__kind=kind, marks__undone_at=None)
    rows = Record.objects.filter(patient=patient).annotate(marked=Count("marks", filter=is_valid))
    found = list(rows.filter(marked__gt=0).select_related("visit", "protocol").order_by("pk"))
    for record in found:
        record.patient = patient
        title = record.protocol.rules.form(record.form).title.in_language(reader_language())
        record.title = f"{where(record)} · {title}"
    return found


@trial_page(see=None, change=P.VERIFY)
def withdraw_verification(request: TrialRequest, code: str) -> HttpResponse:
    """Withdraw the source verification of a form, with the reason."""
    return _withdraw(request, code, source_verification.withdraw, "patients:verify")


@trial_page(see=None, change=P.SIGN)
def withdraw_review(request: TrialRequest, code: str) -> HttpResponse:
    """Withdraw the medical review of a form, with the reason."""
    return _withdraw(request, code, medical_review.withdraw, "patients:review")


def _withdraw(request: TrialRequest, code: str, verb: Callable[..., int], back: str) -> HttpResponse:
    patient = patient_of(request, code)
    number = request.POST.get("record", "")
    key = int(number) if number.isascii() and number.isdigit() and len(number) < 19 else 0
    record = get_object_or_404(Record, pk=key, patient=patient)
    reason = request.POST.get("reason", "")[:2000]
    if refused := _refusal(lambda: verb(record=record, reason=reason, by=request.user)):
        messages.error(request, " ".join(refused))
    else:
        messages.success(request, _("The mark is withdrawn; the history keeps it."))
    return redirect(reverse(back, args=[request.trial.slug, code]))


def _form_name(record: Record) -> str:
    form = record.protocol.rules.form(record.form)
    return f"{where(record)} · {form.title.in_language(reader_language())}"


def _item(mark: Mark) -> str:
    if not mark.item:
        return _("Whole form")
    form = mark.record.protocol.rules.form(mark.record.form)
    return form.item(mark.item).label.in_language(reader_language()) if mark.item in form else mark.item


def _undone_mark(mark: Mark) -> UndoneMark | None:
    return undone_mark_words(mark, mark.record)


def _change(mark: Mark) -> str:
    undone_mark = _undone_mark(mark)
    changes = undone_mark.changes if undone_mark else ()
    return "; ".join(f"{label}: {old or '–'} → {new or '–'}" for label, old, new in changes)


UNDONE_COLUMNS = (
    Column(name="patient", label=gettext_lazy("Patient"), value=lambda row: row.patient.code, css="code"),
    Column(name="form", label=gettext_lazy("Form"), value=lambda row: _form_name(row.record)),
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
        filterset=UndoneFilter(request.GET, queryset=rows),
        row_url=lambda row: form_address(
            row.patient, row.record.form, row.record.visit, row.record.repeat, slug=request.trial.slug
        ),
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
    Column(name="undone", label=gettext_lazy("Marks undone"), value=lambda row: row.undone_marks, css="num"),
)


def _with_facts(versions: Sequence[ProtocolVersion], rows: Sequence[Any]) -> None:
    """Set on each patient the number of facts outside the forms to verify. Four queries for each planned kind."""
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
        prepare=partial(_with_facts, versions),
        filterset=ToVerifyFilter(request.GET, queryset=rows),
        row_url=lambda row: reverse("patients:verify", args=[request.trial.slug, row.code]),
        name="verification",
        empty=_("Nobody was screened yet."),
    )
    return listing.response("patients/verification.html")
