"""First values of the columns that were changed since they were entered (Annex 11 §8.2)."""

from django.db import models

from audit.trail import history_model, tracked_columns
from patients.casebook.form_history import ChangedValue, by_key, changed_values

HEAD = ("history_date", "history_full_name", "history_change_reason")
# Set by the application, not entered by a person.
DERIVED = frozenset(
    {"version", "state", "position", "planned_on", "window_from", "window_to",
     "window_opens_at", "window_closes_at", "weight_asked", "cells_per_kg", "dose_basis", "dose_measure",
     "dose_finding",
     "created_at", "recorded_at", "prepared_at", "enrolled_at", "started_at", "ended_at", "given_at",
     "onset_earliest", "onset_latest", "end_earliest", "end_latest", "aware_at", "serious_aware_at", "draft_clock_at",
     "due_at", "reported_at"}
    # They name a person, so no paper shows them.
    | {"representative_name", "scan"}
)  # fmt: skip


def of_columns(
    model: type[models.Model], patient_id: int, *, at_once: bool = False
) -> dict[int, dict[str, ChangedValue]]:
    """Return by row the columns that changed since they were entered. One query.

    at_once: the whole row is entered when it is created, so a column filled in later counts as changed.
    """
    fields = [field for field in tracked_columns(model) if not field.primary_key]
    names = [field.attname for field in fields if field.name not in DERIVED]
    rows = history_model(model)._default_manager.filter(history_patient=patient_id)
    rows = rows.order_by("id", "history_id").values_list("id", *HEAD, *names)
    found: dict[int, dict[str, ChangedValue]] = {}
    for key, lives in by_key(rows.iterator(chunk_size=500)):
        states = [(at_once, dict(zip(names, row[3:], strict=True)), row[:3]) for row in lives]
        if changed := changed_values(states):
            found[key] = changed
    return found
