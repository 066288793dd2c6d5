"""`manage.py seal`: seal the new rows of the trail and write the head to the seal file."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit import events, seals
from audit.context import acting


class Command(BaseCommand):
    help = "Seal the new rows of the trail and append the head to SEAL_FILE."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--reason",
            default="command",
            help="why now: daily, release …; backup and restore are recorded as events",
        )

    def handle(self, *args: Any, reason: str, **options: Any) -> None:
        try:
            with acting(system="seal"):
                events.record_configuration()
                if reason in (events.AccessKind.BACKUP, events.AccessKind.RESTORE):
                    events.record(kind=reason)
                made = seals.seal(reason=reason)
        except seals.SealBroken as problem:
            raise CommandError(str(problem)) from problem
        if made is None:
            self.stdout.write("Nothing new since the last seal.")
        else:
            self.stdout.write(f"Seal {made.number} {made.head} in {settings.SEAL_FILE}")
