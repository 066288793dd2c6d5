"""`manage.py restore_drill [--from DIR]`: restore a backup into a scratch database, and use it."""

from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DatabaseError
from django.utils import timezone

from audit import events
from audit.context import acting
from audit.management.operator import OperatorCommand
from audit.trail import names_restricted
from operation.backups.backup import make_backup, the_key
from operation.backups.backup_folders import BackupFailed, newest
from operation.backups.drill import Drill, run_drill


class Command(OperatorCommand):
    asks_why = False
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
        self._record(drill)
        self._report(drill)

    def _drill(self, backup: Path, failed_at: Any, scratch: str) -> Drill:
        return run_drill(
            backup=backup, key=the_key(), scratch=scratch, failed_at=failed_at, tell=self.stdout.write
        )

    def _record(self, drill: Drill) -> None:
        """Keep the result as an event of this installation, which the page System shows."""
        done = drill.restored
        told = {
            "file": done.backup.name,
            "as of": done.taken_at.isoformat(),
            "tables": done.tables,
            "rows": done.rows,
            "files": done.files,
            "problems": len(drill.problems),
            "first": next((each for each in drill.problems if not names_restricted(each)), ""),
            "first of all": drill.problems[0] if drill.problems else "",
            "loss seconds": round(drill.loss.total_seconds()),
            "restore seconds": round(drill.seconds, 1),
        }
        try:
            with acting(system="restore_drill"):
                events.record(kind=events.AccessKind.RESTORE_TEST, detail=told)
        except DatabaseError as wrong:
            self.stderr.write(f"The result could not be recorded: {str(wrong).strip()}")

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
