"""`migrate` as Django has it, acting as `system:migrate`; one that fails leaves no table unprotected."""

from typing import Any

from django.core.management.commands import migrate

from audit.context import acting
from audit.triggers import install


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with acting(system="migrate"):
                super().handle(*args, **options)
        except BaseException:
            install(options["database"])
            raise
