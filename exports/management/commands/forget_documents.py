"""`manage.py forget_documents`: run daily."""

from typing import Any

from django.utils import timezone

from audit.context import acting
from audit.management.operator import OperatorCommand
from exports.documents import forget


class Command(OperatorCommand):
    asks_why = False
    help = "Delete the files of documents whose time is over (DOCUMENTS_KEPT_HOURS); give up what stalled."

    def handle(self, *args: Any, **options: Any) -> None:
        with acting(system="documents"):
            forgotten, stalled = forget(now=timezone.now())
        self.stdout.write(f"{forgotten} deleted, {stalled} given up")
