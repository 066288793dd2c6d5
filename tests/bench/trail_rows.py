"""Measure the trail page on many entries: `python -m tests.bench.trail_rows ROWS`. The environment names the database.

Fills the histories of one trial with invented changes of forms (ROWS, a million by default), indexes them, and prints
for each filter the 50th and 95th percentile of a page with its count, of a search, and what indexing costs for a row.
CPU is that of this process: on a shared machine it says more than the time, with SQLite the whole.
Works on a database that `tests.bench.fill` made; the triggers are lifted while the history is filled.
"""

import os
import re
import sys
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from statistics import median, quantiles
from typing import TYPE_CHECKING

from django.db.models import F

if TYPE_CHECKING:
    from audit.trail_index.entries import IndexedTable

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
TIMES = int(os.environ.get("TIMES") or 20)
CHUNK, FIRST_RECORD = 50_000, 10_000_000
# A million entries, one each 23 seconds, take 266 days.
BEFORE = timedelta(days=300)
COUNT = re.compile(r'id="entries-title">([^<]*)<')
FORMS = tuple(f"form_{number:02}" for number in range(20))
# Stands for a day two months after the first invented entry.
DAY = "day"
FILTERS: dict[str, dict[str, str]] = {
    "no filter": {},
    "oldest first": {"order": "oldest"},
    "form": {"form": "form_07"},
    "form and item": {"form": "form_07", "item": "v03"},
    "person": {"user": "coordinator"},
    "about a person": {"about": "coordinator"},
    "role": {"role": "monitor"},
    "kind: deleted": {"kind": "deleted"},
    "kind: changed": {"kind": "changed"},
    "kind: exported": {"kind": "exported"},
    "origin: command": {"origin": "command", "user": "*"},
    "session": {"session": f"{17:032x}"},
    "address": {"address": "10.0.0.17"},
    "day": {"since": DAY, "until": DAY},
    "since a day": {"since": DAY},
    "until a day": {"until": DAY},
    "time of day": {"from_time": "03:00", "until_time": "03:05"},
    "time of day and form": {"form": "form_07", "from_time": "03:00", "until_time": "03:05"},
    "outside hours": {"state": "outside"},
    "after inclusion": {"state": "after_inclusion"},
    "after signature": {"state": "after_signature"},
    "after lock": {"state": "after_lock"},
    "after unlock": {"state": "after_unlock"},
    "many in minutes": {"state": "in_bulk"},
    "late entry": {"state": "late"},
    "search: rare": {"search": "needle00017"},
    "search: everything": {"search": "routine"},
    "search: a number": {"search": "17.17"},
}


def main() -> None:
    """Fill, index and measure."""
    import django

    django.setup()
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    from django.db import connection
    from django.test import Client

    from accounts.models import User
    from audit import triggers
    from audit.models import TrailIndexRow
    from audit.testing import lifted_triggers
    from audit.trail_index import building
    from trials.models import Trial

    trial = Trial.objects.get(slug="bulk")
    missing = rows - TrailIndexRow.objects.filter(trial_id=trial.pk).count()
    if missing > CHUNK:
        with lifted_triggers():
            _set_back(building.indexed_tables())
            _fill(trial, missing, _first_moment())
        triggers.defects()
    begun, used = time.perf_counter(), time.process_time()
    while not building.refresh(seconds=60):
        print(f"{building.waiting():,} wait", flush=True)
    if missing > CHUNK:
        print(
            f"indexed {missing:,} entries: {(time.perf_counter() - begun) / missing * 1e6:.0f} µs each, "
            f"{(time.process_time() - used) / missing * 1e6:.0f} µs of CPU of the worker"
        )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(User.objects.get(username="data_manager"))
    patient = trial.patients.order_by("pk").values_list("code", flat=True)[0]
    first = TrailIndexRow.objects.filter(trial_id=trial.pk, key__gte=FIRST_RECORD).order_by("id")[0].at
    day = f"{first + timedelta(days=60):%d-%b-%Y}"
    for name, known in {"patient": {"patient": patient}, **FILTERS}.items():
        filters = {key: day if value == DAY else value for key, value in known.items()}
        print(_timed(name, lambda filters=filters: browser.get("/trials/bulk/trail/", filters)), flush=True)


def _set_back(tables: "Iterable[IndexedTable]") -> None:
    """Set all that is stored back by the time that the invented entries take, so that these end before today."""
    for table in tables:
        table.model._default_manager.update(**{table.time: F(table.time) - BEFORE})


def _first_moment() -> datetime:
    """Return the moment of the first invented entry: after all that are stored, as a clock that never turns writes."""
    from patients.models import Record

    newest = Record.history.order_by("-history_date").values_list("history_date", flat=True)[0]
    return newest + timedelta(hours=1)


def _fill(trial: object, rows: int, start: datetime) -> None:
    """Store invented history rows of forms, spread over people, patients, sessions, addresses and nine months."""
    from django.db import connection

    from accounts.models import User
    from patients.models import Patient, Record

    history = Record.history.model
    table = history._meta.db_table
    people = list(User.objects.order_by("pk").values_list("pk", flat=True))
    patients = list(Patient.objects.filter(trial=trial).order_by("pk").values_list("pk", "protocol_id"))
    columns = [field.column for field in history._meta.concrete_fields if field.column != "history_id"]
    marks = ", ".join(["%s"] * len(columns))
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor:
        for first in range(0, rows, CHUNK):
            values = [
                _row(number, columns, people, patients, trial.pk, start)  # type: ignore[attr-defined]
                for number in range(first, min(rows, first + CHUNK))
            ]
            cursor.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', values)


def _row(
    number: int,
    columns: list[str],
    people: list[int],
    patients: list[tuple[int, int]],
    trial: int,
    start: datetime,
) -> list[object]:
    from django.db import connection

    patient, protocol = patients[number % len(patients)]
    # Two rows of one form: created, then changed.
    record = FIRST_RECORD + number // 2
    at = start + timedelta(seconds=number * 23)
    rare = number % 9973 == 0
    known: dict[str, object] = {
        "history_date": connection.ops.adapt_datetimefield_value(at),
        "history_type": "+" if number % 2 == 0 else "-" if number % 20_011 == 1 else "~",
        "history_change_reason": f"routine needle{number % 50_000:05}",
        "history_user_id": people[number % len(people)],
        "history_user_name": "coordinator",
        "history_full_name": "coordinator",
        "history_role": "monitor" if rare else "coordinator",
        "history_origin": "command" if rare else "web",
        "history_request": f"{number:032x}",
        "history_session": f"{number % 3000:032x}",
        "history_address": f"10.0.{number % 3000 // 256}.{number % 256}",
        "history_trial": trial,
        "history_patient": patient,
        "id": record,
        "patient_id": patient,
        "visit_id": None,
        "protocol_id": protocol,
        "form": FORMS[number // 2 % len(FORMS)],
        "repeat": record,
        "state": "draft",
        "values": f'{{"v{number % 7:02}": "{number % 10_000 / 100:.2f}"}}',
        "version": number % 2 + 1,
        "created_at": connection.ops.adapt_datetimefield_value(at),
        "struck_out_reason": "",
    }
    return [known.get(name) for name in columns]


def _timed(name: str, ask: Callable[[], object]) -> str:
    seconds, cpu = [], []
    for turn in range(TIMES + 2):
        begun, used = time.perf_counter(), time.process_time()
        answer = ask()
        if answer.status_code != 200:  # type: ignore[attr-defined]
            return f"{name:24} answered {answer.status_code}"  # type: ignore[attr-defined]
        if turn >= 2:
            seconds.append((time.perf_counter() - begun) * 1000)
            cpu.append((time.process_time() - used) * 1000)
    # Outside a test no context is kept: the count is read from the page.
    counted = COUNT.search(answer.content.decode())  # type: ignore[attr-defined]
    return (
        f"{name:24} {median(seconds):7.0f} ms, p95 {quantiles(seconds, n=20)[18]:7.0f} ms, "
        f"CPU {median(cpu):6.0f} ms   {counted[1].strip() if counted else 'no count'}"
    )


if __name__ == "__main__":
    main()
