"""Columns of the adverse event listing, shared by the page, the CSV file and the tests."""

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from safety import labels
from safety.listing.infusion_days import since_infusions
from safety.listing.reviews import TONES, review_state
from safety.models import AdverseEvent
from trials.listing import Column, choice_text


def event_columns(wording: labels.Wording) -> tuple[Column, ...]:
    """Return the columns in the wording of one trial. Rows need `patient` and `attach_related`."""
    return (
        *_event_columns(wording),
        *_severity_columns(),
        *_time_columns(wording),
        *_review_columns(wording.zone),
    )


def _event_columns(wording: labels.Wording) -> tuple[Column, ...]:
    return (
        Column(name="patient", label=gettext_lazy("Patient"), value=lambda row: row.patient.code, css="code nowrap",
               sort=("patient_id", "number")),
        Column(name="number", label=gettext_lazy("No."), value=lambda row: row.number, css="num"),
        Column(name="term", label=gettext_lazy("Event"), value=lambda row: row.term, free_text=True,
               text=lambda row: labels.lines(_event(wording, row))),
        Column(name="kind", label=gettext_lazy("Kind of report"), value=lambda row: row.kind, on_page=False),
        Column(name="aesi", label=gettext_lazy("Special interest"), value=lambda row: row.aesi, on_page=False),
    )  # fmt: skip


def _event(wording: labels.Wording, row: AdverseEvent) -> list[str]:
    interest, wrong = wording.interest(row), _("Entered in error") if row.in_error else ""
    kind = row.get_kind_display() if row.kind else ""
    told = (("draft", kind), ("checked", interest), ("late", wrong))
    marks = [labels.tag(tone, text) for tone, text in told if text]
    return [row.term, *marks]


def _severity_columns() -> tuple[Column, ...]:
    return (
        Column(name="grade", label=gettext_lazy("Grade"), value=lambda row: row.grade, text=labels.grade_tag,
               css="nowrap", sort=("grade",)),
        Column(name="serious", label=gettext_lazy("Serious"), value=lambda row: row.serious),
        Column(name="seriousness", label=gettext_lazy("Seriousness criteria"), on_page=False,
               value=lambda row: " ".join(sorted(row.seriousness))),
        Column(name="related", label=gettext_lazy("Related"), value=lambda row: row.related),
        Column(name="causality", label=gettext_lazy("Causality"), value=lambda row: row.causality, on_page=False),
        Column(name="class", decides=True, label=gettext_lazy("Class"), value=lambda row: row.classification.value,
               text=labels.class_tag),
    )  # fmt: skip


def _time_columns(wording: labels.Wording) -> tuple[Column, ...]:
    return (
        Column(name="onset", label=gettext_lazy("Onset – end"), value=lambda row: row.onset, css="nowrap",
               text=lambda row: labels.lines([wording.onset(row), f"– {wording.end(row)}"]),
               sort=("onset_earliest",)),
        Column(name="onset_day", label=gettext_lazy("Study day of onset"), on_page=False,
               value=lambda row: wording.study_day(row.onset_moment, row.patient)),
        Column(name="since_infusions", label=gettext_lazy("Days from each infusion"), on_page=False,
               value=lambda row: since_infusions(row, wording.zone)),
        Column(name="ongoing", label=gettext_lazy("Ongoing"), value=lambda row: row.ongoing, on_page=False),
        Column(name="end", label=gettext_lazy("End"), value=lambda row: row.end, on_page=False),
        Column(name="outcome", label=gettext_lazy("Outcome"), value=lambda row: row.outcome,
               text=choice_text(AdverseEvent, "outcome")),
    )  # fmt: skip


def _review_columns(zone: str) -> tuple[Column, ...]:
    now = timezone.now()
    return (
        Column(name="review", label=gettext_lazy("Review"), value=lambda row: review_state(row).value, text=_review),
        Column(name="clock", decides=True, label=gettext_lazy("Report"), value=_stage,
               text=lambda row: labels.clock_tag(row, now, zone)),
        Column(name="due_at", label=gettext_lazy("Report due"), value=lambda row: row.due_at, on_page=False),
        Column(name="reported", label=pgettext_lazy("when", "Reported"), value=lambda row: row.reported, on_page=False),
        Column(name="expectedness", label=gettext_lazy("Expectedness"), value=lambda row: row.expectedness,
               on_page=False),
        Column(name="case_due_at", label=gettext_lazy("Report to the authority due"), value=lambda row: row.case_due_at,
               on_page=False),
        Column(name="in_error", label=gettext_lazy("Entered in error"), value=lambda row: row.in_error_reason,
               free_text=True, on_page=False),
    )  # fmt: skip


def _review(row: AdverseEvent) -> object:
    if row.in_error:
        return ""
    state = review_state(row)
    return labels.tag(TONES[state], state.label)


def _stage(row: AdverseEvent) -> str:
    reading = row.clock()
    return reading.stage.value if reading else ""
