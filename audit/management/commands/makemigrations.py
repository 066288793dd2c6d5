"""Writes migrations; in the first one of an app each table is created with its indexes and constraints.

Django writes them as steps of their own and computes all related models anew at each step: half the time of the first
start of an installation.
"""

from collections.abc import Sequence

from django.core.management.commands import makemigrations
from django.db.migrations import AddConstraint, AddField, AddIndex, CreateModel, Migration
from django.db.migrations.operations.base import Operation


class Command(makemigrations.Command):
    """`manage.py makemigrations` of Django, with shorter first migrations."""

    def write_migration_files(
        self,
        changes: dict[str, list[Migration]],
        update_previous_migration_paths: dict[str, str] | None = None,
    ) -> None:
        """Write the files of `changes` (migrations by app)."""
        for migrations in changes.values():
            for migration in migrations:
                if migration.initial:
                    migration.operations = created_whole(migration.operations)  # type: ignore[misc]
        super().write_migration_files(changes, update_previous_migration_paths)


def created_whole(operations: Sequence[Operation]) -> list[Operation]:
    """Return the operations with each index and constraint inside the creation of its table.

    A table that gets a field later keeps the order: an index may name that field.
    """
    later = {each.model_name_lower for each in operations if isinstance(each, AddField)}
    creations = {
        each.name_lower: each
        for each in operations
        if isinstance(each, CreateModel) and each.name_lower not in later
    }
    kept: list[Operation] = []
    for operation in operations:
        table = creations.get(getattr(operation, "model_name_lower", ""))
        if isinstance(operation, AddIndex) and table:
            table.options.setdefault("indexes", []).append(operation.index)
        elif isinstance(operation, AddConstraint) and table:
            table.options.setdefault("constraints", []).append(operation.constraint)
        else:
            kept.append(operation)
    return kept
