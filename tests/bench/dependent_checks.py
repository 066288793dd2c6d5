"""Compare saves with and without the checks of other forms: `python -m tests.bench.dependent_checks`.

One process sends each save in turns with and without them, and takes it back. A ratio is the median over
neighbouring turns, for the CPU time of this process and for the time of a clock, which includes the database server.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from statistics import median
from typing import Any
from unittest import mock

from tests.bench.fill import PASSWORD

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
SLUG = "nct04445454"
LOG_ROWS, GOING_ON = 56, 2
TURNS, WARMING = int(os.environ.get("JUDGING_TURNS") or 60), 5
AIM = "aim: ≤ 1.15 times the time of a save that checks no other form, ≤ 14 statements"


@dataclass(frozen=True)
class Save:
    """One save of the study: the address of the form and two alternating sets of typed answers."""

    address: str
    answers: tuple[dict[str, str], ...]


def fill() -> None:
    """Store a whole patient of the first shipped trial, with a visit for a death and a long log."""
    from audit.context import acting
    from demo.patients import Populator
    from demo.people import make_people
    from demo.stories import Story
    from patients.participation.visits import add_unscheduled
    from tests.bench.servers import ROOT
    from trials.versions.loading import load_protocol

    text = (ROOT / f"trials/protocols/{SLUG}.toml").read_text("utf-8")
    with acting(system="bench", reason="measuring"):
        trial = load_protocol(text=text).trial
        people = make_people([trial], PASSWORD)
        invented = Populator(trial, people, PASSWORD, seed=1)
        invented.create(Story(118))
        patient = trial.patients.get()
        _medication(patient)
        add_unscheduled(patient=patient, on=trial.today, reason="Death", by=people["coordinator"])


def saves() -> tuple[Any, dict[str, Save]]:
    """Return a client in which the coordinator is signed in, and the saves by name."""
    from django.test import Client

    from accounts.models import User
    from audit.context import acting
    from patients.models import Patient

    client = Client()
    with acting(system="bench"):
        client.force_login(User.objects.get(username="coordinator"))
    patient = Patient.objects.get(trial__slug=SLUG)
    died = patient.visits.get(code="UNS")
    dead = {"survival_status": "DEAD", "contact_by": "RECORD", "death_cause": "CARDIAC"}
    days = [f"{died.held_on - timedelta(days=back):%d-%b-%Y}" for back in (0, 1)]
    weight = Decimal(patient.records.get(form="demography").values["weight"])
    pages = f"/trials/{SLUG}/patients/{patient.code}"
    weights = tuple({"weight": str(weight + more)} for more in (0, Decimal("0.1")))
    deaths = tuple({**dead, "died_on": day} for day in days)
    return client, {
        "a vital sign of one visit": Save(f"{pages}/visits/D7/vitals/", ({"spo2": "95"}, {"spo2": "94"})),
        "the weight at screening": Save(f"{pages}/visits/SCR/demography/", weights),
        "a row of medication": Save(f"{pages}/logs/medication/1/", ({"dose": "6"}, {"dose": "7"})),
        f"a death with {LOG_ROWS} rows of medication": Save(
            f"{pages}/visits/{died.key}/vital_status/", deaths
        ),
    }


def _medication(patient: Any) -> None:
    """Copy the first row of the patient's medication until there are enough; two of the copies have no end."""
    from patients.models import Record

    rows = list(Record.objects.filter(patient=patient, form="medication").order_by("repeat"))
    last, going_on = rows[-1].repeat, {**rows[0].values, "ongoing": "Y"}
    going_on.pop("ended_on", None)
    ended = {**rows[0].values, "ongoing": "N", "ended_on": rows[0].values["started_on"]}
    Record.objects.bulk_create(
        Record(
            patient=patient, protocol=patient.protocol, form="medication", repeat=last + number, state="complete",
            values=ended if number > GOING_ON else going_on, completed_at=rows[0].completed_at,
        )
        for number in range(1, LOG_ROWS - len(rows) + 1)
    )  # fmt: skip


def compared(client: Any, save: Save) -> dict[str, float]:
    """Measure one save in turns; return the ratios, milliseconds of CPU without and with, and statements with."""
    from patients.entry import saving

    without = mock.patch.object(saving, "_check_dependents")
    sent = _sent(client, save)
    cpu: list[tuple[float, float]] = []
    wall: list[tuple[float, float]] = []
    for turn in range(TURNS + WARMING):
        answers, plain_first = sent[turn // 2 % 2], turn % 2
        judged = None if plain_first else _timed(client, save.address, answers)
        with without:
            plain = _timed(client, save.address, answers)
        judged = judged or _timed(client, save.address, answers)
        if turn >= WARMING:
            cpu.append((judged[0], plain[0]))
            wall.append((judged[1], plain[1]))
    return {
        "cpu": median(one / two for one, two in cpu),
        "wall": median(one / two for one, two in wall),
        "without": median(two for _one, two in cpu) * 1000,
        "with": median(one for one, _two in cpu) * 1000,
        "statements": _statements(client, save.address, sent[0]),
    }


def _sent(client: Any, save: Save) -> list[dict[str, Any]]:
    """Return both sets of answers with the other inputs of the page, as completed or changed with a reason."""
    from patients.entry.controls import CONTROLS
    from tests.support.pages.html_forms import form_with

    page = client.get(save.address, {"change": "1"}).content.decode()
    form = form_with(page, id="entry")
    finished = {CONTROLS.action: CONTROLS.next}
    if CONTROLS.reason in form.names:
        finished[CONTROLS.reason] = "transcription"
    return [form.sent(**answers) | finished for answers in save.answers]


def _taken_back(act: Callable[[], Any]) -> Any:
    from django.db import transaction

    with transaction.atomic():
        done = act()
        transaction.set_rollback(True)
    return done


def _timed(client: Any, address: str, sent: dict[str, Any]) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    answer = _taken_back(lambda: client.post(address, sent))
    spent = time.process_time() - cpu, time.perf_counter() - wall
    if answer.status_code != 302:
        raise SystemExit(f"saving answered {answer.status_code}: {answer.content[:3000]!r}")
    return spent


def _statements(client: Any, address: str, sent: dict[str, Any]) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    # The first request after half a minute renews the session: a statement of no save.
    client.get(address)
    with CaptureQueriesContext(connection) as queries:
        _taken_back(lambda: client.post(address, sent))
    bracket = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")
    return sum(not each["sql"].startswith(bracket) for each in queries)


def noted(found: dict[str, dict[str, float]]) -> list[str]:
    """Return a line for each save, and the aim."""
    line = "× {cpu:.2f} CPU, × {wall:.2f} time, {with:.1f} ms CPU instead of {without:.1f}, {statements} statements"
    return [
        f"saving {name}, with the checks of other forms: " + line.format(**figures)
        for name, figures in found.items()
    ] + [f"  {AIM}"]


def main() -> None:
    """Print a line for each save."""
    import django

    django.setup()
    from trials.models import Trial

    if not Trial.objects.filter(slug=SLUG).exists():
        fill()
    client, found = saves()
    print("\n".join(noted({name: compared(client, save) for name, save in found.items()})))


if __name__ == "__main__":
    main()
