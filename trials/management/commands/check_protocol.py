"""`manage.py check_protocol FILE`: list every mistake of a protocol file with its key."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from protocol.checking.loading import load
from protocol.checking.mistakes import problems
from trials.management.protocol_file import text_of_file


class Command(BaseCommand):
    help = "Check a protocol file: lists every mistake with its key and exits 1, or says what the file holds."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        text = text_of_file(file)
        found = problems(text)
        for problem in found:
            self.stdout.write(str(problem))
        if found:
            raise SystemExit(1)
        self.stdout.write(f"{file.name}: {load(text).summary}")
