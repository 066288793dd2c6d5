"""Rows of patients as ODM has them, read in chunks of patients: as they are now, or every row of their histories.

A chunk costs a fixed number of queries: one for each model, and at most one for each path over foreign keys.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Any, NamedTuple

from django.db import models
from django.db.models import Count

from audit.concealment import without_entries
from audit.models import Signature
from audit.trail import history_model, tracked_columns, trail_of
from audit.trail_reading.sources import hidden_signatures
from exports.formats.data_files import ReaderRights
from exports.odm import captured, oids
from exports.odm.content import Content, Datum, FormDataPlace, PlacedRow
from exports.odm.facts import FactForm, as_text
from exports.odm.kept_rows import Keep, RowColumns, RowFile
from exports.odm.study_definitions import VISITS, StudyDefinitions
from patients.models import Patient, Query, QueryMessage, Record, Visit
from patients.models.attachments import OF_FILES
from protocol.document.design import UNSCHEDULED
from safety.models import AdverseEvent
from trials.models import Trial
from trials.permissions import Permission

# A chunk has at most so many patients, and as few as hold so many forms and adverse events together.
CHUNK_PATIENTS, CHUNK_ROWS, READ_AT_ONCE = 20, 1500, 500
MOST_ROWS: tuple[type[models.Model], ...] = (Record, AdverseEvent)
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


class StoredRow(NamedTuple):
    """A row as it is stored, or was: its columns by name. change: in a history."""

    model: type[models.Model]
    columns: Mapping[str, Any]
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

    def __init__(
        self, trial: Trial, study: StudyDefinitions, reader: ReaderRights, as_of: datetime | None = None
    ) -> None:
        self.trial, self.study, self.reader, self.as_of = trial, study, reader, as_of
        self.facts: dict[type[models.Model], FactForm] = {form.model: form for form in study.facts}
        # Patients and visits first, threads and signatures last: of one moment, the row before what refers to it.
        rest = [model for model in self.facts if model not in (Patient, Visit, Signature)]
        self.models: list[type[models.Model]] = [Patient, Visit, Record, *rest, *THREADS, Signature]
        self.related = RelatedRows()
        self._visits: dict[int, tuple[str, int]] = {}
        self._hidden = hidden_signatures({Permission.SEE_TREATMENT} if reader.sees_treatment else set())

    def changes(self, model: type[models.Model]) -> Any:
        """Return the history of a model, until the moment of an export of the past."""
        rows = history_model(model)._default_manager.all()
        return rows if self.as_of is None else rows.filter(history_date__lte=self.as_of)

    def now(self) -> Iterator[tuple[StudySubject, list[StoredRow]]]:
        """Yield each patient with the rows as they are, model by model."""
        yield from self._read(history=False)

    def history(self) -> Iterator[tuple[StudySubject, list[StoredRow]]]:
        """Yield each patient with every row of the histories, model by model, each in its order."""
        yield from self._read(history=True)

    def _read(self, *, history: bool) -> Iterator[tuple[StudySubject, list[StoredRow]]]:
        for chunk, weight in self._chunks(history=history):
            with RowFile() if weight > CHUNK_ROWS else nullcontext() as file:
                rows = self._rows_of(chunk, RowColumns if file is None else file.keep, history=history)
                for subject in chunk:
                    yield subject, rows.pop(subject.pk, [])

    def _chunks(self, *, history: bool) -> Iterator[tuple[list[StudySubject], int]]:
        """Yield the patients by their numbers, as many as their rows allow, at least one. Three queries.

        With them the number of those rows.
        """
        rows = Patient.objects.filter(trial=self.trial).order_by("number")
        weights: Counter[int] = Counter()
        for model in MOST_ROWS:
            weights.update(self._numbers_of_rows(model, history=history))
        chunk, weight = list[StudySubject](), 0
        for row in rows.values_list("pk", "code", "protocol_id").iterator(chunk_size=500):
            subject = StudySubject(*row)
            if chunk and (len(chunk) == CHUNK_PATIENTS or weight + weights[subject.pk] > CHUNK_ROWS):
                yield chunk, weight
                chunk, weight = [], 0
            chunk.append(subject)
            weight += weights[subject.pk]
        if chunk:
            yield chunk, weight

    def _numbers_of_rows(self, model: type[models.Model], *, history: bool) -> dict[int, int]:
        if history:
            kept = self.changes(model).filter(history_trial=self.trial.pk)
            path = "history_patient"
        else:
            kept, path = model._base_manager.filter(patient__trial=self.trial), "patient_id"
        counted = kept.exclude(**{path: None}).order_by().values_list(path)
        return dict(counted.annotate(number=Count("pk")))

    def _rows_of(
        self, chunk: Sequence[StudySubject], keep: Keep, *, history: bool
    ) -> dict[int, list[StoredRow]]:
        found: dict[int, list[StoredRow]] = defaultdict(list)
        self.related.forget()
        self._visits.clear()
        for model in self.models:
            asked = [(over, path, key, set[Any]()) for over, path, key in self._paths(model)]
            for patient, stored in self._rows(model, [each.pk for each in chunk], keep, history=history):
                found[patient].append(stored)
                columns = stored.columns
                if model is Visit:
                    self._visits[columns["id"]] = columns["code"], columns["number"]
                for _over, _path, key, keys in asked:
                    keys.add(columns[key])
            for over, path, _key, keys in asked:
                self.related.expect(over, path, keys)
        return found

    def _paths(self, model: type[models.Model]) -> list[tuple[type[models.Model], str, str]]:
        """Return what the rows of a model need of others: the model, the path there, the column with the key."""
        form = self.facts.get(model)
        paths = sorted(form.paths, key=str) if form else []
        if model in PERSON_OF:
            person: Any = model._meta.get_field(PERSON_OF[model]).related_model
            paths.append((person, "full_name", PERSON_OF[model]))
        return paths

    def visible(self, model: type[models.Model], rows: Any) -> Any:
        """Return the rows without signatures on rows that the reader may not see."""
        return rows.exclude(target_type__in=self._hidden) if model is Signature else rows

    def _rows(
        self, model: type[models.Model], patients: list[int], keep: Keep, *, history: bool
    ) -> Iterator[tuple[int, StoredRow]]:
        names = [column.attname for column in tracked_columns(model)]
        first: tuple[str, ...] = ACTOR if history else ()
        if history:
            kept = self.changes(model).filter(history_patient__in=patients)
            path, order = "history_patient", "history_id"
        else:
            path, order = trail_of(model).patient, "pk"
            kept = model._base_manager.filter(**{f"{path}__in": patients})
        read = self.visible(model, kept).order_by(order).values_list(path, *first, *names)
        begin, places = 1 + len(first), {name: place for place, name in enumerate(names)}
        for values in read.iterator(chunk_size=READ_AT_ONCE):
            change = Change(*values[1:begin]) if first else None
            yield values[0], StoredRow(model, keep(places, values[begin:]), change)

    def person(self, stored: StoredRow) -> str:
        """Return the full name of who wrote a query or a message."""
        key = PERSON_OF[stored.model]
        over: Any = stored.model._meta.get_field(key).related_model
        return str(self.related(over, "full_name", stored.columns[key]) or "")

    def row(self, stored: StoredRow, subject: StudySubject) -> PlacedRow:
        """Return a captured form or another row of a patient as ODM has it. No query."""
        place, version = self.placed(stored, subject)
        return PlacedRow(place, version, self.content(stored, version))

    def placed(self, stored: StoredRow, subject: StudySubject) -> tuple[FormDataPlace, int]:
        """Return the place of a row and the key of the version that defines its form. No query."""
        columns = stored.columns
        if stored.model is Record:
            place = self._record_place(columns)
            return place, self.study.version_for(columns["protocol_id"], place.event, place.form)
        form, event, key, preferred = self.facts[stored.model], oids.STUDY_EVENT, "", subject.version
        if form.oid == VISITS:
            event, key = _event_of(columns["code"], columns["number"])
            preferred = columns["protocol_id"] or subject.version
        version = self.study.version_for(preferred, event, form.oid)
        return FormDataPlace(event, key, form.oid, form.key(columns)), version

    def content(self, stored: StoredRow, version: int) -> Content:
        """Return the data of a row under the version that defines its form. No query."""
        if stored.model is not Record:
            return self.facts[stored.model].content(stored.columns, self.related)
        columns = stored.columns
        form = self.study.forms.form(version, columns["form"])
        if form is None:
            raise ValueError(f"no version of the protocol has the form {columns['form']}")
        parts = () if self.reader.sees_files else OF_FILES.parts
        content = captured.content_of(form, without_entries(columns["values"], parts))
        return content | self._record_facts(columns)

    def _record_place(self, columns: Mapping[str, Any]) -> FormDataPlace:
        code = columns["form"]
        key = str(columns["repeat"]) if code in self.study.logs else ""
        event = (oids.LOGS_EVENT, "")
        if columns["visit_id"] is not None:
            event = _event_of(*self._visits[columns["visit_id"]])
        return FormDataPlace(*event, oids.form(code), key)

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
