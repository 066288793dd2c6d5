"""`manage.py rehearse_protocol FILE`: render every page of a protocol on invented patients. Only in a scratch database.

`trials.versions.rehearsal` starts it in a process of its own; the result is one line of JSON.
"""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from audit.context import acting
from demo.people import make_people
from demo.ranges import example_laboratory
from demo.rehearsal.pages import Rendering
from demo.rehearsal.patients import Rehearsal
from protocol.checking.loading import stored
from trials.management.protocol_file import text_of_file
from trials.models import ProtocolVersion, Trial


class Command(BaseCommand):
    help = (
        "Render every page of a protocol on invented patients. load_protocol runs it in a scratch database."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--before", type=Path, help="the version that it replaces")

    def handle(self, *args: Any, file: Path, before: Path | None, **options: Any) -> None:
        if settings.ENVIRONMENT != "test" or connection.vendor != "sqlite":
            raise CommandError("A rehearsal has a database of its own: run load_protocol")
        call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0)
        if Trial.objects.exists():
            raise CommandError("A rehearsal has a database of its own: this one holds a trial")
        with acting(system="rehearsal"):
            trial = _loaded([text_of_file(each) for each in (before, file) if each is not None])
            people = make_people([trial], settings.DEMO_PASSWORD)
            example_laboratory(trial)
        patients = Rehearsal(trial, people, settings.DEMO_PASSWORD, seed=7)
        patients.populate()
        rendering = Rendering(Trial.objects.get(pk=trial.pk), people)
        rendering.run()
        result = {
            "pages": rendering.count,
            "faults": [asdict(fault) for fault in rendering.faults],
            "notes": patients.notes,
        }
        self.stdout.write(json.dumps(result))


def _loaded(texts: list[str]) -> Trial:
    """Store the versions as if the last one were in force today, whatever its approval says."""
    rules = [stored(text) for text in texts]
    facts = rules[-1].trial
    trial = Trial.objects.create(slug=facts.slug, time_zone=facts.site.time_zone)
    first = trial.today - timedelta(days=len(texts) - 1)
    for number, (text, one) in enumerate(zip(texts, rules, strict=True)):
        trial.protocol = ProtocolVersion.objects.create(
            trial=trial,
            version=one.trial.version,
            text=text,
            sha256=sha256(text.encode()).hexdigest(),
            effective_from=first + timedelta(days=number),
        )
    trial.save(update_fields=["protocol"])
    return trial
