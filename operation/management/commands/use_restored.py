"""`manage.py use_restored`: what `restore_drill` runs on its scratch database."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from operation.backups.trying import use


class Command(BaseCommand):
    help = "Used by restore_drill on its scratch database only."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--casebooks", type=int, required=True)

    def handle(self, *args: Any, casebooks: int, **options: Any) -> None:
        # It adds a person who can sign in: never to the database that people work with.
        if not settings.DATA_DIR.name.startswith("drill-"):
            raise CommandError("Only restore_drill runs this, on its scratch database.")
        # As after every restore: an older backup is upgraded, and the key of the actors is made again.
        call_command("migrate", verbosity=0)
        self.stdout.write(json.dumps(asdict(use(casebooks))))
