"""Where a form stands: its visit or row, its lifecycle, and the way from it to the rest of the casebook."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from django.utils.translation import gettext

from patients.casebook.casebook import Casebook, FormPlace, visit_title
from patients.casebook.form_versions import all_sections
from patients.casebook.item_history import last_save, moment_words
from patients.casebook.navigation import Navigation, address_of, navigation, stage_at
from patients.casebook.range_flags import place_readings
from patients.models import Record
from patients.participation.visit_status import STAGES
from patients.templatetags.status import STATES
from protocol.values.moments import Moment
from trials.access import Access
from trials.reader import reader_language


@dataclass(frozen=True)
class FormHeader:
    """One form of one patient at its place, as a person with these rights sees it."""

    access: Access
    casebook: Casebook
    place: FormPlace

    @cached_property
    def record(self) -> Record | None:
        """The record in force; one that was struck out is only shown."""
        record = self.casebook.record(self.place)
        return None if record is not None and record.state == Record.State.STRUCK_OUT else record

    @cached_property
    def struck_out(self) -> list[Record]:
        """Earlier entries here that were struck out."""
        here = [record for record in self.casebook.records if self.place.holds(record)]
        struck = [record for record in here if record.state == Record.State.STRUCK_OUT]
        for record in struck:
            version = self.casebook.version(record.protocol_id)
            there = replace(self.place, protocol=version, form=version.rules.form(record.form))
            readings = place_readings(self.casebook, there, record.values)
            told = all_sections(self.casebook, there.form, record.values, readings=readings)
            record.sections = told  # type: ignore[attr-defined]
        return struck

    @property
    def is_complete(self) -> bool:
        """Whether a change needs a reason."""
        return self.record is not None and self.record.state == Record.State.COMPLETE

    @property
    def has_tables(self) -> bool:
        """Whether the form has repeating rows."""
        return any(item.type == "rows" for item in self.place.form.items)

    @property
    def version(self) -> int:
        """The version this page shows."""
        return self.record.version if self.record else 0

    @property
    def zone(self) -> str:
        """The zone of the site."""
        return self.place.protocol.rules.trial.site.time_zone

    @property
    def title(self) -> str:
        """The title of the form."""
        return self.place.form.title.in_language(reader_language())

    @property
    def where(self) -> str:
        """The visit, or the row of the log."""
        if self.place.visit is None:
            return gettext("Row %(number)s") % {"number": self.place.repeat}
        return visit_title(
            self.place.protocol, self.place.visit, reader_language(), gettext("Unscheduled visit")
        )

    @property
    def day_words(self) -> str:
        """The day of the visit: held, or planned."""
        visit = self.place.visit
        if visit is None or self.place.day is None:
            return ""
        day = Moment.from_date(self.place.day).display(reader_language())
        return day if visit.held_on else gettext("planned %(day)s") % {"day": day}

    @property
    def address(self) -> str:
        """The address of this form."""
        return address_of(self.place)

    @cached_property
    def navigation(self) -> Navigation:
        """Every place of the casebook."""
        return navigation(self.casebook, self.place)

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The lifecycle with where this form stands."""
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
    def saved(self) -> str:
        """When and by whom this form was last saved. One query."""
        if self.record is None:
            return ""
        at, who = last_save(self.record)
        words = {"when": moment_words(at, self.zone), "who": who}
        return gettext("Saved %(when)s by %(who)s") % words if who else words["when"]
