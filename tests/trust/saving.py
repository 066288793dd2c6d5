"""A small installation with one coordinator who saves the same form again and again, each time another text."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg

from tests.bench.client import Visitor
from tests.bench.servers import ROOT
from tests.bench.stroma_runs import FORM, answers
from tests.bench.timed import flat
from tests.support.pages.html_forms import form_with
from tests.trust.postgresql import database_server

FILL = """
from tests.bench import fill
fill.EVENTS, fill.ITEM_VALUES, fill.PATIENTS = {events}, {values}, {patients}
fill.fill_stroma()
"""
SEEN = "seen "
ACKNOWLEDGED = 302
FIRST = "BEN-0001"


@dataclass(frozen=True)
class Installation:
    """A folder with its own database, and the environment that names it."""

    folder: Path
    url: str
    purpose: str = "training"

    @property
    def environment(self) -> dict[str, str]:
        """The variables of its processes."""
        return {
            "DJANGO_SETTINGS_MODULE": "config.settings", "STROMA_ENV": self.purpose,
            "STROMA_DATA": str(self.folder), "DATABASE_URL": self.url,
            "SEAL_FILE": str(self.folder / "seals.log"), "PYTHONHASHSEED": "0",
        }  # fmt: skip

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python in it, such as `manage.py verify_trail`."""
        environment = {**os.environ, **self.environment}
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    def fill(self, *, events: int = 10, values: int = 10, patients: int = 8) -> None:
        """Store the trials, their people and patients. Raises RuntimeError if that fails."""
        filling = FILL.format(events=events, values=values, patients=patients)
        for command in (["manage.py", "collectstatic", "--noinput", "--verbosity=0"], ["-c", filling]):
            done = self.run(*command)
            if done.returncode:
                raise RuntimeError(done.stderr[-2000:])


@contextmanager
def on_engine() -> Iterator[str]:
    """Yield the address of an empty database on the engine that the command line names; SQLite's is empty."""
    if "postgresql" in sys.argv[1:]:
        with database_server() as server:
            yield server.url
    else:
        yield ""


class Desk:
    """The client of a coordinator who works on one patient. `number` is that of the last acknowledged save."""

    def __init__(self, visitor: Visitor, patient: str = FIRST, number: int = 0) -> None:
        self.visitor, self.patient, self.number = visitor, patient, number
        self.form = FORM.replace(FIRST, patient)

    def save(self) -> bool:
        """Save the next text; return True if the server acknowledged it. Raises OSError if the server is killed."""
        form = form_with(self.visitor.get(self.form).text, id="entry")
        typed = dict(answers(self.number + 1))
        answer = self.visitor.post(self.form, flat(form.sent(button=form.button(id="save"), **typed)))
        if answer.status != ACKNOWLEDGED:
            return False
        self.number += 1
        return True


@dataclass(frozen=True)
class Kept:
    """What a database holds of the saves: by patient the number in force and the numbers in the history."""

    in_force: dict[str, int]
    history: dict[str, set[int]]
    whole: bool

    def lost(self, acknowledged: dict[str, int]) -> int:
        """Return how many patients' forms are older than the last save that was acknowledged."""
        return sum(self.in_force.get(code, 0) < number for code, number in acknowledged.items())

    def without_history(self, acknowledged: dict[str, set[int]]) -> int:
        """Return how many acknowledged saves have no row of history."""
        return sum(len(numbers - self.history.get(code, set())) for code, numbers in acknowledged.items())

    def half_stored(self) -> int:
        """Return how many forms are in force without a row of history, or the other way round."""
        return sum(number != max(self.history.get(code, {0})) for code, number in self.in_force.items())


def number_of(text: str | None) -> int:
    """Return the number of a save from what was typed in it; 0 for another text."""
    return int(text.removeprefix(SEEN)) if text and text.startswith(SEEN) else 0


def _kept(run: Callable[[str], Iterable[tuple[str, str | None]]], detail: str, whole: bool) -> Kept:
    rows = "SELECT p.code, {} FROM {} r JOIN patients_patient p ON p.id = r.patient_id"
    in_force: dict[str, int] = {}
    history: dict[str, set[int]] = {}
    for code, text in run(rows.format(detail, "patients_record")):
        in_force[code] = max(in_force.get(code, 0), number_of(text))
    for code, text in run(rows.format(detail, "patients_historicalrecord")):
        history.setdefault(code, {0}).add(number_of(text))
    return Kept(in_force, history, whole)


def kept_on_sqlite(database: Path) -> Kept:
    """Read a database file as SQLite opens it after a cut: with its log, without its shared memory."""
    with closing(sqlite3.connect(database)) as connection:
        whole = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return _kept(lambda sql: connection.execute(sql), "json_extract(r.\"values\", '$.detail')", whole)


def connected(url: str) -> psycopg.Connection:
    """Connect to the PostgreSQL database of a URL with a socket folder."""
    parts = urlsplit(url)
    host = parse_qs(parts.query)["host"][0]
    return psycopg.connect(host=host, user=parts.username, dbname=parts.path.removeprefix("/"))


def kept_on_postgresql(url: str) -> Kept:
    """Read a PostgreSQL database. Raises psycopg.OperationalError while it recovers."""
    with connected(url) as connection:
        return _kept(lambda sql: connection.execute(sql), "r.\"values\"->>'detail'", True)


def told(figures: dict[str, Any]) -> str:
    """Return figures as one line of JSON, which `python -m tests.trust` reads."""
    return json.dumps(figures)
