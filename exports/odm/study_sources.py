"""Rows of patients as ODM has them, read in chunks of patients: as they are now, or every row of their histories.

A chunk costs a fixed number of queries: one for each model, and at most one for each path over foreign keys.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from django.db import models

from audit.concealment import without_entries
from audit.models import Signature
from audit.trail import history_model, tracked_columns, trail_of
from audit.trail_reading.sources import hidden_signatures
from exports.formats.data_files import ReaderRights
from exports.odm import captured, oids
from exports.odm.content import Content, Datum, FormPlace, PlacedRow
from exports.odm.facts import FactForm, Related, as_text
from exports.odm.study_definitions import VISITS, StudyDefinitions
from patients.models import Patient, Query, QueryMessage, Record, Visit
from patients.models.attachments import OF_FILES
from protocol.document.design import UNSCHEDULED
from trials.models import Trial
from trials.permissions import Permission

CHUNK_PATIENTS = 20
ACTOR = (
    "history_date", "history_id", "history_type", "history_user_name", "history_full_name", "history_role",
    "history_change_reason", "history_origin",
)  # fmt: skip
RECORD_FACTS = ("created_at", "completed_at", "verified_at", "frozen_at", "locked_at", "struck_out_reason")
THREADS = (Query, QueryMessage)
# Read over foreign keys for the threads of queries.
PERSON_OF = {Query: "opened_by_id", QueryMessage: "author_id"}


class StudySubject(NamedTuple):
    """A patient: key, code, and the key of the version they are on now."""

    pk: int
    code: str
    version: int


class Change(NamedTuple):
    """Who changed a row: one row of a history. kind: +, ~ or -."""

    at: datetime
    number: int
    kind: str
    user_name: str
    full_name: str
    role: str
    reason: Any
    origin: str


class Stored(NamedTuple):
    """A row as it is stored, or was: its columns by name. change: in a history."""

    model: type[models.Model]
    columns: dict[str, Any]
    change: Change | None = None


class RelatedRows:
    """Values of rows that others refer to: read once for each chunk, one query for each path."""

    def __init__(self) -> None:
        self._known: dict[tuple[type[models.Model], str], dict[Any, Any]] = {}

    def expect(self, model: type[models.Model], path: str, keys: Iterable[Any]) -> None:
        """Read the values at a path of the rows with these keys, in one query at most."""
        known = self._known.setdefault((model, path), {})
        missing = {key for key in keys if key is not None} - known.keys()
        if missing:
            rows = model._base_manager.filter(pk__in=missing).order_by()
            known.update(rows.values_list("pk", path))

    def __call__(self, model: type[models.Model], path: str, key: Any) -> Any:
        """Return the value at a path of the row with a key; None without a key."""
        return self._known[model, path].get(key)

    def forget(self) -> None:
        """Forget what was read, so that memory does not grow with the patients."""
        self._known.clear()


class StudySources:
    """Reads the rows of a trial for a reader and places them among events and forms."""

    def __init__(self, trial: Trial, study: StudyDefinitions, reader: ReaderRights) -> None:
        self.trial, self.study, self.reader = trial, study, reader
        self.facts: dict[type[models.Model], FactForm] = {form.model: form for form in study.facts}
        # Patients and visits first, threads and signatures last: of one moment, the row before what refers to it.
        rest = [model for model in self.facts if model not in (Patient, Visit, Signature)]
        self.models: list[type[models.Model]] = [Patient, Visit, Record, *rest, *THREADS, Signature]
        self.related = RelatedRows()
        self._visits: dict[int, tuple[str, int]] = {}
        self._hidden = hidden_signatures({Permission.SEE_TREATMENT} if reader.sees_treatment else set())

    def chunks(self) -> Iterator[list[StudySubject]]:
        """Yield the patients by their numbers. One query."""
        rows = (
            Patient.objects.filter(trial=self.trial)
            .order_by("number")
            .values_list("pk", "code", "protocol_id")
        )
        found = rows.iterator(chunk_size=500)
        while chunk := [StudySubject(*row) for row in islice(found, CHUNK_PATIENTS)]:
            yield chunk

    def now(self, chunk: Sequence[StudySubject]) -> dict[int, list[Stored]]:
        """Return the rows of each patient as they are, model by model."""
        return self._read(chunk, history=False)

    def history(self, chunk: Sequence[StudySubject]) -> dict[int, list[Stored]]:
        """Return every row of the histories of each patient, model by model, each in its order."""
        return self._read(chunk, history=True)

    def _read(self, chunk: Sequence[StudySubject], *, history: bool) -> dict[int, list[Stored]]:
        found: dict[int, list[Stored]] = defaultdict(list)
        self.related.forget()
        self._visits.clear()
        for model in self.models:
            rows = list(self._rows(model, [subject.pk for subject in chunk], history=history))
            self._expect(model, [stored.columns for _patient, stored in rows])
            for patient, stored in rows:
                found[patient].append(stored)
        return found

    def visible(self, model: type[models.Model], rows: Any) -> Any:
        """Return the rows without signatures on rows that the reader may not see."""
        return rows.exclude(target_type__in=self._hidden) if model is Signature else rows

    def _rows(
        self, model: type[models.Model], patients: list[int], *, history: bool
    ) -> Iterator[tuple[int, Stored]]:
        names = [column.attname for column in tracked_columns(model)]
        first: tuple[str, ...] = ACTOR if history else ()
        if history:
            kept = history_model(model)._default_manager.filter(history_patient__in=patients)
            path, order = "history_patient", "history_id"
        else:
            path, order = trail_of(model).patient, "pk"
            kept = model._base_manager.filter(**{f"{path}__in": patients})
        for patient, *values in self.visible(model, kept).order_by(order).values_list(path, *first, *names):
            change = Change(*values[: len(first)]) if first else None
            yield patient, Stored(model, dict(zip(names, values[len(first) :], strict=True)), change)

    def _expect(self, model: type[models.Model], rows: list[dict[str, Any]]) -> None:
        if model is Visit:
            self._visits.update((row["id"], (row["code"], row["number"])) for row in rows)
        form = self.facts.get(model)
        for over, path, key in sorted(form.paths, key=str) if form else ():
            self.related.expect(over, path, (row[key] for row in rows))
        if model in PERSON_OF:
            person: Any = model._meta.get_field(PERSON_OF[model]).related_model
            self.related.expect(person, "full_name", (row[PERSON_OF[model]] for row in rows))

    def person(self, stored: Stored) -> str:
        """Return the full name of who wrote a query or a message."""
        key = PERSON_OF[stored.model]
        over: Any = stored.model._meta.get_field(key).related_model
        return str(self.related(over, "full_name", stored.columns[key]) or "")

    def row(self, stored: Stored, subject: StudySubject) -> PlacedRow:
        """Return a captured form or another row of a patient as ODM has it. No query."""
        if stored.model is Record:
            return self._record(stored.columns)
        return self._fact(self.facts[stored.model], stored.columns, subject, self.related)

    def _fact(
        self, form: FactForm, columns: Mapping[str, Any], subject: StudySubject, related: Related
    ) -> PlacedRow:
        event, key, preferred = oids.STUDY_EVENT, "", subject.version
        if form.oid == VISITS:
            event, key = _event_of(columns["code"], columns["number"])
            preferred = columns["protocol_id"] or subject.version
        version = self.study.version_for(preferred, event, form.oid)
        return PlacedRow(
            FormPlace(event, key, form.oid, form.key(columns)), version, form.content(columns, related)
        )

    def _record(self, columns: Mapping[str, Any]) -> PlacedRow:
        place = self.record_place(columns)
        version = self.study.version_for(columns["protocol_id"], place.event, place.form)
        form = self.study.forms.form(version, columns["form"])
        if form is None:
            raise ValueError(f"no version of the protocol has the form {columns['form']}")
        parts = () if self.reader.sees_files else OF_FILES.parts
        content = captured.content_of(form, without_entries(columns["values"], parts))
        return PlacedRow(place, version, content | self._record_facts(columns))

    def record_place(self, columns: Mapping[str, Any]) -> FormPlace:
        """Return the place of a captured form."""
        code = columns["form"]
        key = str(columns["repeat"]) if code in self.study.logs else ""
        event = (oids.LOGS_EVENT, "")
        if columns["visit_id"] is not None:
            event = _event_of(*self._visits[columns["visit_id"]])
        return FormPlace(*event, oids.form(code), key)

    def _record_facts(self, columns: Mapping[str, Any]) -> Content:
        texts = {
            "status": columns["state"],
            "protocol_version": self.study.names.get(columns["protocol_id"], ""),
        }
        texts |= {name: as_text(columns[name]) for name in RECORD_FACTS}
        data = {oids.record_item(name): Datum(text) for name, text in texts.items() if text}
        return {(oids.RECORD_GROUP, ""): data}


def _event_of(code: str, number: int) -> tuple[str, str]:
    """Return the OID of a visit and its key: the number of an unscheduled one."""
    return oids.visit(code), str(number) if code == UNSCHEDULED else ""
