"""A deviation in words: its place with the address, its status, its facts, and the columns of its listing."""

from collections.abc import Callable
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from patients.casebook.navigation import record_address
from patients.models import DeviationClass, DeviationPlace, DeviationRow, Record
from patients.participation.treatment.arm_knowledge import known_words
from trials.listing import Column, choice_text
from trials.reader import shown_day, shown_moment

TONES = {
    DeviationClass.UNCLASSIFIED: "draft",
    DeviationClass.MINOR: "done",
    DeviationClass.MAJOR: "late",
    DeviationClass.REPORTABLE: "late",
}
PAGES = {
    DeviationPlace.VISIT: "patients:visit",
    DeviationPlace.INFUSION: "dosing:infusion",
    DeviationPlace.ELIGIBILITY: "patients:eligibility",
    DeviationPlace.ADVERSE_EVENT: "safety:event",
    DeviationPlace.SAMPLE: "patients:sample",
}


def place_words(row: DeviationRow) -> str:
    """Return the place at which the deviation was found, empty for one entered by hand."""
    key = {"key": row.place_key}
    match row.place:
        case DeviationPlace.VISIT:
            return _("Visit %(key)s") % key
        case DeviationPlace.INFUSION:
            return _("Infusion %(key)s") % key
        case DeviationPlace.ADVERSE_EVENT:
            return _("AE %(key)s") % key
        case DeviationPlace.SAMPLE:
            return _("Sample %(key)s") % key
        case _other:
            return str(DeviationPlace(row.place).label) if row.place else ""


def place_address(row: Any, slug: str) -> str:
    """Return the address of the place, empty without one. A form costs one query."""
    if row.place == DeviationPlace.RECORD:
        record = Record.objects.select_related("visit").get(pk=row.place_key, patient=row.patient)
        record.patient = row.patient
        return record_address(record, slug)
    if not row.place:
        return ""
    key = [] if row.place == DeviationPlace.ELIGIBILITY else [row.place_key]
    return reverse(PAGES[row.place], args=[slug, row.patient.code, *key])


def status_tag(row: DeviationRow) -> SafeString:
    """Return the classification as a tag, with what else has to be known: struck out, or to be looked at again."""
    if row.struck_out:
        return format_html('<span class="tag tone-none">{}</span>', _("Struck out"))
    tone, label = TONES[DeviationClass(row.classification)], DeviationClass(row.classification).label
    shown = format_html('<span class="tag tone-{}">{}</span>', tone, label)
    if not row.place_corrected:
        return shown
    return format_html('{} <span class="tag tone-draft">{}</span>', shown, _("Place corrected"))


def deviation_facts(row: Any) -> list[tuple[str, Any]]:
    """Return (label, text) of what is known of a deviation, for its page."""
    facts = [
        (_("Concerns"), row.get_category_display()),
        (_("Happened on"), shown_moment(row.occurred)),
        (_("Noticed on"), shown_day(row.detected_on)),
        (_("What happened"), row.description),
        (_("Classification"), status_tag(row)),
        (_("Classified by"), _classified(row)),
        (_("Action taken"), row.action_taken),
        (_("Reported to the sponsor on"), shown_day(row.reported_on) if row.reported_on else ""),
        (_("Recorded"), _who_and_when(row.recorded_by or _("by the system"), row.recorded_at, row)),
        (_("Entered after the lock because"), row.after_lock_reason),
        (_("Struck out because"), row.struck_out_reason),
    ]
    return [(label, text) for label, text in facts if text]


def _classified(row: Any) -> str:
    """Return who classified the deviation and when, with the mark of a person who knew the arm (BLD-04)."""
    known = known_words(row.patient, row.classified_by_id, row.classified_at)
    return " · ".join(filter(None, [_who_and_when(row.classified_by, row.classified_at, row), known]))


def _who_and_when(who: Any, at: Any, row: Any) -> str:
    return f"{who}, {shown_moment(at, row.patient.trial.zone)}" if at else ""


def deviation_columns(log: type[DeviationRow]) -> tuple[Column, ...]:
    """Return the columns of the listing of a log. Rows need `patient`."""
    return (*_main_columns(log), *_further_columns())


def _main_columns(log: type[DeviationRow]) -> tuple[Column, ...]:
    return (
        Column(name="patient", label=gettext_lazy("Patient"), value=lambda row: row.patient.code, css="code nowrap",
               sort=("patient_id", "number")),
        Column(name="number", label=gettext_lazy("No."), value=str, css="nowrap"),
        Column(name="classification", decides=True, label=gettext_lazy("Classification"), value=_of("classification"),
               text=status_tag, sort=("classification",)),
        Column(name="category", label=gettext_lazy("Concerns"), value=_of("category"),
               text=choice_text(log, "category"), sort=("category",)),
        Column(name="occurred_on", label=gettext_lazy("Happened on"), value=_of("occurred_on"), css="nowrap",
               text=lambda row: shown_moment(row.occurred), sort=("occurred_on",)),
        Column(name="description", label=gettext_lazy("What happened"), value=_of("description"), free_text=True),
        Column(name="place", label=gettext_lazy("Found at"), value=place_words, css="nowrap"),
    )  # fmt: skip


def _further_columns() -> tuple[Column, ...]:
    def only_csv(name: str, label: Any, *, free_text: bool = False) -> Column:
        return Column(name=name, label=label, value=_of(name), on_page=False, free_text=free_text)

    return (
        only_csv("detected_on", gettext_lazy("Noticed on")),
        only_csv("action_taken", gettext_lazy("Action taken"), free_text=True),
        only_csv("reported_on", gettext_lazy("Reported to the sponsor on")),
        only_csv("place_corrected", gettext_lazy("Place corrected")),
        only_csv("struck_out_reason", gettext_lazy("Struck out because"), free_text=True),
    )


def _of(name: str) -> Callable[[Any], Any]:
    return lambda row: getattr(row, name)
