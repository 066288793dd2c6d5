"""Rows behind a right of their own, noted when they are fetched: by which right, and about which patients (AUD-08).

A model whose `Trail` names a right (`see=`) and its history note every row that becomes an object, whichever query
fetched it. Who fetches columns without objects calls `note`. Outside `collected()` nothing is noted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Self

from django.db import models


@dataclass
class RestrictedReads:
    """The rows fetched so far: patients by right (None: a row that belongs to no patient).

    registered: the rights whose reading an export has recorded as a whole.
    """

    patients: dict[str, set[int | None]] = field(default_factory=dict)
    registered: set[str] = field(default_factory=set)


_reads: ContextVar[RestrictedReads | None] = ContextVar("stroma_restricted_reads", default=None)


@contextmanager
def collected(reads: RestrictedReads) -> Iterator[None]:
    """Note in `reads` what is fetched inside."""
    token = _reads.set(reads)
    try:
        yield
    finally:
        _reads.reset(token)


def note(see: str, patient_id: int | None) -> None:
    """Note that a row behind the right `see` was fetched."""
    reads = _reads.get()
    if reads is not None and see:
        reads.patients.setdefault(see, set()).add(patient_id)


def note_registered(see: str) -> None:
    """Note that an export was recorded as an event of its own, which tells that rows behind the right were read."""
    reads = _reads.get()
    if reads is not None and see:
        reads.registered.add(see)


class RestrictedRow(models.Model):
    """A row of a model with a `Trail`, or of a history, that notes that it was fetched if it lies behind a right."""

    class Meta:
        abstract = True

    @classmethod
    def from_db(cls, *fetched: Any, **how: Any) -> Self:
        """Return the object of a fetched row, and note it."""
        row = super().from_db(*fetched, **how)
        declared: Any = getattr(cls, "_trail", None)
        if declared is not None:
            if declared.see:
                note(declared.see, row.__dict__.get(declared.patient))
        elif (of := getattr(cls, "instance_type", None)) and (see := of._trail.see):
            note(see, row.__dict__.get("history_patient"))
        return row
