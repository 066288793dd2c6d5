"""Base of the commands that write a document: arguments, rights, seal and register."""

import hashlib
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.core.management.base import CommandError

from accounts.models import User, normal_username
from audit.context import acting
from audit.management.operator import OperatorCommand
from audit.sealing import seal_files, seals
from audit.system_texts import actor_words
from exports.documents import Copy, register_copy, write
from exports.management.command_arguments import put_whole, refuse_unless_new, refuse_unmarked, trial_named
from exports.paper.audience import Audience
from exports.paper.typesetting import NotPrinted
from trials.access import access_to
from trials.models import Trial
from trials.permissions import Permission


@dataclass(frozen=True)
class CommandArguments:
    """Parsed arguments of a command: trial, user, readers and output file."""

    trial: Trial
    user: User | None
    audience: Audience
    out: Path

    @property
    def by(self) -> str:
        """Return the name of the author that the document shows."""
        if self.user is None:
            return actor_words("system:documents")
        return f"{self.user.full_name} ({self.user.get_username()})"


class PaperCommand(OperatorCommand):
    """Base class of a command that writes one document."""

    asks_why = False
    # The checks read every page of the program: memory that the data do not need.
    requires_system_checks: list[str] = []
    has_rights_of_user = True
    # The right that `--user` needs.
    needed = Permission.SEE_TRAIL

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--trial", required=True, help="slug of the trial, for instance nct04445454")
        parser.add_argument("--out", required=True, type=Path, help="the file to write; must not exist")
        parser.add_argument(
            "--user", help="with the rights and in the name of this person; without it the blind is kept"
        )

    def parsed(self, options: dict[str, Any]) -> CommandArguments:
        """Return the parsed arguments.

        Raises CommandError for an unknown trial, a user without the right, or an existing file.
        """
        trial = trial_named(options["trial"])
        refuse_unless_new(options["out"])
        if not options["user"]:
            return CommandArguments(trial, None, Audience.nobody(trial), options["out"])
        user = User.objects.filter(username=normal_username(options["user"]), is_active=True).first()
        access = access_to(user=user, slug=trial.slug) if user else None
        if user is None or access is None or not access.may(self.needed):
            raise CommandError(f"{options['user']} may not have documents of {trial.slug}")
        return CommandArguments(trial, user, Audience.of(access), options["out"])

    def write(self, arguments: CommandArguments, copy: Copy) -> None:
        """Write the document and register it, acting as the user or the system."""
        refuse_unmarked(arguments.out, holds_treatment=copy.treatment and arguments.trial.masked)
        with acting(user=arguments.user, system="documents"):
            try:
                seals.seal(reason="document")
                with TemporaryDirectory(dir=arguments.out.parent, prefix=".document-") as folder:
                    made = Path(folder) / arguments.out.name
                    data_sha256 = write(copy, made)
                    put_whole(made, arguments.out)
            except (NotPrinted, seal_files.SealBroken) as refused:
                raise CommandError(str(refused)) from refused
            with arguments.out.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size = arguments.out.stat().st_size
            register_copy(copy, sha256=sha256, data_sha256=data_sha256, size=size)
        self.stdout.write(f"{arguments.out}: {arguments.out.stat().st_size} bytes, SHA-256 {sha256}")
