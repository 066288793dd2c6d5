"""Texts of laboratory results and their grades in the reader's language."""

from functools import cache

from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from patients.casebook.range_flags import range_words
from patients.models import Record
from protocol.values.labels import display, unit_words, with_unit
from safety.grading import printed
from safety.labels import tag
from safety.laboratory.candidates import Candidate, CandidateStatus
from safety.laboratory.models import LaboratoryDecision
from safety.laboratory.results import LabResult
from trials.reader import reader_language, shown_moment

STATUSES: dict[CandidateStatus, str | Promise] = {
    CandidateStatus.OPEN: gettext_lazy("To decide"),
    CandidateStatus.REOPENED: gettext_lazy("To decide again: the result changed"),
    CandidateStatus.AWAITS_EVENT: gettext_lazy("Significant: event to be reported"),
    CandidateStatus.DECIDED: pgettext_lazy("status of a laboratory result", "Decided"),
}
TONES = {
    CandidateStatus.OPEN: "due",
    CandidateStatus.REOPENED: "late",
    CandidateStatus.AWAITS_EVENT: "draft",
    CandidateStatus.DECIDED: "signed",
}


def item_title(result: LabResult) -> str:
    """Return the label of the item."""
    return result.item.label.in_language(reader_language())


def form_title(result: LabResult) -> str:
    """Return the title of the form that holds the result."""
    return result.place.form.title.in_language(reader_language())


def value_words(result: LabResult, language: str = "") -> str:
    """Return the result with its unit, as it was entered too: `12.5 g/dL (125 g/L)`.

    language: that of the reader, here and below, if the caller has asked for it already, for many results at once.
    """
    return display(result.stored, result.item, language or reader_language(), _)


def limits_words(result: LabResult, language: str = "") -> str:
    """Return the limits of the laboratory; empty without any."""
    if result.low is None and result.high is None:
        return ""
    return range_words(result.low, result.high, result.item.unit or "", language or reader_language())


def baseline_words(result: LabResult, language: str = "") -> str:
    """Return the baseline with its unit; that the result is the baseline; empty without one."""
    if result.is_baseline:
        return _("This is the baseline.")
    if result.baseline is None:
        return ""
    return with_unit(printed(result.baseline, language or reader_language()), result.item.unit, _)


def taken_words(result: LabResult) -> str:
    """Return when the sample was taken; empty if nothing says so."""
    return shown_moment(result.place.taken) if result.place.taken else ""


def draft_mark(result: LabResult) -> str:
    """Return that the form is a draft, or an empty text."""
    return _("Draft") if result.place.state == Record.State.DRAFT else ""


def reason_words(candidate: Candidate, language: str = "") -> str:
    """Return the criterion that the number reached, or why it has no grade (LAB-01)."""
    language = language or reader_language()
    if candidate.grade is None:
        return candidate.cannot.sentence(_, language) if candidate.cannot else ""
    reason = candidate.grade.reason_in(_, language)
    return (
        reason.replace(candidate.grade.unit, unit_words(candidate.grade.unit, _))
        if candidate.grade.unit
        else reason
    )


def ask_words(candidate: Candidate) -> str:
    """Return the question that may change the grade; empty if the number decides (LAB-05)."""
    return (candidate.grade.ask_in(_) or "") if candidate.grade is not None else ""


def grade_words(candidate: Candidate) -> str:
    """Return the grade as a number; `–` for a result that cannot be graded."""
    return "–" if candidate.grade is None else str(int(candidate.grade))


def grade_cell(candidate: Candidate) -> SafeString:
    """Return the grade with its colour, and what it was at baseline if it is worse."""
    if not candidate.grade:
        return format_html("{}", grade_words(candidate))
    grade = swatch(int(candidate.grade))
    if not candidate.worsened:
        return grade
    words = _("baseline %(grade)s") % {"grade": candidate.baseline_grade}
    return format_html('{} <span class="quiet">({})</span>', grade, words)


@cache
def swatch(grade: int) -> SafeString:
    """Return a grade with its colour."""
    return format_html(
        '<svg class="swatch" viewBox="0 0 14 14" aria-hidden="true">'
        '<rect class="g{0}" x="1" y="1" width="12" height="12" rx="2"/></svg> {0}',
        grade,
    )


def status_tag(candidate: Candidate) -> SafeString:
    """Return the status and the decision."""
    status = candidate.status
    if status == CandidateStatus.DECIDED and candidate.decision is not None:
        return tag(TONES[status], decision_words(candidate.decision))
    return tag(TONES[status], STATUSES[status])


def decision_words(decision: LaboratoryDecision) -> str:
    """Return the decision, with the adverse event: `Clinically significant: AE 3`."""
    words = str(decision.get_significance_display())
    return f"{words}: {decision.event}" if decision.event_id else words


def decided_words(decision: LaboratoryDecision, zone: str) -> str:
    """Return the decision with its result and time."""
    told = {
        "decision": decision_words(decision),
        "value": with_unit(decision.value, decision.unit, _),
        "grade": decision.confirmed_grade,
        "when": shown_moment(decision.decided_at, zone),
    }
    return _("%(decision)s, grade %(grade)s, on %(value)s; %(when)s") % told


def prefilled_description(result: LabResult, decision: LaboratoryDecision) -> str:
    """Return the result as the description of an adverse event."""
    told = {
        "item": item_title(result),
        "value": value_words(result),
        "taken": taken_words(result) or "–",
        "limits": limits_words(result) or "–",
        "baseline": baseline_words(result) or "–",
        "version": decision.ctcae,
        "grade": decision.confirmed_grade,
    }
    return (
        _(
            "%(item)s %(value)s, sample %(taken)s; limits of the laboratory %(limits)s, baseline %(baseline)s. "
            "CTCAE v%(version)s grade %(grade)s."
        )
        % told
    )
