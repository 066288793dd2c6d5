"""Fill a database for the bench: `python -m tests.bench.fill stroma|plain`. The environment names the database."""

import os
import sys
import time
from datetime import UTC, date, datetime, timedelta
from random import Random

PASSWORD = "bench password for one run"
EVENTS, PATIENTS, VISITS, ITEM_VALUES = 100_000, 50, 20, 1_000_000
TERMS = ("Headache", "Pyrexia", "Nausea", "Anaemia", "Pneumonia", "Hypotension", "Rash", "Thrombosis")


def fill_stroma() -> None:
    """Store two trials: 50 patients with 20 visits for the pages; 100,000 events and a million values for exports."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()
    from django.core.management import call_command

    begun = time.perf_counter()
    call_command("migrate", verbosity=0)
    print(f"migrate {time.perf_counter() - begun:.2f}")
    call_command("createcachetable", verbosity=0)
    from tests.bench import study

    study.fill(PASSWORD, patients=PATIENTS, events=EVENTS, values=ITEM_VALUES, terms=TERMS)
    _counted()


def _counted() -> None:
    """Update the planner statistics of PostgreSQL, as its autovacuum does within a minute of such a load."""
    from django.db import connection

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def fill_plain() -> None:
    """Store as many events and one superuser for the plain admin."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.plain.settings"
    import django

    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    from tests.bench.plain.subject.models import Event

    call_command("migrate", verbosity=0)
    get_user_model().objects.create_superuser("bench", "", PASSWORD)
    rng, start = Random(1), datetime(2025, 1, 1, tzinfo=UTC)
    rows = (
        Event(
            patient=f"P-{rng.randint(1, 500):03}",
            term=rng.choice(TERMS),
            onset=start + timedelta(minutes=number),
            grade=rng.randint(1, 4),
            serious=rng.random() < 0.1,
            causality="possible",
            outcome="recovered",
        )
        for number in range(EVENTS)
    )
    Event.objects.bulk_create(rows, batch_size=2000)
    _counted()


if __name__ == "__main__":
    {"stroma": fill_stroma, "plain": fill_plain}[sys.argv[1]]()
    print(f"filled {sys.argv[1]} {date.today():%Y-%m-%d}")  # noqa: DTZ011
