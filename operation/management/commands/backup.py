"""`manage.py backup --to DIR`: an encrypted backup of database, attached files, seals and settings."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from audit.management.operator import OperatorCommand
from operation.backups.backup import make_backup
from operation.backups.backup_folders import BackupFailed


class Command(OperatorCommand):
    asks_why = False
    help = "Make an encrypted backup of database, attached files, file of the seals and settings."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--to", required=True, type=Path, help="folder of the backups, on another disk or machine"
        )
        parser.add_argument("--keep", type=int, default=0, help="keep this many backups; without it all")

    def handle(self, *args: Any, to: Path, keep: int, **options: Any) -> None:
        if keep < 0:
            raise CommandError("--keep is the number of backups to keep: 1 or more.")
        try:
            made = make_backup(to=to, keep=keep)
        except BackupFailed as wrong:
            raise CommandError(str(wrong)) from wrong
        self.stdout.write(
            f"Backup {made.folder}: {made.tables} tables, {made.rows} rows, {made.files} attached files "
            f"({made.files_new} new), {made.bytes_written / 1e6:.1f} MB, as of {made.taken_at:%Y-%m-%d %H:%M:%S} UTC."
        )
        for note in made.notes:
            self.stderr.write(note)
        if made.notes:
            raise CommandError("The backup is complete but for what is named above.")
