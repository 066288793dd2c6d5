"""Pages of source verification and medical review of one patient."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.sessions.kept_forms import sent_or_kept
from patients.casebook.facts import KINDS
from patients.models import Mark, Patient, Record
from patients.participation.treatment.arm_knowledge import arm_known_since, known_words
from patients.review import fact_marks, fact_review, fact_verification, medical_review, source_verification
from patients.review.review_page import (
    review_blocks,
    seen_in,
    verification_blocks,
    where,
)
from patients.views.participation import patient_of
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P
from trials.reader import reader_language


@trial_page(see=P.SEE_TRIAL, change=P.VERIFY)
def verify(request: TrialRequest, code: str) -> HttpResponse:
    """Show what is planned for source verification, by visit and form and outside the forms; mark what is ticked."""
    patient, visit = patient_of(request, code), request.GET.get("visit", "")
    blocks, rows = verification_blocks(patient, visit), fact_verification.blocks(patient, visit)
    refused: list[str] = []
    if request.method == "POST":
        seen = seen_in(request.POST.getlist("item"), blocks)
        facts = fact_marks.seen_in(request.POST.getlist("fact"), rows)
        acting: dict[str, Any] = {"patient": patient, "by": request.user, "role": request.access.role.code}
        refused = _marked_together(
            lambda: source_verification.verify(seen=seen, **acting) if seen or not facts else None,
            lambda: fact_verification.verify_facts(seen=facts, **acting),
        )
        if not refused:
            number = sum(len(each.items) for each in seen) + len(facts)
            text = ngettext("%(number)d item is verified.", "%(number)d items are verified.", number)
            messages.success(request, text % {"number": number})
            return redirect(request.get_full_path())
    context = {"may_mark": request.access.may(P.VERIFY), "done": _marked(patient, Mark.Kind.VERIFICATION)}
    return _page(request, "patients/verify.html", patient, blocks, refused, {**context, "rows_outside": rows})


@trial_page(see=P.SEE_TRIAL, change=P.SIGN)
def review(request: TrialRequest, code: str) -> HttpResponse:
    """Show the forms and the rows outside the forms without a medical review; mark the ticked ones as reviewed."""
    patient, visit = patient_of(request, code), request.GET.get("visit", "")
    blocks = review_blocks(patient, medical_review.reviews(patient), visit)
    rows = fact_review.blocks(patient, visit)
    refused: list[str] = []
    if request.method == "POST":
        seen = seen_in(request.POST.getlist("item"), blocks)
        facts = fact_marks.seen_in(request.POST.getlist("fact"), rows)
        acting: dict[str, Any] = {"patient": patient, "by": request.user, "role": request.access.role.code}
        refused = _marked_together(
            lambda: medical_review.review(seen=seen, **acting) if seen or not facts else None,
            lambda: fact_review.review_rows(seen=facts, **acting),
        )
        if not refused:
            number = len(seen) + len(facts)
            text = ngettext("%(number)d entry is reviewed.", "%(number)d entries are reviewed.", number)
            messages.success(request, text % {"number": number})
            return redirect(request.get_full_path())
    context = {"may_mark": request.access.may(P.SIGN), "done": _marked(patient, Mark.Kind.REVIEW)}
    return _page(request, "patients/review.html", patient, blocks, refused, {**context, "rows_outside": rows})


def _marked_together(*verbs: Callable[[], Any]) -> list[str]:
    """Call the verbs in one step; what one of them refuses leaves everything unmarked. Return the refusal."""

    def together() -> None:
        with transaction.atomic():
            for verb in verbs:
                verb()

    return _refusal(together)


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
    typed = sent_or_kept(request) or QueryDict()
    context_of_page = {
        "patient": patient,
        "visits": blocks,
        "one_visit": request.GET.get("visit", ""),
        "refused": refused,
        "ticked": [*typed.getlist("item"), *typed.getlist("fact")],
        # A reason belongs to one entry, which is withdrawn; without one the entries are those that were ticked.
        "withdrawing": (typed.get("record") or typed.get("fact")) if "reason" in typed else None,
        "reason": typed.get("reason", ""),
        **context,
    }
    return render(request, template, context_of_page, status=422 if refused else 200)


@dataclass(frozen=True, slots=True)
class MarkedEntry:
    """A form or a row outside the forms with valid marks: the input that names it, its title, their number."""

    name: str
    value: str
    title: str
    marked: int
    known: tuple[str, ...] = ()


def _marked(patient: Patient, kind: str) -> list[MarkedEntry]:
    """Return the forms and the rows outside them that have marks of a kind. Two queries, three for each kind of row."""
    is_valid = Q(marks__kind=kind, marks__undone_at=None)
    rows = Record.objects.filter(patient=patient).annotate(marked=Count("marks", filter=is_valid))
    found = list(rows.filter(marked__gt=0).select_related("visit", "protocol").order_by("pk"))
    for record in found:
        record.patient = patient
        title = record.protocol.rules.form(record.form).title.in_language(reader_language())
        record.title = f"{where(record)} · {title}"
    known = _arm_known(patient, kind)
    return [
        MarkedEntry(
            "record", str(record.pk), record.title, record.marked, known.get(("record", record.pk), ())
        )
        for record in found
    ] + [
        MarkedEntry("fact", f"{target}:{key}", title, number, known.get((target, key), ()))
        for (target, key), (title, number) in fact_marks.marked_rows(patient, kind).items()
    ]


def _arm_known(patient: Patient, kind: str) -> dict[tuple[str, int], tuple[str, ...]]:
    """Return by row who marked it with the arm known, and since when (BLD-04). One query if anybody knows it."""
    found: dict[tuple[str, int], dict[str, None]] = {}
    marks = Mark.objects.filter(patient=patient, kind=kind, by__in=arm_known_since(patient)).valid()
    for mark in marks.select_related("by").order_by("pk") if arm_known_since(patient) else ():
        if words := known_words(patient, mark.by_id, mark.at):
            place = mark.target, mark.record_id or mark.target_id or 0
            found.setdefault(place, {})[f"{mark.by.full_name}: {words}"] = None
    return {place: tuple(words) for place, words in found.items()}


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
    reason, target, row = request.POST.get("reason", "")[:2000], *_row_named(request.POST.get("fact", ""))
    if target:
        kind = Mark.Kind.VERIFICATION if back == "patients:verify" else Mark.Kind.REVIEW
        place: dict[str, Any] = {"patient": patient, "target": target, "key": row, "kind": kind}
        do = partial(fact_marks.withdraw_facts, **place, reason=reason, by=request.user)
    else:
        record = get_object_or_404(Record, pk=_number(request.POST.get("record", "")), patient=patient)
        do = partial(verb, record=record, reason=reason, by=request.user)
    if refused := _refusal(do):
        messages.error(request, " ".join(refused))
    else:
        messages.success(request, _("The mark is withdrawn; the history keeps it."))
    return redirect(reverse(back, args=[request.trial.slug, code]))


def _row_named(text: str) -> tuple[str, int]:
    target, _colon, key = text.partition(":")
    return target if target in KINDS else "", _number(key)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
