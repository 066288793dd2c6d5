"""`manage.py blind_check [--trial SLUG]`: exchange the arms in a copy of the database, compare what is shown (BLD-01).

Every page, export, document, mail and calendar of each blinded role, byte for byte, and the statements behind each. It
exits with 1 if anything differs. It refuses in production: run it on a training installation or a restored backup.
"""

from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser

from operation.blinding.checking import BLINDED, BlindResult, check_trial, refuse_in_production
from operation.blinding.throw_away import throw_away_copy
from trials.models import Trial


class Command(BaseCommand):
    help = "Check on a copy of the database that no blinded role is shown anything that depends on the arm."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--trial", metavar="SLUG", help="one masked trial; without it every one")
        parser.add_argument("--role", choices=BLINDED, help="one role; without it every blinded one")
        parser.add_argument(
            "--patients", type=int, default=2, help="patients of each arm whose pages are all read (2)"
        )

    def handle(self, *args: Any, trial: str | None, role: str | None, patients: int, **options: Any) -> None:
        if why := refuse_in_production():
            raise CommandError(why)
        # Asked before the copy is made: it can take minutes.
        if not _masked_trials(trial):
            raise CommandError("There is no masked trial to check, or its treatment is open.")
        try:
            with throw_away_copy():
                results = list(self._checked(trial, (role,) if role else BLINDED, patients))
        except psycopg.OperationalError as used:
            raise CommandError(
                f"The database could not be copied; stop the server and the worker first: {used}"
            ) from used
        pages, size = sum(each.pages for each in results), sum(each.bytes for each in results)
        differing = sum(len(each.differing) for each in results)
        unstable = sum(len(each.unstable) for each in results)
        self.stdout.write(
            f"{pages} answers with {size} bytes compared, {differing} differ, {unstable} cannot be compared."
        )
        if differing or unstable:
            raise CommandError("The blind does not hold, or could not be proved for every page.")

    def _checked(self, slug: str | None, roles: tuple[str, ...], patients: int) -> Any:
        for trial in _masked_trials(slug):
            for result in check_trial(trial, patients=patients, roles=roles):
                self._told(trial, result)
                yield result

    def _told(self, trial: Trial, result: BlindResult) -> None:
        self.stdout.write(f"{trial} as {result.role}: {result.pages} answers, {result.bytes} bytes")
        for address, (one, other) in sorted(result.differing.items()):
            self.stdout.write(f"  DIFFERS {address}\n    {one[:300]}\n    {other[:300]}")
        for address in result.unstable:
            self.stdout.write(f"  CHANGES BY ITSELF {address}")


def _masked_trials(slug: str | None) -> list[Trial]:
    """Return the masked trials whose treatment is not open, or the one with this slug."""
    rows = Trial.objects.select_related("protocol").filter(protocol__isnull=False).order_by("slug")
    return [each for each in rows if slug in (None, each.slug) and each.masked and each.opened_to is None]
