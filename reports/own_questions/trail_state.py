"""The state of the trail: whether kept answers are still current, and which patients were changed since."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import connection, models

from audit.trail import history_model

LATEST = 1000
"""A transaction may commit after one that began later: its rows are found among so many of the latest."""


@dataclass(frozen=True, slots=True)
class TrailState:
    """The highest key of each history and the number of its latest rows, by table. It rises with every change."""

    tables: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class TrailSeen:
    """The keys of the latest rows of each history at a state."""

    state: TrailState
    latest: Mapping[str, frozenset[int]]


def state_of(tables: Iterable[type[models.Model]]) -> TrailState:
    """Return the state of the histories of some models. One query."""
    names = [history_model(model)._meta.db_table for model in tables]
    parts = []
    for table in names:
        highest = f'SELECT COALESCE(MAX(history_id), 0) FROM "{table}"'  # noqa: S608  names of our own tables
        latest = f'SELECT COUNT(*) FROM "{table}" WHERE history_id > ({highest}) - {LATEST}'  # noqa: S608
        parts += [f"({highest})", f"({latest})"]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}")
        found = cursor.fetchone()
    return TrailState({name: (found[2 * place], found[2 * place + 1]) for place, name in enumerate(names)})


def changes_since(
    known: TrailSeen | None, now: TrailState, tables: Iterable[type[models.Model]]
) -> tuple[TrailSeen, set[int]]:
    """Return the rows seen now, and the patients in rows that were not seen before. A query for each table that grew.

    Without a known state all latest rows count as seen: whoever asks then evaluates every patient.
    """
    latest: dict[str, frozenset[int]] = {}
    changed: set[int] = set()
    for model in tables:
        history = history_model(model)
        name = history._meta.db_table
        highest = now.tables[name][0]
        if known is not None and known.state.tables.get(name) == now.tables[name]:
            latest[name] = known.latest[name]
            continue
        before = known.state.tables[name][0] if known is not None else highest
        seen = known.latest[name] if known is not None else frozenset()
        rows = history._default_manager.filter(history_id__gt=before - LATEST).order_by()
        found = list(rows.values_list("history_id", "history_patient"))
        latest[name] = frozenset(key for key, _patient in found if key > highest - LATEST)
        changed |= {patient for key, patient in found if key not in seen and patient is not None}
    return TrailSeen(now, latest), changed
