"""Triggers around migrations: removed while the schema changes, then created again from the models.

Changes made by a data migration are written to the history as `system:migrate` before the triggers return. A database
whose rows differ from their history is not migrated, because that would hide the difference.
"""

from typing import Any

from django.core.management.base import CommandError
from django.db import connections, transaction

from audit import context, events, replay, triggers
from audit.triggers.tables import existing_tables


def before(plan: list[Any] | None = None, using: str = "default", **_: Any) -> None:
    """Remove the triggers if there is something to migrate; receiver of `pre_migrate`."""
    if not plan:
        return
    connection = connections[using]
    for table in existing_tables(connection):
        for difference in replay.differences(connection, table):
            raise CommandError(f"Not migrated: {difference}. Run verify_trail and settle it first.")
    triggers.remove(using)


def after(plan: list[Any] | None = None, using: str = "default", **_: Any) -> None:
    """Create the triggers again and record the migrations; receiver of `post_migrate`."""
    if plan is None:
        return  # a flush between tests, not a migration
    if not plan:
        if triggers.defects(using):
            triggers.install(using)
        return
    names = [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]
    connection = connections[using]
    with transaction.atomic(using=using), context.acting(system="migrate", reason=", ".join(names)):
        for table in existing_tables(connection):
            replay.record_differences(connection, table)
        events.record(kind=events.AccessKind.MIGRATION, detail={"migrations": names})
        events.record_configuration()
    triggers.install(using)
