"""`manage.py settle_trail`: show every row that differs from its history, and let two persons settle it."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from getpass import getpass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from accounts.models import User
from audit.integrity import discrepancies
from audit.integrity.replay import Unexplained
from audit.management.operator import OperatorCommand
from trials.delegations.settlement import settle_trail

HOW = (
    "{count} rows differ from their history. To settle them, which changes no row and writes to the history that they "
    'were found so: settle_trail --by NAME --second NAME --reason "…" (--row TABLE:KEY for single rows)'
)
SHOWN = 60


class Command(OperatorCommand):
    asks_why = False
    help = "Show every row that differs from its history; with --by, --second and --reason settle it. Run as the owner."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--by", metavar="NAME", help="user name of the first person; the password is asked for"
        )
        parser.add_argument(
            "--second", metavar="NAME", help="user name of the second person; one is no administrator"
        )
        parser.add_argument("--reason", default="", help="what is known about how the rows came to differ")
        parser.add_argument(
            "--row",
            action="append",
            default=[],
            metavar="TABLE:KEY",
            help="settle this row only (may be repeated)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        rows = self._chosen(options["row"])
        for row in rows:
            self._show(row)
        if not rows:
            self.stdout.write("Every row is as its history says: there is nothing to settle.")
            return
        if not (options["by"] and options["second"]):
            raise CommandError(HOW.format(count=len(rows)))
        by, second = _person(options["by"]), _person(options["second"])
        try:
            invalid = settle_trail(
                rows=rows, reason=options["reason"],
                by=by, password=_password(by), second=second, second_password=_password(second),
            )  # fmt: skip
        except ValidationError as refused:
            raise CommandError(" ".join(refused.messages)) from refused
        except discrepancies.ChangedMeanwhile as changed:
            raise CommandError(str(changed)) from changed
        self.stdout.write(f"{len(rows)} rows settled; {invalid} signatures are to be given again.")

    def _chosen(self, places: list[str]) -> list[Unexplained]:
        rows = list(discrepancies.unexplained())
        if missing := set(places) - {row.place for row in rows}:
            raise CommandError(f"{', '.join(sorted(missing))}: no such row differs from its history.")
        return [row for row in rows if not places or row.place in places]

    def _show(self, row: Unexplained) -> None:
        self.stdout.write(f"{row.place} {row.problem}")
        for name, then, now in _contents(row):
            self.stdout.write(f"    {name}: {then} in the history, {now} in the row")


def _contents(row: Unexplained) -> Iterator[tuple[str, str, str]]:
    """Yield what differs for the terminal: column, or item of a column of answers, with both contents."""
    for column in row.columns:
        then, now = (None if side is None else side[column] for side in (row.past, row.row))
        before, after = _items(then), _items(now)
        if before is None or after is None:
            yield column, _text(row.past, then), _text(row.row, now)
            continue
        for item in sorted(before | after):
            if before.get(item) != after.get(item):
                yield f"{column}.{item}", json.dumps(before.get(item)), json.dumps(after.get(item))


def _items(text: str | None) -> dict[str, Any] | None:
    """Return a JSON object, or None for any other content."""
    if text is None or not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _text(side: dict[str, str | None] | None, text: str | None) -> str:
    """Return the content of a column, shortened; `side` is None if there is no row or no history."""
    if side is None:
        return "nothing"
    return "empty" if text is None else repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")


def _person(name: str) -> User:
    try:
        return User.objects.get_by_natural_key(name)
    except User.DoesNotExist as unknown:
        raise CommandError(f"There is no user {name}.") from unknown


def _password(person: User) -> str:
    """Ask for a password at the terminal; without one read a line of the input."""
    if sys.stdin.isatty():
        return getpass(f"Password of {person.username}: ")
    return sys.stdin.readline().rstrip("\n")
