"""What a database holds of the saves: read after each kill, what is new since the last look, in one snapshot."""

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.trust.clerks import Clerk
from tests.trust.saving import connected, number_of

Run = Callable[[str], Iterable[tuple[Any, ...]]]
AGAIN_WITHIN_SECONDS = 60
# A transaction that began earlier may commit later, with a lower number.
LOOK_BACK = 500


@dataclass
class Ledger:
    """The saves of each patient that the history holds, and those in force. `url` is empty for SQLite."""

    database: Path
    url: str
    last: int = 0
    rows: dict[int, tuple[str, int]] = field(default_factory=dict)
    held: dict[str, Counter[int]] = field(default_factory=dict)
    in_force: dict[str, int] = field(default_factory=dict)

    def read(self) -> None:
        """Read what is new; wait while a database server recovers. Raises OperationalError after a minute."""
        deadline = time.monotonic() + AGAIN_WITHIN_SECONDS
        while True:
            try:
                return self._read()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _read(self) -> None:
        if self.url:
            with connected(self.url) as server:
                server.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                self._look(server.execute, "r.\"values\"->>'detail'")
            return
        with closing(sqlite3.connect(self.database, isolation_level=None)) as file:
            file.execute("BEGIN")
            self._look(file.execute, "json_extract(r.\"values\", '$.detail')")

    def _look(self, run: Callable[..., Any], detail: str) -> None:
        seen = f"FROM {{}} r JOIN patients_patient p ON p.id = r.patient_id WHERE {detail} LIKE 'seen %'"
        new = f"SELECT r.history_id, p.code, {detail} {seen.format('patients_historicalrecord')}"
        for key, code, text in run(f"{new} AND r.history_id > {self.last - LOOK_BACK}").fetchall():
            if key not in self.rows:
                self.rows[key] = (code, number_of(text))
                self.held.setdefault(code, Counter())[number_of(text)] += 1
        self.last = max(self.rows, default=0)
        self.rows = {key: row for key, row in self.rows.items() if key > self.last - LOOK_BACK}
        found = run(f"SELECT p.code, {detail} {seen.format('patients_record')}").fetchall()
        self.in_force = {code: number_of(text) for code, text in found}

    def compared(self, clerks: Iterable[Clerk]) -> dict[str, int]:
        """Return how many saves are not as the server told it."""
        figures = Counter[str]()
        for clerk in clerks:
            held, in_force = self.held.get(clerk.patient, Counter()), self.in_force.get(clerk.patient, 0)
            figures["lost"] += sum(number > in_force for number in clerk.told.acknowledged)
            figures["without_history"] += len(clerk.told.acknowledged - held.keys())
            figures["half_stored"] += in_force != max(held, default=0)
            figures["stored_twice"] += sum(times > 1 for times in held.values())
            figures["stored_and_denied"] += clerk.told.nothing_saved > 0 and clerk.told.nothing_saved in held
            figures["answered_without_reason"] += len(clerk.told.without_reason)
        return dict(figures)

    def whole(self) -> bool:
        """Return True if the file of the database is sound; a database server checks its own."""
        if self.url:
            return True
        with closing(sqlite3.connect(self.database)) as file:
            return file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
