"""All records of one subject, from every source, numbered and with what is derived from the others."""

from collections.abc import Iterator
from typing import Any

from exports.sdtm.adverse_events import adverse_events
from exports.sdtm.bedside import observations
from exports.sdtm.captured import CapturedForm, CapturePlace, completed
from exports.sdtm.demographics import demographics
from exports.sdtm.deviations import deviations
from exports.sdtm.exposure.infusions import infusions
from exports.sdtm.numbering import numbered
from exports.sdtm.observations import Observation, Relation, Remark, Supplement
from exports.sdtm.participation import criteria_not_met, disposition, elements, visits
from exports.sdtm.relating import comments, related_records, supplements
from exports.sdtm.samples import related_specimens, samples
from exports.sdtm.subject import Subject
from patients.models import Record
from protocol.document.items import Form

Rows = Iterator[tuple[str, dict[str, Any], str]]
"""Data set, values by variable, and form and item of the annotated forms that the record comes from."""


class SubjectRecords:
    """Collects the records of one subject. A form that no protocol version has is left out."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.observations: list[Observation] = []
        self.relations: list[Relation] = []
        self.remarks: list[Remark] = []
        self._of_record: dict[int, list[Observation]] = {}
        self._named: list[tuple[int, Observation]] = []

    def rows(self) -> Rows:
        """Yield the rows of every data set in the order of their keys."""
        subject = self.subject
        for record in subject.records:
            self._form(record)
        for source in (
            infusions(subject),
            observations(subject),
            adverse_events(subject, self._of_record),
            demographics(subject),
            disposition(subject),
            visits(subject),
            elements(subject),
            criteria_not_met(subject),
            deviations(subject),
            samples(subject),
        ):
            self._take(source)
        self._relate_named()
        shared = {"STUDYID": subject.study.study_id, "USUBJID": subject.id}
        rows = numbered(self.observations, subject.timeline)
        for row in rows:
            yield row.domain, {**shared, "DOMAIN": row.domain, **row.values}, row.source
        for row in rows:
            for values, item in supplements(row):
                yield f"SUPP{row.domain}", {**shared, **values}, item
        for values in comments(rows, self.remarks):
            day = subject.timeline.day(values.get("CODTC"))
            yield "CO", {**shared, "DOMAIN": "CO", **values, "CODY": day}, ""
        for values in related_records(self.relations):
            yield "RELREC", {**shared, **values}, ""
        for values in related_specimens(subject):
            yield "RELSPEC", {**shared, **values}, ""

    def _take(self, found: Iterator[Observation | Relation] | Iterator[Observation]) -> None:
        for each in found:
            if isinstance(each, Relation):
                self.relations.append(each)
            else:
                self.observations.append(each)

    def _form(self, record: Record) -> None:
        study, subject = self.subject.study, self.subject
        rules = study.rules_of(record.protocol_id)
        if record.form not in rules.forms:
            return
        form = rules.form(record.form)
        visit = next((each for each in subject.visits if each.pk == record.visit_id), None)
        held = visit.held_on or visit.planned_on if visit else None
        place = CapturePlace(
            visit=subject.visit_of(record.visit_id),
            day=held.isoformat() if held else "",
            until=subject.timeline.last_known,
            label="" if visit else f"{record.form}-{record.repeat}".upper(),
            record=record.pk,
        )
        readings = study.ranges.ranges.read(
            form, record.values, subject=study.subject_range(subject.patient.pk), day=held
        )
        read = CapturedForm(form, place, readings)
        masked = subject.masked.get((record.visit_id or 0, record.form), {})
        read.read((*form.items, *form.masked_items), {**record.values, **masked})
        self._keep(record, form, read)

    def _keep(self, record: Record, form: Form, read: CapturedForm) -> None:
        rows = [*completed(form, read.observations)]
        if record.state == Record.State.DRAFT:
            for row in rows:
                row.supplements.append(Supplement("FORMSTAT", "Status of the form", "DRAFT", "ASSIGNED"))
        self.observations += rows
        self.remarks += read.remarks
        self.subject.facts |= {name: value for name, value in read.subject.items() if value is not None}
        self._of_record[record.pk] = rows
        self._named += [each for each in read.related if each[1] in rows]

    def _relate_named(self) -> None:
        """Relate each medicine with the adverse event whose number it names."""
        events = {row.values.get("AESPID"): row for row in self.observations if row.domain == "AE"}
        for number, row in self._named:
            if (event := events.get(str(number))) is not None:
                self.relations.append(Relation((event, row)))
