"""Measure the answers to own questions over 100,000 records of one form: `python -m tests.bench.own_questions`.

OWN_QUESTION_PATIENTS makes the study smaller; each patient has two hundred rows of a log. It prints how long it takes
to judge everything once, to show a page when nothing changed, and to show it after one record was corrected.
"""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median
from typing import Any

from tests.bench.fill import PASSWORD

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
SLUG = "nct04445454"
PATIENTS, ROWS = int(os.environ.get("OWN_QUESTION_PATIENTS") or 500), 200
TURNS, WARMING = 15, 3
START = datetime(2025, 1, 6, 9, tzinfo=UTC)
AIM = "aim: ≤ 100 ms"
CONDITIONS = {
    "the record alone": "dose > 100.0 && route == 'ORAL'",
    "other records too": "dose > previous(dose) && years(subject.screened_on, subject.screened_on) == 0.0",
}


def fill() -> None:
    """Store the trial with its patients and the rows of their medication; every seventh has no dose."""
    from audit.context import acting
    from demo.people import make_people
    from patients.models import Patient, Record
    from tests.bench.servers import ROOT
    from trials.versions.loading import load_protocol

    with acting(system="bench", reason="measuring"):
        text = (ROOT / f"trials/protocols/{SLUG}.toml").read_text("utf-8")
        trial = load_protocol(text=text).trial
        make_people([trial], PASSWORD)
        patients = Patient.objects.bulk_create(
            Patient(
                trial=trial, protocol=trial.protocol, number=number, code=f"BENCH-{number:04}", state="screening",
                screened_on=START.date(),
            )
            for number in range(1, PATIENTS + 1)
        )  # fmt: skip
        Record.objects.bulk_create(
            (
                Record(
                    patient=patient, protocol=trial.protocol, form="medication", repeat=number, state="complete",
                    values=_medicine(number), completed_at=START,
                )
                for patient in patients
                for number in range(1, ROWS + 1)
            ),
            batch_size=1000,
        )  # fmt: skip


def _medicine(number: int) -> dict[str, str]:
    dose = {} if number % 7 == 0 else {"dose": str(number)}
    route = "ORAL" if number % 3 else "INTRAVENOUS"
    return {"name": f"Medicine {number}", "category": "OTHER", "route": route, "dose_unit": "mg", **dose}


def measured() -> list[str]:
    """Return three lines for each condition."""
    from django.core.cache import cache
    from django.test import Client
    from django.urls import reverse

    from accounts.models import User
    from audit.context import acting
    from patients.models import Record
    from protocol.expressions.question_names import asked_condition
    from reports.own_questions.answer_cache import answers_to
    from reports.own_questions.keeping import QuestionFacts, save_question
    from trials.models import Trial

    trial = Trial.objects.select_related("protocol").get(slug=SLUG)
    monitor = User.objects.get(delegations__trial=trial, delegations__role="monitor")
    client, lines = Client(), []
    with acting(system="bench"):
        client.force_login(monitor)
    records = Record.objects.filter(patient__trial=trial, form="medication")
    size = f"{records.count():,} records"
    for what, condition in CONDITIONS.items():
        facts = QuestionFacts(
            name=f"{what} {time.time()}", form="medication", condition=condition, columns=["dose"], item="dose",
            shared=False, on_home=False, restricted=False,
        )  # fmt: skip
        with acting(user=monitor, role="monitor", origin="web"):
            row = save_question(trial=trial, facts=facts, by=monitor)
        cache.clear()
        begun = time.perf_counter()
        found = answers_to(
            asked_condition(trial.rules, trial.rules.form("medication"), condition, masked=False), trial
        )
        spent = time.perf_counter() - begun
        told = f"{what}, {size}, {found.count:,} true, {found.undecided:,} undetermined"
        lines.append(f"judged once ({told}): {spent:.1f} s")
        address = reverse("reports:own-question", args=[SLUG, "data", row.pk])
        record = records.order_by("pk")[ROWS * (PATIENTS // 2)]
        lines += _pages(client, address, found.count // 2, record)
    return lines


def _pages(client: Any, address: str, middle: int, record: Any) -> list[str]:
    """Return the lines of the first page, of one in the middle, and of the first after a correction."""

    def read(page: str = address) -> None:
        _read(client, page)

    return [
        f"  first page, nothing changed: {_turns(read)}; {AIM}",
        f"  middle page, nothing changed: {_turns(lambda: read(f'{address}?after={middle}'))}; {AIM}",
        f"  first page after a correction: {_turns(read, lambda: _correct(record))}; {AIM}",
    ]


def _correct(record: Any) -> None:
    from audit.context import acting

    record.values = {**record.values, "dose": str(int(record.values.get("dose", "1")) + 1)}
    record.version += 1
    with acting(system="bench"):
        record.save()


def _read(client: Any, address: str) -> None:
    answer = client.get(address)
    if answer.status_code != 200:
        raise SystemExit(f"{address} answered {answer.status_code}")


def _turns(act: Callable[[], Any], before: Callable[[], Any] = lambda: None) -> str:
    """Return the median milliseconds of several turns, by the clock and of CPU, without what is done before each."""
    taken = []
    for _turn in range(TURNS + WARMING):
        before()
        begun, spent = time.perf_counter(), time.process_time()
        act()
        taken.append((time.perf_counter() - begun, time.process_time() - spent))
    clock, cpu = (median(each[kind] for each in taken[WARMING:]) * 1000 for kind in (0, 1))
    return f"{clock:.0f} ms ({cpu:.0f} ms CPU)"


def main() -> None:
    """Print the lines; fill the database first, if it has no such study."""
    import django

    django.setup()
    from django.core.management import call_command

    from trials.models import Trial

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    if not Trial.objects.filter(slug=SLUG).exists():
        fill()
    print("\n".join(measured()))


if __name__ == "__main__":
    main()
