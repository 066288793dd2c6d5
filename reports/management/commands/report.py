"""`manage.py report --trial nct04445454 --pack dsmb-open [--as-of 2026-03-01T14:30+01:00] --out FILE.pdf`

`--first 2025-03-02 --last 2026-03-01` is the interval of the pack `dsur`.
"""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from exports.authorities.annual.interval import ReportInterval
from exports.documents import Copy
from exports.management.paper_command import CommandArguments, PaperCommand
from exports.models import Document, title_of
from exports.selection import ChoiceRefused
from reports.packs.forms import refused_interval
from reports.packs.making import pack_choices
from reports.packs.past_moments import moment_with_offset
from reports.packs.registry import PACKS, Pack
from trials.access import Access, access_to
from trials.permissions import Permission
from trials.roles import Role


def _day(typed: str) -> date:
    try:
        return date.fromisoformat(typed)
    except ValueError:
        raise ArgumentTypeError(f"“{typed}” is no day. Write it as 2026-03-01.") from None


class Nobody(Role):
    """The reader of a pack that is made for no named person."""

    code = ""
    title = _("Nobody")
    description = _("Reads what every blinded role may read.")
    permissions = frozenset({Permission.SEE_TRIAL, Permission.SEE_TRAIL})


class Command(PaperCommand):
    help = (
        "Write a report pack as PDF, from the data as they are or as they were at a moment. The same pack of the same "
        "moment is the same file. Packs: " + ", ".join(PACKS) + "."
    )
    needed = Permission.SEE_TRIAL

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--pack", required=True, help=", ".join(PACKS))
        parser.add_argument(
            "--as-of", default="", metavar="ISO", help="the moment, with its offset: 2026-03-01T14:30+01:00"
        )
        for name, words in (("--first", "first"), ("--last", "last")):
            parser.add_argument(
                name,
                type=_day,
                metavar="DAY",
                help=f"{words} day of the interval of the pack dsur: 2026-03-01",
            )

    def handle(self, *args: Any, **options: Any) -> None:
        pack = PACKS.get(options["pack"])
        if pack is None:
            raise CommandError(f"No pack {options['pack']}. Known: {', '.join(PACKS)}")
        arguments = self.parsed(options)
        access = self._access(arguments, pack)
        try:
            moment = moment_with_offset(arguments.trial, options["as_of"])
        except ChoiceRefused as refused:
            raise CommandError(str(refused)) from None
        interval = ReportInterval(options["first"], options["last"])
        newest = arguments.trial.day_of(moment) if moment else arguments.trial.today
        if why := refused_interval(pack, interval, newest):
            raise CommandError(str(why))
        choices = pack_choices(pack.code, moment, interval)
        kind = Document.Kind.PACK
        title = title_of(kind, pack=pack.code)
        copy = Copy(kind, arguments.audience, [], arguments.by, title, access=access, choices=choices)
        self.write(arguments, copy)

    def _access(self, arguments: CommandArguments, pack: Pack) -> Access:
        """Return the rights with which the pack is made. Raises CommandError if they do not suffice for it."""
        trial, user = arguments.trial, arguments.user
        access = access_to(user=user, slug=trial.slug) if user else Access(User(), trial, Nobody)
        if access is None or not access.may(pack.see):
            who = user.get_username() if user else "Without --user nobody"
            raise CommandError(f"{who} may not have the pack {pack.code} of {trial.slug}")
        return access
