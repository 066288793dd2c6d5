"""Privileges of the application's own PostgreSQL role: it writes to the trail through triggers only (AUD-06).

The role that migrates owns the tables. Pages are served under another role, which cannot write a history, disable a
trigger, truncate a table or delete a clinical row, whatever SQL it is made to run.
"""

from collections.abc import Iterator

from django.apps import apps

from audit.integrity.guard import KEY_TABLE
from audit.trail import history_model, tracked_models, trail_of
from audit.triggers.tables import INVALIDATION, append_only_tables, signature_table

READ, ADD, CHANGE, ALL = (
    "SELECT",
    "SELECT, INSERT",
    "SELECT, INSERT, UPDATE",
    "SELECT, INSERT, UPDATE, DELETE",
)


def rights() -> dict[str, str]:
    """Return the privileges by table."""
    found = {model._meta.db_table: ALL for model in apps.get_models()}
    for model in tracked_models():
        found[model._meta.db_table] = ALL if trail_of(model).deletable else CHANGE
        found[history_model(model)._meta.db_table] = READ
    found |= dict.fromkeys(append_only_tables(), ADD)
    # A signature may be invalidated and not changed otherwise.
    found[signature_table()] = f"{ADD}, UPDATE ({', '.join(INVALIDATION)})"
    return found


def statements(role: str, *, tables: list[str]) -> Iterator[str]:
    """Yield the SQL that the owner runs for `role`; a table that is not tracked gets all rights.

    The key with which actors are signed gets none.
    """
    yield f"REVOKE ALL ON {KEY_TABLE} FROM {role}"
    yield f"GRANT USAGE ON SCHEMA public TO {role}"
    yield f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}"
    known = rights()
    for table in sorted(set(tables) - {KEY_TABLE}):
        yield f'REVOKE ALL ON "{table}" FROM {role}'
        right = READ if table == "django_migrations" else known.get(table, ALL)
        yield f'GRANT {right} ON "{table}" TO {role}'
