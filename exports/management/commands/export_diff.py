"""`manage.py export_diff OLD.zip NEW.zip`"""

import csv
import io
from argparse import ArgumentParser
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from exports.differences import Difference, NotComparable, differences
from exports.management.command_arguments import refuse_unless_new, write_whole


class Command(BaseCommand):
    help = (
        "List what is new, changed and gone between two exports as CSV, as lines of CSV. No database is read."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("old", type=Path, help="the earlier export, a zip of CSV tables")
        parser.add_argument("new", type=Path, help="the later one")
        parser.add_argument("--out", type=Path, help="write the lines to this file; must not exist")

    def handle(self, *args: Any, **options: Any) -> None:
        out: Path | None = options["out"]
        if out is not None:
            refuse_unless_new(out)
        try:
            found = list(differences(options["old"], options["new"]))
        except NotComparable as refused:
            raise CommandError(str(refused)) from refused
        listing = _listing(found)
        if out is None:
            self.stdout.write(listing, ending="")
        else:
            write_whole(out, [listing.encode()])
        counts = [f"{sum(each.kind == kind for each in found)} {kind}" for kind in ("new", "changed", "gone")]
        self.stderr.write(", ".join(counts))


def _listing(found: list[Difference]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([field.name for field in fields(Difference)])
    writer.writerows(astuple(each) for each in found)
    return text.getvalue()
