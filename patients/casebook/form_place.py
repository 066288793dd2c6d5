"""The place of a form in the data of a patient: visit or log, form and row, under one protocol version."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property

from patients.models import Patient, Record, Visit
from protocol.document.items import Form
from protocol.expressions.rules import FormRules, rules_of
from protocol.values.parsing import Clock
from trials.models import ProtocolVersion
from trials.reader import reader_language


@dataclass(frozen=True)
class FormPlace:
    """The location of a form in a casebook: at a visit or as a numbered row of a log, under one protocol version."""

    patient: Patient
    visit: Visit | None
    protocol: ProtocolVersion
    form: Form
    repeat: int = 1

    @property
    def key(self) -> str:
        """Return the key of the location, unique for the patient: `D28/vitals`, or `medication/3` for a log row."""
        return f"{self.visit.key}/{self.form.code}" if self.visit else f"{self.form.code}/{self.repeat}"

    @property
    def day(self) -> date | None:
        """Return the day of the visit, held or else planned; None if it is not known, or in a log."""
        return day_of(self.visit) if self.visit else None

    @cached_property
    def reads(self) -> frozenset[str]:
        """Return the codes of the forms with whose captured values its rules and its dates are checked."""
        if self.date_of_death:
            # A date of death is compared with every date.
            forms = self.protocol.rules.forms
            return self.rules.reads | {code for code, form in forms.items() if form.has_dates}
        death = (self.protocol.rules.profile.died_on or "").partition(".")[0]
        return self.rules.reads | {death} if death and self.form.has_dates else self.rules.reads

    @property
    def date_of_death(self) -> str:
        """Return the item of the form that states the date of death; empty if another form does, or none."""
        form, _dot, item = (self.protocol.rules.profile.died_on or "").partition(".")
        return item if form == self.form.code else ""

    @property
    def rules(self) -> FormRules:
        """The compiled rules of the form, under the protocol version of the location."""
        return rules_of(self.protocol.rules).form(self.form.code)

    @property
    def read_elsewhere(self) -> frozenset[str]:
        """All names, of any form, with which other forms, criteria or dates are checked."""
        rules = self.protocol.rules
        return rules_of(rules).read_elsewhere | {rules.profile.died_on or ""}

    @property
    def clock(self) -> Clock:
        """The clock on which dates and times of the form are read, with the language of the reader."""
        return Clock(self.protocol.rules.trial.site.time_zone, self.day, language=reader_language())

    def holds(self, record: Record) -> bool:
        """Return True if the record was captured at this location, struck out or not."""
        # At a visit `repeat` does not count: a struck-out form keeps its number, the next one gets another.
        if record.form != self.form.code:
            return False
        if self.visit is None:
            return record.visit_id is None and record.repeat == self.repeat
        return record.visit_id == self.visit.pk


def day_of(visit: Visit) -> date | None:
    """Return the day on which a visit was held, else the day for which it is planned, else None."""
    return visit.held_on or visit.planned_on
