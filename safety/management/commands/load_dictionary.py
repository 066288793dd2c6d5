"""`manage.py load_dictionary ctcae|meddra --version V PATH`: store a release of a dictionary from files of the user."""

from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from audit.management.operator import OperatorCommand
from safety.dictionaries import files
from safety.dictionaries.loading import load_dictionary

READERS = {"ctcae": files.ctcae, "meddra": files.meddra}


class Command(OperatorCommand):
    help = "Store a release of CTCAE (one CSV) or MedDRA (a folder of ASCII files). The same again changes nothing."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Take `--version` for the release: Django's own option of that name is left out."""
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=sorted(READERS))
        parser.add_argument(
            "--version", dest="release", required=True, metavar="V", help="version of the release"
        )
        parser.add_argument("path", type=Path)

    def handle(self, *args: Any, kind: str, release: str, path: Path, **options: Any) -> None:
        try:
            read = READERS[kind](path)
            made, is_new = load_dictionary(kind=kind, version=release, release=read)
        except files.DictionaryRefused as refused:
            raise CommandError(f"{refused} Nothing was stored.") from refused
        except ValidationError as refused:
            raise CommandError(" ".join(refused.messages)) from refused
        state = "stored" if is_new else "is loaded already"
        self.stdout.write(f"{made}: {made.terms_loaded} terms {state}, SHA-256 {made.sha256}")
