"""Django's `migrate`, run as `system:migrate`; after a failure the triggers are installed again."""

from typing import Any

from django.core.management.commands import migrate

from audit.context import acting
from audit.triggers import install


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with acting(system="migrate"):
                super().handle(*args, **options)
        # BaseException: an interrupted migration (Ctrl-C) must not leave the tables without triggers either.
        except BaseException:
            install(options["database"])
            raise
