"""`manage.py due`: start what is due; called each minute by cron or a timer."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from operation.due import registered, run_due


class Command(BaseCommand):
    help = "Start what is due: seals, backups, cleaning. Call it each minute, on every machine."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--now", metavar="NAME", default="", help="start this work now, due or not")

    def handle(self, *args: Any, now: str, **options: Any) -> None:
        names = [work.name for work in registered()]
        if now and now not in names:
            raise CommandError(f"{now} is no work of this installation: one of {', '.join(names)}")
        try:
            outcomes = run_due(only=now)
        except DatabaseError as wrong:
            raise CommandError(f"The database does not answer, nothing was started: {wrong}") from wrong
        for outcome in outcomes:
            self.stdout.write(f"{outcome.name}: {outcome.said}")
        if failed := [outcome.name for outcome in outcomes if outcome.failed]:
            raise CommandError(f"Failed, and tried again in ten minutes: {', '.join(failed)}")
