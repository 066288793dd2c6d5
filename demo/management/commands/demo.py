"""`manage.py demo`: load both protocols and invented patients in every stage, for training."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection

from audit.context import acting
from audit.management.operator import OperatorCommand
from audit.stored_text import system_text
from demo.patients import Populator
from demo.people import make_people
from demo.ranges import example_laboratory
from trials.models import Trial
from trials.roles import ROLES
from trials.versions.loading import load_protocol

PROTOCOLS = Path(__file__).resolve().parents[3] / "trials" / "protocols"


class Command(OperatorCommand):
    asks_why = False
    help = "Load both protocols and invented patients. Training only, on the embedded database."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--if-empty", action="store_true", help="do nothing but say who can sign in")
        parser.add_argument("--seed", type=int, default=20)

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("Production has no demo patients")
        if connection.vendor != "sqlite":
            self._without_patients(options)
            return
        password = settings.DEMO_PASSWORD
        if not Trial.objects.exists():
            with acting(system="demo", reason=system_text("demo.training")):
                trials = [
                    load_protocol(text=path.read_text("utf-8")).trial
                    for path in sorted(PROTOCOLS.glob("*.toml"))
                ]
                people = make_people(trials, password)
                for trial in trials:
                    example_laboratory(trial)
            for trial in trials:
                Populator(trial, people, password, options["seed"]).populate()
        elif not options["if_empty"]:
            raise CommandError("There are trials already: the demo fills an empty database only")
        self._accounts(password)

    def _without_patients(self, options: dict[str, Any]) -> None:
        if not options["if_empty"]:
            raise CommandError("The demo runs on the embedded database only: unset DATABASE_URL")
        self.stdout.write("Not the embedded database: no demo patients, no demo accounts.")

    def _accounts(self, password: str) -> None:
        self.stdout.write("Training accounts, all with the password: " + password)
        for code, role in ROLES.items():
            self.stdout.write(f"  {code:16} {role.description}")
