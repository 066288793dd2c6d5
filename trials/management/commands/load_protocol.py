"""`manage.py load_protocol FILE`: store a protocol file as an immutable version of its trial."""

from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from protocol.checking.mistakes import ProtocolMistakes
from trials.loading import TooEarly, VersionTaken, load_protocol
from trials.management.protocol_file import text_of_file


class Command(BaseCommand):
    help = "Store a protocol file. The same text again changes nothing; an amendment needs a new version."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--effective-from",
            type=date.fromisoformat,
            metavar="YYYY-MM-DD",
            help="first day in force (today, or the day of its approval)",
        )

    def handle(self, *args: Any, file: Path, effective_from: date | None, **options: Any) -> None:
        try:
            version = load_protocol(
                text=text_of_file(file), system="load_protocol", effective_from=effective_from
            )
        except ProtocolMistakes as mistakes:
            for problem in mistakes.problems:
                self.stderr.write(str(problem))
            raise CommandError(f"{file.name} has mistakes: nothing was stored.") from mistakes
        except (VersionTaken, TooEarly) as refused:
            raise CommandError(str(refused)) from refused
        self.stdout.write(f"{version.trial} version {version.version}, SHA-256 {version.sha256}")
