"""Measure the page of a patient's laboratory results: a thousand results graded, listed and sent.

Printed by `python -m tests.bench.laboratory` in the environment of the bench: milliseconds of CPU of one request in
this process, queries and templates included, and SQL statements.
"""

import gc
import os
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from datetime import time as clock
from random import Random
from statistics import median
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
RESULTS, TIMES, WARMING = 1000, 40, 5
EARLY = clock(8)
AIM = "aim: ≤ 60 ms"


def fill(trial: Any) -> str:
    """Store forms with results of the trial's only patient until there are enough; return the address of the page."""
    from audit.context import acting
    from patients.models import Record, Visit
    from protocol.values.moments import Moment
    from safety.laboratory.results import results_of

    patient = trial.patients.select_related("trial", "protocol").get()
    graded = {code: [item for item in form.items if item.ctcae] for code, form in trial.rules.forms.items()}
    rng, missing = Random(4), RESULTS - len(results_of(trial, [patient])[patient.pk])
    with acting(system="bench", reason="measuring"):
        for number in range(2, 2 + RESULTS):
            if missing <= 0:
                break
            day = patient.screened_on + timedelta(days=number)
            visit = Visit.objects.create(
                patient=patient, code="UNS", number=number, position=90, state="held", reason="A sample", held_on=day
            )  # fmt: skip
            at = datetime.combine(day, EARLY, trial.zone)
            for code, items in graded.items():
                chosen = items[: max(0, missing)]
                missing -= len(chosen)
                if chosen:
                    values = dict(
                        _values(chosen, rng), sampled_at=Moment.from_datetime(at, str(trial.zone)).iso
                    )
                    Record.objects.create(
                        patient=patient, protocol=patient.protocol, visit=visit, form=code, state="complete",
                        values=values,
                    )  # fmt: skip
    return f"/trials/{trial.slug}/patients/{patient.code}/laboratory-results/"


def _values(items: list[Any], rng: Random) -> Iterator[tuple[str, str]]:
    """Yield a plausible number for each item, above or below its expected range now and then."""
    for item in items:
        low, high = item.typical or item.soft or item.hard or (1, 100)
        spread = float(high) - float(low)
        yield item.name, f"{max(float(low) + rng.uniform(-0.3, 1.3) * spread, 0.1):.1f}"


def main() -> None:
    """Print one line: the time of a request and its statements."""
    import django

    django.setup()
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from accounts.models import User
    from audit.context import acting
    from tests.bench import dependent_checks
    from trials.models import Trial

    if not Trial.objects.filter(slug=dependent_checks.SLUG).exists():
        dependent_checks.fill()
    address, client = fill(Trial.objects.get(slug=dependent_checks.SLUG)), Client()
    with acting(system="bench"):
        client.force_login(User.objects.get(username="investigator"))
    for _each in range(WARMING):
        answer = client.get(address)
    if answer.status_code != 200:
        raise SystemExit(f"{address} answered {answer.status_code}")
    with CaptureQueriesContext(connection) as queries:
        client.get(address)
    statements, spent = len(queries), []
    gc.collect()
    # As in a worker (`config/wsgi.py`).
    gc.freeze()
    for _each in range(TIMES):
        begun = time.process_time()
        client.get(address)
        spent.append((time.process_time() - begun) * 1000)
    print(
        f"page of a patient's {RESULTS:,} laboratory results: median {median(spent):.1f} ms CPU, "
        f"worst {max(spent):.1f} ms, {statements} statements; {AIM}"
    )


if __name__ == "__main__":
    main()
