"""`manage.py export --trial nct04445454 --format csv --out FILE.zip`"""

import json
import zipfile
from argparse import ArgumentParser
from contextlib import closing
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from accounts.models import User, normal_username
from audit.context import acting
from audit.management.operator import OperatorCommand
from exports.exporting import export
from exports.formats.registry import DEFAULT, FORMATS
from exports.management.command_arguments import (
    add_selection_arguments,
    refuse_unless_new,
    refuse_unmarked,
    selection_of,
    trial_named,
    write_whole,
)
from exports.paper.typesetting import NotPrinted
from exports.tables import manifest
from trials.access import access_to
from trials.models import Trial
from trials.permissions import Permission


class Command(OperatorCommand):
    asks_why = False
    # The checks read every page of the program: memory that the data do not need.
    requires_system_checks: list[str] = []
    has_rights_of_user = True
    help = (
        "Write the data of a study to a zip file (tables, data dictionary, audit trail, manifest), or to one XML file "
        "of ODM."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--trial", required=True, help="slug of the trial, for instance nct04445454")
        parser.add_argument("--format", choices=list(FORMATS), default=DEFAULT)
        parser.add_argument(
            "--out", required=True, type=Path, help="the file to write, a zip or an XML file; must not exist"
        )
        parser.add_argument(
            "--user",
            help="export with the rights of this person; without it the blind is kept and attached files stay",
        )
        parser.add_argument("--purpose", default="command line")
        add_selection_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        trial = trial_named(options["trial"])
        selection = selection_of(trial, options)
        out: Path = options["out"]
        refuse_unless_new(out)
        user, sees_treatment, sees_files = self._rights(options["user"], trial)
        refuse_unmarked(out, holds_treatment=trial.masked and sees_treatment)
        with acting(user=user, system="export"):
            made = export(
                trial=trial,
                purpose=options["purpose"],
                sees_treatment=sees_treatment,
                sees_files=sees_files,
                by=user,
                label=user.full_name if user else "system:export",
                format_code=options["format"],
                selection=selection,
            )
            try:
                with closing(made) as pieces:
                    write_whole(out, pieces)
            except NotPrinted as refused:
                raise CommandError(str(refused)) from refused
        self.stdout.write(f"{out}: {out.stat().st_size} bytes")
        if FORMATS[options["format"]].of_trial is None:
            self._refuse_incomplete(out)

    def _refuse_incomplete(self, out: Path) -> None:
        """Raise CommandError if attached files were damaged: the archive is written, and says so itself."""
        with zipfile.ZipFile(out) as archive:
            damaged = json.loads(archive.read(manifest.NAME))["damaged_files"]
        if damaged:
            names = ", ".join(f"{file['name']} {file['problem']}" for file in damaged)
            raise CommandError(f"{out} is incomplete. Attached files are damaged and were not sent: {names}")

    def _rights(self, username: str | None, trial: Trial) -> tuple[User | None, bool, bool]:
        if not username:
            return None, not trial.masked, False
        user = User.objects.filter(username=normal_username(username), is_active=True).first()
        access = access_to(user=user, slug=trial.slug) if user else None
        if user is None or access is None or not access.may(Permission.EXPORT):
            raise CommandError(f"{username} may not export {trial.slug}")
        return user, access.sees_treatment, access.may(Permission.SEE_FILES)
