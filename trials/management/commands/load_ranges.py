"""`manage.py load_ranges --trial nct04445454 --laboratory central FILE.csv`: import reference ranges."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from audit.context import acting
from audit.management.operator import OperatorCommand
from trials.laboratories.range_files import FileRefused, import_ranges
from trials.models import Laboratory


class Command(OperatorCommand):
    help = "Import reference ranges from a CSV file: all of them, or none with what is wrong with each line."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--trial", required=True, help="slug of the trial, for instance nct04445454")
        parser.add_argument("--laboratory", required=True, help="code of the laboratory")

    def handle(self, *args: Any, file: Path, trial: str, laboratory: str, **options: Any) -> None:
        rows = Laboratory.objects.select_related("trial__protocol")
        found = rows.filter(trial__slug=trial, code=laboratory).first()
        if found is None:
            known = ", ".join(f"{row.trial.slug} {row.code}" for row in rows) or "none; add one on its page"
            raise CommandError(f"No laboratory {laboratory} in {trial}. Known: {known}")
        try:
            data = file.read_bytes()
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}") from error
        try:
            with acting(system="load_ranges", reason=options["reason"]):
                made, blank = import_ranges(laboratory=found, data=data, by=None)
        except FileRefused as refused:
            for mistake in refused.mistakes:
                self.stderr.write(f"line {mistake.line} {mistake.column}: {mistake.sentence}")
            raise CommandError(f"{file.name} has mistakes: nothing was stored.") from refused
        self.stdout.write(f"{made} ranges added, {blank} lines left blank")
