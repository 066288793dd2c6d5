"""`manage.py verify_trail`: exit with 1 and name the first row that differs from what was sealed."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.sealing.seal_files import SealBroken
from audit.sealing.verification import Tally, findings


class Command(BaseCommand):
    help = "Check seals, rows, live data and signatures; exit 1 at the first that is not as it was."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="go on after the first finding")
        parser.add_argument(
            "--head",
            action="append",
            default=[],
            metavar="'NUMBER TIME HASH'",
            help="also compare a head that was printed or mailed; may be repeated",
        )

    def handle(self, *args: Any, all: bool, head: list[str], **options: Any) -> None:
        tally, found = Tally(), 0
        try:
            for finding in findings(tally, heads=[" ".join(each.split()) for each in head]):
                found += 1
                if not all:
                    raise CommandError(str(finding))
                self.stderr.write(str(finding))
        except SealBroken as refused:
            raise CommandError(str(refused)) from refused
        for note in tally.notes:
            self.stdout.write(note)
        if found:
            raise CommandError(f"{found} findings")
        self.stdout.write(
            f"The trail is whole: {tally.seals} seals over {tally.rows} rows, {tally.signatures} signatures, "
            f"{tally.files} attached files; "
            f"{tally.newer} rows are newer than the last seal."
        )
