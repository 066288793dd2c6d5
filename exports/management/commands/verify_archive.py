"""`manage.py verify_archive FILE`: check a copy of the investigator; needs neither server nor database (CTL-01)."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from exports.archive_check.check import check, told


class Command(BaseCommand):
    help = "Check a copy of the investigator: hashes, rows, casebooks, seals. It asks no database; exit 1 if damaged."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="the copy")
        parser.add_argument("--sha256", default="", help="of the whole file, from the page Export register")
        parser.add_argument("--seals", default="", help="a file of the seals that you hold, to compare")

    def handle(self, *args: Any, file: str, sha256: str, seals: str, **options: Any) -> None:
        found = check(file, expected_sha256=sha256, seal_file=seals)
        self.stdout.write(told(found))
        for problem in found.problems:
            self.stderr.write(problem)
        if found.problems:
            raise CommandError(f"{file} is not as it was made: {len(found.problems)} problems, named above.")
        self.stdout.write("The copy is as it was made.")
