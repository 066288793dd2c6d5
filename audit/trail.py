"""Declaration of the trail: `history = Trail(patient="patient_id")` on every audited model.

The history tables are those of django-simple-history, so `diff_against` and `as_of` work. Their rows are written by
database triggers (`audit.triggers`), so that no write path escapes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps
from django.db import models
from django.utils.functional import Promise
from simple_history.models import HistoricalRecords

from audit.restricted_reads import RestrictedRow
from audit.stored_text import StoredTextField


class TrailRow(RestrictedRow):
    """Columns of every history row besides the copy of the tracked row (AUD-02)."""

    history_user_name = models.CharField(max_length=200)
    history_full_name = models.CharField(max_length=200)
    history_role = models.CharField(max_length=40)
    history_origin = models.CharField(max_length=20)
    history_request = models.CharField(max_length=40)
    history_session = models.CharField(max_length=64)
    history_address = models.CharField(max_length=64)
    history_trial = models.BigIntegerField(null=True)
    history_patient = models.BigIntegerField(null=True)

    class Meta:
        abstract = True


@dataclass(frozen=True)
class Locks:
    """Freezes and locks of a row: its own `frozen_at` and `locked_at`, and those of the rows above it.

    parents: relations to the rows above (`"visit"`, `"patient__trial"`).
    level: set if the row has the two columns itself; the name of its relation in `stored_in`, the model that records
    who froze or locked what. While such a record is not released, the column cannot be emptied.
    freezes: False if the row stays writable under a freeze (queries, marks, adverse events).
    exempt: columns that may change under a freeze. later: columns that may change under a lock too.
    unless: a text column; a row with a value in it is not locked. spares: the relations in `parents` whose lock such
    a row escapes; without them, all.
    """

    parents: tuple[str, ...] = ()
    level: str = ""
    stored_in: str = ""
    freezes: bool = True
    exempt: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    unless: str = ""
    spares: tuple[str, ...] = ()


@dataclass(frozen=True)
class Marks:
    """Marks of source verification or review on single items of a row, stored in `stored_in`; a change undoes them.

    clears: column of the row that is emptied when a mark of this kind is undone.
    """

    stored_in: str
    kind: str
    clears: str


@dataclass(frozen=True)
class FactMarks:
    """Marks on facts of a row, or on the whole row, stored in `stored_in`; a change of the columns undoes them.

    target: names this kind of row in the marks, beside the key of the row.
    facts: the columns of each fact, by its name. A mark without a name is on all of them, and on `others`.
    """

    stored_in: str
    target: str
    facts: Mapping[str, tuple[str, ...]]
    others: tuple[str, ...] = ()


def facts_of_columns(*names: str, **of_several: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the columns by fact, of facts named like their column and of those in several columns."""
    return {**{name: (name,) for name in names}, **of_several}


@dataclass(frozen=True)
class NoOverlap:
    """Rows that must not overlap: rows equal in `equal` must be separated by at least one of the spans.

    locked_parent: relation to the row that is locked during a write, so that two concurrent writers cannot both pass.
    blank_is_any: text columns in which a blank stands for every value.
    closed_spans: spans of (first, last) columns whose last value is included; half_open_spans: spans whose end is
    not. An open end is NULL.
    unless: a text column; a row with a value in it overlaps nothing.
    """

    locked_parent: str
    equal: tuple[str, ...]
    blank_is_any: tuple[str, ...] = ()
    closed_spans: tuple[tuple[str, str], ...] = ()
    half_open_spans: tuple[tuple[str, str], ...] = ()
    unless: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """All fields that decide which rows overlap."""
        spans = [name for span in (*self.closed_spans, *self.half_open_spans) for name in span]
        return (*self.equal, *self.blank_is_any, *spans, *([self.unless] if self.unless else []))


@dataclass(frozen=True)
class Barred:
    """Rows that must not be in force below a row in certain states: forms with data at a missed visit.

    parent: relation to the row above; it and the row itself have a column `state`.
    states: states of the row above under which no row may be in force.
    unless: states of the row itself in which it is not in force.
    """

    parent: str
    states: tuple[str, ...]
    unless: tuple[str, ...]


@dataclass(frozen=True)
class Concealed:
    """Values that the trail stores but conceals from some or all readers.

    columns: replaced by `words` (English, translated on pages). parts: entries of JSON objects, removed from each
    object that has all of them.
    until: a column of the current row or of one above (`"trial__locked_at"`); once filled, nothing is concealed.
    may: permission of the readers from whom nothing is concealed.
    later: what stays concealed once `until` is filled, until its own column is.
    """

    columns: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    words: str = ""
    until: str = ""
    may: str = ""
    later: "Concealed | None" = None


class Trail(HistoricalRecords):
    """History declared on a model.

    patient, trial: path to the patient's and the trial's id (`"id"`, `"patient_id"`, `"record__patient_id"`).
    see: permission needed to read the history (product data unblind).
    signed_content: columns whose change invalidates signatures on the row.
    excluded: columns that are neither copied nor watched.
    watched: columns whose change adds a history row without a copy of their content (password hashes).
    proofs: columns that hold a keyed digest of a watched column: copied like any other, never shown.
    deletable: True for technical rows; clinical rows are never deleted.
    final: a column with a value never changes again; an empty one (NULL) may be filled once.
    describe: dotted path of a function `(old_row, new_row, reader)` that returns a list of `FieldChange`.
    form, items: column with the code of the captured form, and the JSON column with its items.
    person: column with the id of the user that the row belongs to (their own row, a delegation).
    covered_by: relations to rows whose signature covers this row too (`"patient"`, or over one row between,
    `"infusion__patient"`): adding it or changing its content invalidates them. covered_content: the columns concerned;
    `signed_content` by default.
    locks, marks, fact_marks: freezes and locks of the row, and marks on its items or columns that a change undoes.
    concealed: values concealed from some or all readers of the history.
    no_overlap: rows that must not overlap. barred: rows that must not be in force below a row in certain states.
    names: what the model ("") and its fields are called, where another package defines them without a name.
    """

    def __init__(
        self,
        *,
        patient: str = "",
        trial: str = "",
        see: str = "",
        signed_content: tuple[str, ...] = (),
        excluded: tuple[str, ...] = (),
        watched: tuple[str, ...] = (),
        proofs: tuple[str, ...] = (),
        deletable: bool = False,
        final: bool = False,
        describe: str = "",
        form: str = "",
        items: str = "",
        person: str = "",
        covered_by: tuple[str, ...] = (),
        covered_content: tuple[str, ...] = (),
        locks: Locks | None = None,
        marks: Marks | None = None,
        fact_marks: FactMarks | None = None,
        concealed: Concealed | None = None,
        no_overlap: NoOverlap | None = None,
        barred: Barred | None = None,
        names: Mapping[str, str | Promise] | None = None,
    ) -> None:
        self.patient = patient
        self.trial = trial
        self.see = see
        self.signed_content = signed_content
        self.watched = watched
        self.proofs = proofs
        self.deletable = deletable
        self.final = final
        self.describe = describe
        self.form = form
        self.items = items
        self.person = person
        self.covered_by = covered_by
        self.covered_content = covered_content or signed_content
        self.locks = locks
        self.marks = marks
        self.fact_marks = fact_marks
        self.concealed = concealed
        self.no_overlap = no_overlap
        self.barred = barred
        self.names = names or {}
        super().__init__(
            bases=[TrailRow],
            excluded_fields=[*excluded, *watched],
            history_user_id_field=models.BigIntegerField(null=True),
            history_id_field=models.BigAutoField(),
            history_change_reason_field=StoredTextField(null=True),
        )

    def copy_fields(self, model: type[models.Model]) -> dict[str, Any]:
        """Copy the columns without their indexes: a history is read by row, trial, patient or time."""
        fields = super().copy_fields(model)
        for field in fields.values():
            field.db_index = False
        return fields

    def get_meta_options(self, model: type[models.Model]) -> dict[str, Any]:
        """Add the three indexes by which a history is read, newest first."""
        indexes = [
            models.Index(fields=[model._meta.pk.name, "-history_id"]),
            models.Index(fields=["history_trial", "-history_date", "-history_id"]),
            models.Index(fields=["history_patient", "-history_date", "-history_id"]),
        ]
        return {**super().get_meta_options(model), "indexes": indexes}

    def finalize(self, sender: type[models.Model], **kwargs: Any) -> None:
        """Store the declaration on the model, where triggers and readers look it up."""
        super().finalize(sender, **kwargs)
        if self.cls is sender:
            sender._trail = self


@cache
def tracked_models() -> tuple[type[models.Model], ...]:
    """Return every audited model in a stable order. Raises AppRegistryNotReady before all models are loaded."""
    models_ = sorted(apps.get_models(), key=lambda model: model._meta.label_lower)
    return tuple(model for model in models_ if isinstance(getattr(model, "_trail", None), Trail))


def model_labelled(label: str) -> type[models.Model] | None:
    """Return the audited model with a label such as `patients.record`, or None."""
    return _by_label().get(label)


@cache
def _by_label() -> dict[str, type[models.Model]]:
    return {model._meta.label_lower: model for model in tracked_models()}


def names_restricted(text: str) -> bool:
    """Return True if a text names a table whose rows lie behind a right of their own (`Trail.see`)."""
    return any(table in text for table in _restricted_tables())


@cache
def _restricted_tables() -> frozenset[str]:
    models_ = [model for model in tracked_models() if trail_of(model).see]
    tables = [each._meta.db_table for model in models_ for each in (model, history_model(model))]
    return frozenset([*tables, *(model._meta.label_lower for model in models_)])


def trail_of(model: type[models.Model]) -> Trail:
    """Return the declaration of an audited model."""
    return model._trail  # type: ignore[attr-defined]


def title_of(model: type[models.Model]) -> str:
    """Return the name of an audited model, in the active language."""
    return str(trail_of(model).names.get("", model._meta.verbose_name))


def label_of(model: type[models.Model], field: Any) -> str:
    """Return the name of a field of an audited model, in the active language."""
    return str(trail_of(model).names.get(field.name, field.verbose_name))


@cache
def mark_columns(model: type[models.Model]) -> frozenset[str]:
    """Return the columns that verification, freezes and locks set."""
    trail = trail_of(model)
    level = {"frozen_at", "locked_at"} if trail.locks is not None and trail.locks.level else set[str]()
    own = {*level, *([trail.marks.clears] if trail.marks is not None else [])}
    return frozenset(own & {field.attname for field in tracked_columns(model)})


@cache
def history_model(model: type[models.Model]) -> type[models.Model]:
    """Return the history model of an audited model."""
    name = model._meta.simple_history_manager_attribute  # type: ignore[attr-defined]
    return getattr(model, name).model


def tracked_columns(model: type[models.Model]) -> "list[models.Field[Any, Any]]":
    """Return the fields that the history copies, in the order of the model."""
    return list(history_model(model).tracked_fields)  # type: ignore[attr-defined]


def told_columns(model: type[models.Model]) -> "list[models.Field[Any, Any]]":
    """Return the fields whose changes the index of the trail names: without the key, proofs and concealed columns."""
    trail = trail_of(model)
    hidden = {*trail.proofs, *(trail.concealed.columns if trail.concealed else ()), model._meta.pk.name}
    return [field for field in tracked_columns(model) if field.name not in hidden]


def item_name(column: str) -> str:
    """Return the name under which the index of the trail has a column: `visit` for `visit_id`."""
    return column.removesuffix("_id")
