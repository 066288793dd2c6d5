"""The rows of a trial that are compared with each other: read once, in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from patients.models import Deviation, Patient, Record
from patients.participation.death import Death, deaths_in
from protocol.document.document import Protocol
from protocol.document.items import Form, Item
from protocol.values.moments import Moment
from protocol.values.parsing import moment
from safety.laboratory.models import LaboratoryDecision
from safety.models import AdverseEvent, EventLink
from trials.models import Trial

STAYS, MEDICATION = "HO", "CM"
FOR_EVENT = "ADVERSE_EVENT"


@dataclass(frozen=True, slots=True)
class Episode:
    """A row of a log of stays or of medication, with its first and last moment as far as they are known."""

    record: Record
    form: Form
    began: Moment | None
    ended: Moment | None

    def overlaps(self, first: Moment, last: Moment | None) -> bool:
        """Return whether the episode may have a moment in common with another span. No end: it goes on."""
        if self.began is not None and last is not None and self.began.earliest > last.latest:
            return False
        return not (self.ended is not None and self.ended.latest < first.earliest)


@dataclass
class SiteRows:
    """The records of the site. Nothing in them depends on the arm; product deviations are not read."""

    trial: Trial

    @property
    def rules(self) -> Protocol:
        """Return the rules in force."""
        return self.trial.rules

    @property
    def zone(self) -> str:
        """Return the name of the site's time zone."""
        return self.rules.trial.site.time_zone

    @cached_property
    def patients(self) -> dict[int, Patient]:
        """Return the patients by key, with the trial that was read already."""
        rows = Patient.objects.filter(trial=self.trial).select_related("protocol").order_by("number")
        found = {row.pk: row for row in rows.defer("protocol__text")}
        for row in found.values():
            row.trial = self.trial
        return found

    @cached_property
    def deaths(self) -> dict[int, Death]:
        """Return the deaths by patient. Two queries."""
        return deaths_in(self.trial)

    @cached_property
    def death_records(self) -> dict[int, int]:
        """Return by patient the key of the form that holds the date of death, the one stored last. One query."""
        form, _dot, item = (self.rules.profile.died_on or "").partition(".")
        captured = [patient for patient, death in self.deaths.items() if death.form]
        if not captured:
            return {}
        rows = Record.objects.filter(patient__in=captured, form=form, values__has_key=item)
        rows = rows.exclude(state=Record.State.STRUCK_OUT).order_by("pk")
        return dict(rows.values_list("patient_id", "pk"))

    @cached_property
    def all_events(self) -> list[AdverseEvent]:
        """Return all events, also those entered in error, by patient and number."""
        rows = list(AdverseEvent.objects.filter(trial=self.trial))
        for row in rows:
            row.patient = self.patients[row.patient_id]
        return sorted(rows, key=lambda row: (row.patient.number, row.number))

    @cached_property
    def events(self) -> list[AdverseEvent]:
        """Return the events that are not entered in error."""
        return [row for row in self.all_events if not row.in_error]

    @cached_property
    def by_patient(self) -> dict[int, list[AdverseEvent]]:
        """Return the events that are not entered in error by patient."""
        found: dict[int, list[AdverseEvent]] = defaultdict(list)
        for event in self.events:
            found[event.patient_id].append(event)
        return found

    @cached_property
    def links(self) -> dict[int, list[EventLink]]:
        """Return the links in force of events in force, by the key of the record they name."""
        in_force = {event.pk for event in self.events}
        rows = EventLink.objects.in_force().filter(patient__trial=self.trial, record__isnull=False)
        found: dict[int, list[EventLink]] = defaultdict(list)
        for row in rows:
            if row.event_id in in_force and row.record_id is not None:
                found[row.record_id].append(row)
        return found

    @cached_property
    def deviations(self) -> list[Deviation]:
        """Return the deviations of the general log that are in force."""
        return list(
            Deviation.objects.filter(patient__trial=self.trial).in_force().order_by("patient", "number")
        )

    @cached_property
    def decisions(self) -> list[LaboratoryDecision]:
        """Return the decisions on results that are clinically significant."""
        significant = LaboratoryDecision.Significance.SIGNIFICANT
        rows = LaboratoryDecision.objects.filter(trial=self.trial, significance=significant)
        return list(rows.order_by("patient", "pk"))

    @cached_property
    def _episodes(self) -> dict[str, list[Episode]]:
        forms = logs_of(self.rules, STAYS) + logs_of(self.rules, MEDICATION)
        rows = Record.objects.filter(patient__trial=self.trial, form__in=[form.code for form in forms])
        found: dict[str, list[Episode]] = defaultdict(list)
        by_code = {form.code: form for form in forms}
        for row in rows.exclude(state=Record.State.STRUCK_OUT).order_by("patient", "form", "repeat"):
            form = by_code[row.form]
            found[form.cdisc_domain or ""].append(_episode(row, form, self.zone))
        return found

    @property
    def stays(self) -> list[Episode]:
        """Return the stays in hospital, from the logs of the domain HO."""
        return self._episodes[STAYS]

    @property
    def medication(self) -> list[Episode]:
        """Return the rows of the logs of medication, of the domain CM."""
        return self._episodes[MEDICATION]


def logs_of(rules: Protocol, domain: str) -> list[Form]:
    """Return the logs of a CDISC domain."""
    forms = (rules.form(code) for code in rules.logs)
    return [form for form in forms if form.cdisc_domain == domain]


def named(form: Form, *ends: str) -> Item | None:
    """Return the first item whose CDISC name is the domain of its form with one of the ends, such as `CMTRT`."""
    wanted = {f"{form.cdisc_domain}{end}" for end in ends}
    return next((item for item in form.items if item.cdisc in wanted), None)


def reason_item(form: Form) -> Item | None:
    """Return the item of a medication log that says that a medicine was given for an adverse event."""
    return next(
        (item for item in form.items if any(choice.code == FOR_EVENT for choice in item.choices)), None
    )


def _episode(row: Record, form: Form, zone: str) -> Episode:
    def at(end: str) -> Moment | None:
        item = named(form, end)
        found: Any = row.values.get(item.name) if item else None
        return moment(found, zone)

    return Episode(row, form, at("STDTC"), at("ENDTC"))


def overlapping(episode: Episode, events: Iterable[AdverseEvent], zone: str) -> bool:
    """Return whether one of the events may have gone on during an episode."""
    return any(
        episode.overlaps(event.onset_moment.placed(zone), event.end_moment and event.end_moment.placed(zone))
        for event in events
    )
