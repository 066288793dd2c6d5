"""Measure the export of the whole large trial as CSV, and beside it what a bare copy of the same tables costs.

`Export` measures a turn of a server over HTTP, for `make bench BASE=…`. `python -m tests.bench.whole_study` writes the
tables of the export in this process, and copies the tables of the database behind them: on PostgreSQL with
`COPY … TO STDOUT`; SQLite has none, so there the rows of `SELECT *` go through Python's writer of CSV.
"""

import csv
import io
import os
import resource
import time
from collections.abc import Iterator
from typing import Any, Final

from tests.bench.client import Visitor, csrf_token
from tests.bench.servers import Server
from tests.bench.stroma_runs import signed_in

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
PAGE: Final = "/trials/bulk/exports/"
APPS: Final = ("patients", "safety", "dosing", "laboratories", "trials")
AIM: Final = "aim: ≤ 0.3 of the commit 8cae21f, peak ≤ 120 MB"


class Export:
    """Export the whole study over HTTP, once in a turn. The signed-in clients of each server are kept between turns."""

    def __init__(self) -> None:
        self._people: dict[int, Visitor] = {}

    def __call__(self, server: Server) -> dict[str, float]:
        """Return seconds, CPU seconds and the peak memory of a worker. Raises RuntimeError if it is refused."""
        person = self._people.setdefault(server.port, signed_in(server, "data_manager"))
        # A large study takes longer than a page.
        person.connection.timeout = 1200
        fields = [("csrfmiddlewaretoken", csrf_token(person.get(PAGE).text)), ("purpose", "bench")]
        server.forget_peaks()
        idle = server.peak_megabytes()
        before = server.cpu_seconds()
        answer = person.post(PAGE, fields)
        if answer.status != 200 or not answer.body.startswith(b"PK"):
            raise RuntimeError(f"the export answered {answer.status}: {answer.text[:500]}")
        name = "whole study as CSV"
        return {
            f"{name}: CPU s": server.cpu_seconds() - before,
            f"{name}: wall s": answer.seconds,
            f"{name}: memory before, MB": idle,
            f"{name}: most memory of a worker, MB": server.peak_megabytes(),
        }


def exported(trial: Any) -> int:
    """Write all tables of the export as CSV, keep nothing, and return the number of bytes."""
    from django.utils import timezone

    from exports.exporting import tables_of
    from exports.formats.csv_files import files
    from exports.formats.data_files import Exported
    from exports.tables.snapshot import snapshot_of

    with snapshot_of(trial, None) as then:
        tables = tables_of(then, sees_treatment=True, sees_files=True)
        made = files(tables, Exported(trial.slug, timezone.now(), "bench"))
        return sum(len(piece) for file in made for piece in file.pieces)


def database_tables() -> list[str]:
    """Return the tables of the database that hold the study, its histories with them."""
    from django.apps import apps

    return [model._meta.db_table for model in apps.get_models() if model._meta.app_label in APPS]


def copied(tables: list[str]) -> int:
    """Copy the tables as bare CSV, keep nothing, and return the number of bytes."""
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            return sum(map(len, _copies(cursor.cursor, tables)))
        return sum(_selected(cursor, table) for table in tables)


def _copies(cursor: Any, tables: list[str]) -> Iterator[bytes]:
    for table in tables:
        with cursor.copy(f'COPY "{table}" TO STDOUT (FORMAT csv)') as rows:
            yield from rows


def _selected(cursor: Any, table: str) -> int:
    size = 0
    cursor.execute(f'SELECT * FROM "{table}"')
    while rows := cursor.fetchmany(2000):
        out = io.StringIO()
        csv.writer(out).writerows(rows)
        size += len(out.getvalue())
    return size


def megabytes() -> float:
    """Return the peak memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the seconds of both and their ratio."""
    import django

    django.setup()
    from django.db import connection

    from trials.models import Trial

    trial = Trial.objects.select_related("protocol").get(slug="bulk")
    idle, begun = megabytes(), time.perf_counter()
    size = exported(trial)
    seconds, peak = time.perf_counter() - begun, megabytes()
    tables = database_tables()
    begun = time.perf_counter()
    bare = copied(tables)
    other = time.perf_counter() - begun
    how = "COPY … TO STDOUT" if connection.vendor == "postgresql" else "SELECT * and Python's writer of CSV"
    print(
        f"whole study as CSV, not zipped: {seconds:.1f} s, {size / 1e6:.0f} MB, peak {peak:.0f} MB "
        f"({idle:.0f} MB before); {AIM}"
    )
    print(
        f"  {how} of the {len(tables)} tables behind it: {other:.1f} s, {bare / 1e6:.0f} MB; "
        f"the export takes × {seconds / other:.1f}"
    )


if __name__ == "__main__":
    main()
