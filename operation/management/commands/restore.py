"""`manage.py restore --from DIR`: restore the newest backup into an empty database."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from operation.backups.backup import the_key
from operation.backups.backup_folders import BackupFailed, newest
from operation.backups.database_copies import copier_of
from operation.backups.restoring import restore, restore_settings
from patients.models.attachments import attachment_storage


class Command(BaseCommand):
    help = "Restore a backup into the empty database of DATABASE_URL; nothing is overwritten."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--from",
            dest="source",
            required=True,
            type=Path,
            help="folder of the backups, or of one",
        )

    def handle(self, *args: Any, source: Path, **options: Any) -> None:
        try:
            key, backup = the_key(), newest(source)
            done = restore(
                backup=backup,
                key=key,
                copier=copier_of(connection.settings_dict),
                storage=attachment_storage(),
                seal_file=Path(settings.SEAL_FILE),
                tell=self.stdout.write,
            )
            settings_file = settings.DATA_DIR / "restored-settings.env"
            advice = restore_settings(backup, key, settings_file)
        except BackupFailed as wrong:
            raise CommandError(str(wrong)) from wrong
        except OSError as wrong:
            raise CommandError(
                f"Nothing was put in place: {wrong}. Free space, then restore again."
            ) from wrong
        for problem in done.problems:
            self.stderr.write(problem)
        self.stdout.write(
            f"Restored {backup.name}: {done.tables} tables, {done.rows} rows, {done.files} attached files "
            f"({done.files_there} were there), as of {done.taken_at:%Y-%m-%d %H:%M:%S} UTC, in {done.seconds:.1f} s. "
            f"The settings are in {settings_file}."
        )
        if advice:
            self.stdout.write(advice)
        if done.problems:
            raise CommandError(f"{len(done.problems)} differences from the backup, named above.")
        # An older backup is upgraded, and on PostgreSQL the key of the actors is made again, which no backup holds.
        call_command("migrate", verbosity=0)
        self.stdout.write(
            "Every table has the rows and the content of the backup. Now run (on PostgreSQL) `manage.py grant_role`, "
            "then `manage.py verify_trail` and `manage.py seal --reason restore`."
        )
