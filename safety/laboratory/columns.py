"""Columns of the listing of laboratory results, shared by the page, the CSV file and the tests."""

from collections.abc import Callable, Hashable

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from safety.labels import escaped, lines, tag
from safety.laboratory import wording
from safety.laboratory.candidates import Candidate, CandidateStatus
from safety.laboratory.results import LabResult
from trials.listing import Column
from trials.reader import reader_language


def columns(slug: str, *, may_report: bool, with_patient: bool = True) -> tuple[Column, ...]:
    """Return the columns of a trial's listing, or of one patient's without the patient."""
    patient = Column(
        name="patient", label=gettext_lazy("Patient"), value=lambda row: row.patient.code, css="code nowrap"
    )
    of_result = (*_result_columns(), *_grade_columns())
    return (*((patient,) if with_patient else ()), *of_result, _decision_column(slug, may_report=may_report))


def _once(
    words: Callable[[LabResult], str], key: Callable[[LabResult], Hashable]
) -> Callable[[Candidate], str]:
    """Return the words of a row's result, made once for all results with the same key: they share sample or test."""
    known: dict[Hashable, str] = {}

    def text(row: Candidate) -> str:
        place = key(row.result)
        found = known.get(place)
        if found is None:
            found = known[place] = words(row.result)
        return found

    return text


def _result_columns() -> tuple[Column, ...]:
    taken = _once(wording.taken_words, lambda result: result.place.taken)
    title = _once(wording.item_title, lambda result: id(result.item))
    language = reader_language()
    return (
        Column(name="taken", label=gettext_lazy("Sample"), css="nowrap",
               value=lambda row: row.result.place.taken.iso if row.result.place.taken else "",
               text=taken),
        Column(name="item", label=gettext_lazy("Test"), value=lambda row: row.result.path,
               text=lambda row: lines([title(row), _draft(row)])),
        Column(name="value", label=gettext_lazy("Result"), value=lambda row: row.facts[0], css="nowrap",
               text=lambda row: wording.value_words(row.result, language)),
        Column(name="unit", label=gettext_lazy("Unit"), value=lambda row: row.facts[1], on_page=False),
        Column(name="low", label=gettext_lazy("Lower limit"), value=lambda row: row.facts[2], on_page=False),
        Column(name="high", label=gettext_lazy("Upper limit"), value=lambda row: row.facts[3], on_page=False),
        Column(name="limits", label=gettext_lazy("Limits"), css="nowrap",
               value=lambda row: wording.limits_words(row.result),
               text=lambda row: wording.limits_words(row.result, language)),
        Column(name="baseline", label=gettext_lazy("Baseline"), value=lambda row: row.facts[4], css="nowrap",
               text=lambda row: wording.baseline_words(row.result, language)),
    )  # fmt: skip


def _draft(row: Candidate) -> str:
    mark = wording.draft_mark(row.result)
    return tag("draft", mark) if mark else ""


def _grade_columns() -> tuple[Column, ...]:
    language = reader_language()
    return (
        Column(name="term", label=gettext_lazy("CTCAE term"), value=lambda row: row.term,
               text=lambda row: lines([row.term, _quiet(wording.reason_words(row, language))])),
        Column(name="ctcae", label=gettext_lazy("CTCAE version"), value=lambda row: row.result.ctcae, on_page=False),
        Column(name="grade", label=gettext_lazy("Grade"), value=lambda row: row.facts[6], text=wording.grade_cell,
               css="nowrap", decides=True),
        Column(name="baseline_grade", label=gettext_lazy("Grade at baseline"), on_page=False,
               value=lambda row: row.baseline_grade),
        Column(name="question", label=gettext_lazy("Question"), value=wording.ask_words, on_page=False),
    )  # fmt: skip


def _quiet(text: str) -> SafeString:
    return mark_safe(f'<span class="quiet">{escaped(text)}</span>')  # noqa: S308  escaped


def _decision_column(slug: str, *, may_report: bool) -> Column:
    def text(row: Candidate) -> SafeString:
        parts = [wording.status_tag(row)]
        if row.status == CandidateStatus.AWAITS_EVENT and may_report and row.decision is not None:
            address = reverse("safety:laboratory-event", args=[slug, row.patient.code, row.decision.pk])
            parts.append(format_html('<a href="{}">{}</a>', address, _("Report the event")))
        return lines(parts)  # type: ignore[arg-type]

    return Column(
        name="decision",
        label=gettext_lazy("Decision"),
        value=lambda row: row.status.value,
        text=text,
        decides=True,
    )
