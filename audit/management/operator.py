"""Who runs a command that writes, and why: a named person, or else the account of the operating system (AUD-02)."""

import getpass
import socket
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.context import ACCOUNT, Actor, acting_as, current_actor, run_deferred


class OperatorCommand(BaseCommand):
    """A command that writes: takes `--user` and `--reason`.

    Every row and event is of the person named, or of the account under which the command runs; its name stands in the
    column of the address in either case. In production a command that a person types asks for the reason.
    """

    # False for work that is also started by time: it says itself what it is for.
    asks_why = True
    # True if `--user` also says with whose rights; then the command itself refuses a person who has none.
    has_rights_of_user = False

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Add the two options, unless the command has its own."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        known = parser._option_string_actions
        if "--user" not in known:
            parser.add_argument("--user", metavar="NAME", help="user name of the person who runs the command")
        if "--reason" not in known:
            parser.add_argument("--reason", default="", help="why, kept in the trail")
        return parser

    def execute(self, *args: Any, **options: Any) -> Any:
        """Run the command as the operator."""
        if self.asks_why and not (options.get("reason") or "").strip():
            options["reason"] = self._asked()
        try:
            person = person_named(options.get("user"))
        except CommandError:
            if not self.has_rights_of_user:
                raise
            person = None
        with operating(person):
            return super().execute(*args, **options)

    def _asked(self) -> str:
        """Return the reason that is typed at the terminal. Raises CommandError in production without one."""
        if not settings.PRODUCTION:
            return ""
        typed = input("Reason, kept in the trail: ").strip() if sys.stdin.isatty() else ""
        if not typed:
            raise CommandError('Say why: --reason "…". It is kept in the trail with who ran the command.')
        return typed


def person_named(username: str | None) -> Any:
    """Return the person with a user name, None without one. Raises CommandError for nobody who may sign in."""
    if not username:
        return None
    users = get_user_model()._default_manager
    person = users.filter(username=username.strip().casefold(), is_active=True).first()
    if person is None:
        raise CommandError(f"Nobody who may sign in has the user name {username}")
    return person


def system_account() -> str:
    """Return the account of the operating system and the machine, `deploy@ward-server`."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that has no name.
        name = "unknown"
    return f"{name}@{socket.gethostname()}"[:60]


@contextmanager
def operating(person: Any = None) -> Iterator[None]:
    """Act as the person at the command line, or as the account. Inside another actor nothing changes."""
    if current_actor() is not None:
        yield
        return
    account = system_account()
    name = person.get_username() if person is not None else f"{ACCOUNT}{account}"
    actor = Actor(
        user_id=person.pk if person is not None else None,
        user_name=name,
        full_name=(person.get_full_name() or name) if person is not None else name,
        origin="command",
        request_id=uuid.uuid4().hex,
        address=account,
    )
    with acting_as(actor):
        yield
    run_deferred()
