"""The header of a form's page: visit or log row, lifecycle, struck-out entries, navigation of the casebook."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from django.utils.translation import gettext

from patients.casebook.casebook import Casebook, FormPlace
from patients.casebook.form_versions import all_sections
from patients.casebook.item_history import moment_words
from patients.casebook.navigation import Navigation, address_of, navigation, stage_at
from patients.casebook.range_flags import place_readings
from patients.entry.form_page.form_summary import FormSummary, ValueMark
from patients.models import Record
from patients.models.visit_forms import visit_title
from patients.participation.visit_status import STAGES
from patients.templatetags.status import STATES
from protocol.document.items import Form
from trials.access import Access
from trials.permissions import Permission
from trials.reader import reader_language, shown_day


@dataclass(frozen=True)
class FormHeader:
    """The header of one form at one location of a casebook, for a person with these rights."""

    access: Access
    casebook: Casebook
    place: FormPlace

    @cached_property
    def record(self) -> Record | None:
        """Return the record in force, or None. A struck-out record is shown but not edited."""
        record = self.casebook.record(self.place)
        return None if record is not None and record.state == Record.State.STRUCK_OUT else record

    @cached_property
    def struck_out(self) -> list[Record]:
        """Return the struck-out records of this location, each with its content and its `summary`."""
        here = [record for record in self.casebook.records if self.place.holds(record)]
        struck = [record for record in here if record.state == Record.State.STRUCK_OUT]
        for record in struck:
            version = self.casebook.version(record.protocol_id)
            place = replace(self.place, protocol=version, form=version.rules.form(record.form))
            readings = place_readings(self.casebook, place, record.values, record=record)
            sections = all_sections(self.casebook, place.form, record.values, readings=readings)
            record.sections = sections  # type: ignore[attr-defined]
            record.summary = self._summary_of(record, place.form)  # type: ignore[attr-defined]
        return struck

    @property
    def is_complete(self) -> bool:
        """Return True if the form is complete, so that a change needs a reason (AUD-04)."""
        return self.record is not None and self.record.state == Record.State.COMPLETE

    @property
    def states_death(self) -> bool:
        """Return True if the stored form holds the date of death."""
        item = self.place.date_of_death
        return bool(item) and self.record is not None and isinstance(self.record.values.get(item), str)

    @property
    def has_tables(self) -> bool:
        """Return True if the form has a table of repeating rows."""
        return any(item.type == "rows" for item in self.place.form.items)

    @property
    def version(self) -> int:
        """Return the version of the record that this page shows, 0 before the first save."""
        return self.record.version if self.record else 0

    @property
    def zone(self) -> str:
        """Return the IANA time zone of the site."""
        return self.place.protocol.rules.trial.site.time_zone

    @property
    def title(self) -> str:
        """Return the title of the form in the reader's language."""
        return self.place.form.title.in_language(reader_language())

    @property
    def where(self) -> str:
        """Return the title of the visit, or the number of the log row, as text."""
        if self.place.visit is None:
            return gettext("Row %(number)s") % {"number": self.place.repeat}
        return visit_title(
            self.place.protocol, self.place.visit, reader_language(), gettext("Unscheduled visit")
        )

    @property
    def day_words(self) -> str:
        """Return the day of the visit as text, marked as planned until it is held; empty if there is none."""
        visit = self.place.visit
        if visit is None or self.place.day is None:
            return ""
        day = shown_day(self.place.day)
        return day if visit.held_on else gettext("planned %(day)s") % {"day": day}

    @property
    def address(self) -> str:
        """Return the address of this form."""
        return address_of(self.place)

    @cached_property
    def navigation(self) -> Navigation:
        """Return the navigation of the casebook with this form marked."""
        return navigation(self.casebook, self.place)

    @property
    def steps(self) -> list[dict[str, Any]]:
        """Return the stages of the lifecycle, with those passed and the current one of this form marked."""
        stage = stage_at(self.record, self.place.visit, self.casebook.patient)
        here = STAGES.index(stage) if stage in STAGES else -1
        return [
            {
                "state": state,
                "words": STATES[state][2],
                "tone": STATES[state][1],
                "past": number < here,
                "current": number == here,
            }
            for number, state in enumerate(STAGES)
        ]

    @cached_property
    def summary(self) -> FormSummary | None:
        """Return who entered, changed and signed the form in force; None before the first save."""
        return self._summary_of(self.record, self.place.form) if self.record is not None else None

    def _summary_of(self, record: Record, form: Form) -> FormSummary:
        sees_files = self.access.may(Permission.SEE_FILES)
        return FormSummary(self.casebook, record, form, self.zone, sees_files)

    @property
    def marks(self) -> Mapping[str, ValueMark]:
        """Return by item what changed since it was entered."""
        return self.summary.marks if self.summary is not None else {}

    @property
    def saved(self) -> str:
        """Return the time and author of the last change of a value or of the state; empty before the first save."""
        last = self.summary.history.last if self.summary is not None else None
        if last is None:
            return ""
        words = {"when": moment_words(last.at, self.zone), "who": last.who}
        return gettext("Saved %(when)s by %(who)s") % words if last.who else words["when"]
