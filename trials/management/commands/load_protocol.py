"""`manage.py load_protocol FILE`: store a protocol file as an immutable version of its trial."""

from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from audit.management.operator import OperatorCommand
from protocol.checking.mistakes import ProtocolMistakes
from trials.management.protocol_file import CONFIRM, text_of_file
from trials.versions.loading import (
    TooEarly,
    TooLate,
    UnconfirmedDoubts,
    VersionTaken,
    load_protocol,
    refuse_as_successor,
    refuse_doubts,
)
from trials.versions.rehearsal import RehearsalFailed, rehearse


class Command(OperatorCommand):
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
        text = text_of_file(file)
        try:
            if settings.REHEARSE_PROTOCOLS:
                self._rehearsed(text, effective_from)
            version = load_protocol(
                text=text,
                system="load_protocol",
                effective_from=effective_from,
                reason=options["reason"],
            )
        except ProtocolMistakes as mistakes:
            for problem in mistakes.problems:
                self.stderr.write(str(problem))
            raise CommandError(f"{file.name} has mistakes: nothing was stored.") from mistakes
        except UnconfirmedDoubts as doubts:
            for problem in doubts.problems:
                self.stderr.write(f"doubt: {problem}")
            raise CommandError(f"{file.name} has doubts: nothing was stored. {CONFIRM}") from doubts
        except (VersionTaken, TooEarly, TooLate) as refused:
            raise CommandError(str(refused)) from refused
        self.stdout.write(f"{version.trial} version {version.version}, SHA-256 {version.sha256}")

    def _rehearsed(self, text: str, effective_from: date | None) -> None:
        """Render every page before the file is stored. Raises CommandError if one fails."""
        before = refuse_as_successor(text=text, effective_from=effective_from)
        refuse_doubts(text)
        if before is None:
            return
        self.stdout.write("Rendering every page on invented patients, in a database of its own …")
        try:
            result = rehearse(text, before=before)
        except RehearsalFailed as failed:
            raise CommandError(f"The rehearsal gave no result, nothing was stored: {failed}") from failed
        for note in result.notes:
            self.stdout.write(f"not rehearsed: {note}")
        for fault in result.faults:
            self.stderr.write(fault)
        if result.faults:
            number = len(result.faults)
            raise CommandError(f"{number} of {result.pages} pages failed: nothing was stored.")
        self.stdout.write(f"{result.pages} pages rendered")
