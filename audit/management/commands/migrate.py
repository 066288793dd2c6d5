"""Django's `migrate`, run as `system:migrate` in one transaction, writers shut out (audit.integrity.migrating)."""

from typing import Any

from django.core.management.commands import migrate
from django.db import connections

from audit.context import acting
from audit.integrity import migrating


class Command(migrate.Command):
    database = "default"

    def handle(self, *args: Any, **options: Any) -> None:
        if options["plan"] or options["check_unapplied"]:
            super().handle(*args, **options)
            return
        self.database = options["database"]
        with acting(system="migrate"), migrating.one_transaction(self.database):
            super().handle(*args, **options)

    def migration_progress_callback(self, action: str, migration: Any = None, fake: bool = False) -> None:
        super().migration_progress_callback(action, migration, fake)
        if action in ("apply_success", "unapply_success"):
            migrating.after_each(connections[self.database])
