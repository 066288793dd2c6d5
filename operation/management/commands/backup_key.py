"""`manage.py backup_key FILE`: make the key of the backups."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from operation.backups.encryption import new_key, write_key


class Command(BaseCommand):
    help = "Make the key with which backups are encrypted; never overwrites one."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            write_key(file, new_key())
        except FileExistsError as there:
            raise CommandError(
                f"{file} exists. A key is never overwritten: its backups could not be read."
            ) from there
        except OSError as wrong:
            raise CommandError(f"{file} cannot be written: {wrong.strerror}.") from wrong
        self.stdout.write(
            f"{file} holds the key. Keep a copy away from this machine and from the backups: "
            f"without it no backup can be read. Set STROMA_BACKUP_KEY_FILE={file}"
        )
