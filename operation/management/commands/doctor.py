"""`manage.py doctor`: what is wrong with this installation, and what to do."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from operation.condition import FAILED, OK
from operation.examination import examined

SIGNS = {OK: "ok      "}


class Command(BaseCommand):
    help = (
        "Say in plain words what is wrong with this installation and what to do; exit 1 if something failed."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="also what is well")

    def handle(self, *args: Any, all: bool, **options: Any) -> None:
        parts = list(examined())
        failed = [part for part in parts if part.state == FAILED]
        for part in parts:
            if part.state == OK and not all:
                continue
            sign = {"ok": "ok", "warning": "look", "failed": "WRONG"}[part.state]
            self.stdout.write(f"{sign:<6} {part.name}: {part.says}")
            if part.do and part.state != OK:
                self.stdout.write(f"       {part.do}")
        if failed:
            raise CommandError(f"{len(failed)} of {len(parts)} parts are wrong.")
        warned = sum(part.state != OK for part in parts)
        self.stdout.write(
            f"{len(parts)} parts looked at: " + (f"{warned} to look at." if warned else "all is well.")
        )
