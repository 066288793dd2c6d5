"""`manage.py clear_uploads`: delete uploaded files whose forms were never saved."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.utils import timezone

from audit.context import acting
from audit.management.operator import OperatorCommand
from audit.stored_text import system_text
from patients.entry.files.attachments import clear


class Command(OperatorCommand):
    asks_why = False
    help = "Delete files that no form ever held. What a form holds or held is never deleted."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=7, help="older than this many days (7)")

    def handle(self, *args: Any, days: int, **options: Any) -> None:
        with acting(system="clear_uploads", reason=system_text("patients.never_saved")):
            gone, strays = clear(before=timezone.now() - timedelta(days=max(1, days)))
        self.stdout.write(f"{gone} files that no form ever held and {strays} without a row deleted")
