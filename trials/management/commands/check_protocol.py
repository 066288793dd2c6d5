"""`manage.py check_protocol FILE`: list every mistake and doubt of a protocol file with its key."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError

from protocol.checking.loading import examination
from protocol.checking.mistakes import ProtocolMistakes
from protocol.checking.shape import Problem
from trials.management.protocol_file import CONFIRM, text_of_file
from trials.versions.loading import TooEarly, TooLate, VersionTaken, refuse_as_successor


class Command(BaseCommand):
    help = (
        "Check a protocol file, also against the versions that are stored: lists every mistake and doubt with its "
        "key and exits 1, or says what the file holds."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--effective-from",
            type=date.fromisoformat,
            metavar="YYYY-MM-DD",
            help="first day in force, as it will be given to load_protocol",
        )

    def handle(self, *args: Any, file: Path, effective_from: date | None, **options: Any) -> None:
        text = text_of_file(file)
        found = examination(text)
        refused = [] if found.mistakes else self._compared(text, effective_from)
        for problem in (*found.mistakes, *refused):
            self.stdout.write(str(problem))
        for doubt in found.doubts:
            self.stdout.write(f"doubt: {doubt}")
        if found.doubts:
            self.stdout.write(CONFIRM)
        if found.protocol is None or found.mistakes or refused or found.doubts:
            raise SystemExit(1)
        self.stdout.write(f"{file.name}: {found.protocol.summary}")

    def _compared(self, text: str, effective_from: date | None) -> Sequence[Problem | str]:
        """Return why the text cannot follow the stored versions of its trial."""
        try:
            refuse_as_successor(text=text, effective_from=effective_from)
        except ProtocolMistakes as mistakes:
            return mistakes.problems
        except (VersionTaken, TooEarly, TooLate) as refused:
            return [str(refused)]
        except DatabaseError as error:
            # A file is also checked where no trial is stored, before the first migration.
            self.stderr.write(f"Not compared with stored versions: the database cannot be read ({error}).")
        return []
