"""`manage.py restore_drill [--from DIR]`: restore a backup into a scratch database, and use it."""

from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from operation.backup import make_backup, the_key
from operation.backup_folders import BackupFailed, newest
from operation.drill import Drill, run_drill


class Command(BaseCommand):
    help = "Restore a backup into a scratch database, compare it, sign in, open casebooks; print RPO and RTO."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--from", dest="source", type=Path, help="folder of the backups; without it one is made"
        )
        parser.add_argument("--scratch", default="", help="address of an empty PostgreSQL database to use")

    def handle(self, *args: Any, source: Path | None, scratch: str, **options: Any) -> None:
        failed_at = timezone.now()
        try:
            if source is not None:
                drill = self._drill(newest(source), failed_at, scratch)
            else:
                settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
                with TemporaryDirectory(dir=settings.DATA_DIR, prefix="drill-backup-") as own:
                    made = make_backup(to=Path(own))
                    self.stdout.write(f"A fresh backup was made: {made.bytes_written / 1e6:.1f} MB")
                    drill = self._drill(made.folder, timezone.now(), scratch)
        except BackupFailed as wrong:
            raise CommandError(f"The drill failed: {wrong}") from wrong
        except OSError as wrong:
            raise CommandError(f"The drill failed: {wrong}") from wrong
        self._report(drill)

    def _drill(self, backup: Path, failed_at: Any, scratch: str) -> Drill:
        return run_drill(
            backup=backup, key=the_key(), scratch=scratch, failed_at=failed_at, tell=self.stdout.write
        )

    def _report(self, drill: Drill) -> None:
        done = drill.restored
        self.stdout.write(f"Backup        {done.backup.name}, as of {done.taken_at:%Y-%m-%d %H:%M:%S} UTC")
        self.stdout.write(f"Compared      {done.tables} tables, {done.rows} rows: counts and checksums")
        self.stdout.write(f"Files         {done.files} restored, each with its hash")
        for said in drill.said:
            self.stdout.write(f"Used          {said}")
        self.stdout.write(f"RPO           {drill.loss.total_seconds():.0f} s of work would be lost")
        self.stdout.write(
            f"RTO           {drill.seconds:.2f} s (restore {done.seconds:.2f} s, "
            f"sign-in and casebooks {drill.using_seconds:.2f} s)"
        )
        for problem in drill.problems:
            self.stderr.write(problem)
        if drill.problems:
            raise CommandError(f"The drill failed: {len(drill.problems)} differences, named above.")
        self.stdout.write("The drill succeeded.")
