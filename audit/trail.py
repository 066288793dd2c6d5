"""What is tracked and how: `history = Trail(patient="patient_id")` on every audited model.

The history tables are those of django-simple-history, so `diff_against` and `as_of` work; the rows are
written by database triggers (`audit.triggers`), so that no write path escapes them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps
from django.db import models
from simple_history.models import HistoricalRecords

from audit.stored_text import StoredTextField


class TrailRow(models.Model):
    """Columns every history row has beside the copy of the tracked row (AUD-02)."""

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
    """What freezes and locks a row: `frozen_at` and `locked_at`, its own and those of the rows above it.

    above: relations that lead to the rows above (`"visit"`, `"patient__trial"`).
    level: the row has the two columns itself; its name in `kept_in`, the model that keeps who froze and locked
    what. While a row of it stands, the column cannot be emptied.
    freezes: a freeze stops changes too; not of what goes on under a freeze (queries, marks, safety).
    goes_on: columns that change under a freeze. unless: a text column; a row that has it filled is let through.
    """

    above: tuple[str, ...] = ()
    level: str = ""
    kept_in: str = ""
    freezes: bool = True
    goes_on: tuple[str, ...] = ()
    unless: str = ""


@dataclass(frozen=True)
class Marks:
    """Marks on single items of a row, in the model `kept_in`; a change of an item undoes them.

    clears: column of the row that is emptied when a mark of this kind is undone.
    """

    kept_in: str
    kind: str
    clears: str


@dataclass(frozen=True)
class Apart:
    """Rows of which no two may reach the same: alike in `same`, one of the spans must keep them apart.

    under: the relation whose row is held while one is written, so that two writers do not meet.
    shared: text columns in which a blank stands for every value. through: spans, (first, last) columns, whose last is
    part of them; below: spans whose end is not. An empty end is open. unless: a text column; a row that has it
    filled reaches nothing.
    """

    under: str
    same: tuple[str, ...]
    shared: tuple[str, ...] = ()
    through: tuple[tuple[str, str], ...] = ()
    below: tuple[tuple[str, str], ...] = ()
    unless: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Return every field that decides how far a row reaches."""
        spans = [name for span in (*self.through, *self.below) for name in span]
        return (*self.same, *self.shared, *spans, *([self.unless] if self.unless else []))


@dataclass(frozen=True)
class Concealed:
    """What the trail keeps and does not tell.

    columns: `words` (English, translated on pages) stand in their place. parts: entries of JSON objects, left out
    of each object that has all of them.
    until: a column, of the row as it stands now or of one above (`"trial__locked_at"`), that is filled when
    they may be told. may: the permission of those who are told.
    """

    columns: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    words: str = ""
    until: str = ""
    may: str = ""


class Trail(HistoricalRecords):
    """History declared on a model.

    patient, trial: where the patient's and trial's ids are (`"id"`, `"patient_id"`, `"record__patient_id"`).
    see: permission that is needed to read the history (product data unblind).
    signed_content: columns whose change invalidates signatures on the row.
    excluded: columns of no interest, neither copied nor watched.
    watched: columns whose change leaves a row although their content is not copied (password hashes).
    deletable: clinical rows are never deleted; only technical ones may be.
    final: a column that holds a value never changes again; an empty one (NULL) may be filled, once.
    describe: dotted path of a function `(old_row, new_row, language) -> list[audit.change_labels.Change]`.
    form, items: column that names the captured form, and the JSON column that holds its items.
    person: column with the id of the user the row is about (their own row, a delegation).
    covered_by: relations to rows whose signature covers this row too: adding it or changing its content
    invalidates them. covered_content: the columns meant, those of `signed_content` unless given.
    locks, marks: what freezes and locks the row, and marks on its items that a change undoes.
    concealed: what not everybody who reads the history is told, or nobody yet.
    apart: no two rows may reach the same.
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
        concealed: Concealed | None = None,
        apart: Apart | None = None,
    ) -> None:
        self.patient = patient
        self.trial = trial
        self.see = see
        self.signed_content = signed_content
        self.watched = watched
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
        self.concealed = concealed
        self.apart = apart
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
        """Give the history the three indexes its readers walk, newest first."""
        indexes = [
            models.Index(fields=[model._meta.pk.name, "-history_id"]),
            models.Index(fields=["history_trial", "-history_date", "-history_id"]),
            models.Index(fields=["history_patient", "-history_date", "-history_id"]),
        ]
        return {**super().get_meta_options(model), "indexes": indexes}

    def finalize(self, sender: type[models.Model], **kwargs: Any) -> None:
        """Leave the declaration on the model, where triggers and readers find it."""
        super().finalize(sender, **kwargs)
        if self.cls is sender:
            sender._trail = self


def tracked_models() -> Iterator[type[models.Model]]:
    """Yield every audited model in a stable order."""
    for model in sorted(apps.get_models(), key=lambda m: m._meta.label_lower):
        if isinstance(getattr(model, "_trail", None), Trail):
            yield model


def model_labelled(label: str) -> type[models.Model] | None:
    """Return the audited model with a label such as `patients.record`, or None."""
    return next((model for model in tracked_models() if model._meta.label_lower == label), None)


def trail_of(model: type[models.Model]) -> Trail:
    """Return the declaration of a tracked model."""
    return model._trail  # type: ignore[attr-defined]


@cache
def history_model(model: type[models.Model]) -> type[models.Model]:
    """Return the history model of a tracked model."""
    name = model._meta.simple_history_manager_attribute  # type: ignore[attr-defined]
    return getattr(model, name).model


def tracked_columns(model: type[models.Model]) -> "list[models.Field[Any, Any]]":
    """Return the fields whose content the history copies, in the order of the model."""
    return list(history_model(model).tracked_fields)  # type: ignore[attr-defined]
