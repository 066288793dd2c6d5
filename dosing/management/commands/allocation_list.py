"""`manage.py allocation_list --trial SLUG`: generate the allocation list before the first patient needs it.

Without the command the list is generated when the first patient is found eligible. Neither way shows the seed or an
arm: readers who may know the treatment see the arm of a slot once it is taken, the seed once the trial is locked.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from audit.management.operator import OperatorCommand
from dosing.allocation.lists import generate_list
from trials.models import Trial


class Command(OperatorCommand):
    help = "Make the allocation list of a randomised trial, once. Nothing of its content is printed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--trial", required=True, metavar="SLUG")
        parser.add_argument(
            "--size", type=int, metavar="PLACES", help="places per stratum (twice the target of the protocol)"
        )

    def handle(self, *args: Any, trial: str, size: int | None, **options: Any) -> None:
        found = Trial.objects.select_related("protocol").filter(slug=trial, protocol__isnull=False).first()
        if found is None:
            raise CommandError(f"There is no trial “{trial}” with a protocol. Load its protocol first.")
        if size is not None and size < found.rules.trial.target:
            raise CommandError(f"The list needs a place for each of the {found.rules.trial.target} patients.")
        try:
            made = generate_list(trial=found, by=None, size=size)
        except ValidationError as refused:
            raise CommandError(" ".join(refused.messages)) from refused
        places = found.allocation_slots.count()
        self.stdout.write(f"{found}: {places} places by {made.algorithm}. The list is final.")
