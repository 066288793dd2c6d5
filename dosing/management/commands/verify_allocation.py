"""`manage.py verify_allocation --trial SLUG`: compare the sealed list with the hash that was published (RND-01).

`--text FILE` also writes the text whose hash was published, so that others compute it without Stroma; the list is open
then, so only after the lock of the trial.
"""

from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from audit.management.operator import OperatorCommand
from dosing.allocation.lists import holds_commitment, sealed_text_of
from dosing.models import AllocationList, AllocationSlot
from trials.models import Trial


class Command(OperatorCommand):
    help = "Compute the hash of the sealed allocation list again and compare it with the published one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--trial", required=True, metavar="SLUG")
        parser.add_argument("--text", type=Path, metavar="FILE", help="write the sealed text, after the lock")

    def handle(self, *args: Any, trial: str, text: Path | None, **options: Any) -> None:
        found = Trial.objects.select_related("protocol").filter(slug=trial, protocol__isnull=False).first()
        if found is None:
            raise CommandError(f"There is no trial “{trial}” with a protocol. Load its protocol first.")
        if text is not None and found.locked_at is None:
            raise CommandError("The trial is not locked: the list stays sealed.")
        try:
            same = holds_commitment(found)
        except ValidationError as refused:
            raise CommandError(" ".join(refused.messages)) from refused
        if text is not None:
            made = AllocationList.objects.get(trial=found)
            slots = AllocationSlot.objects.filter(trial=found)
            made.trial = found
            with text.open("x", encoding="utf-8", newline="") as file:
                file.write(sealed_text_of(made, slots))
        if not same:
            raise CommandError(f"{found}: the list is NOT the one whose hash was published.")
        self.stdout.write(f"{found}: the list is the one whose hash was published.")
