"""A consistent view of the database for the duration of an export, without blocking writers."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction

from dosing.models import Infusion
from exports.tables.past import set_back
from patients.models import Patient
from trials.models import Trial

# Page cache of SQLite in KiB, negative as it wants it. An export reads most pages once: with the usual 2,000 it is as
# fast, and sorts in more memory.
READ_ONCE_CACHE: Final = -500


@contextmanager
def snapshot_of(trial: Trial, as_of: datetime | None) -> Iterator[Trial]:
    """Read within one transaction the data of its start, or those of a past moment. Yield the trial as it was then."""
    if as_of is None:
        with snapshot():
            yield trial
        return
    with snapshot(lays_out=True), set_back(trial, as_of):
        _fill_infusions(trial)
        yield Trial.objects.select_related("protocol").get(pk=trial.pk)


def _fill_infusions(trial: Trial) -> None:
    """Store at each past patient the numbers of the infusions, which the room of infusions keeps and no history holds.

    Three statements on the temporary tables.
    """
    patients = {row.pk: row for row in Patient.objects.filter(trial=trial).only("pk")}
    for row in patients.values():
        row.infusions_given = row.infusions_omitted = ""
    numbers = Infusion.objects.filter(patient__trial=trial).exclude(state=Infusion.State.PLANNED)
    for patient, number, state in numbers.order_by("number").values_list("patient_id", "number", "state"):
        if state == Infusion.State.GIVEN:
            patients[patient].infusions_given += str(number)
        else:
            patients[patient].infusions_omitted += str(number)
    Patient.objects.bulk_update(patients.values(), ["infusions_given", "infusions_omitted"], batch_size=200)


@contextmanager
def snapshot(*, lays_out: bool = False) -> Iterator[None]:
    """Read within one transaction that sees the data as of its start.

    lays_out: temporary tables are made in it, which PostgreSQL refuses in a transaction that only reads.
    PostgreSQL: repeatable read, read only. SQLite: a deferred transaction, which under WAL is a snapshot without a
    write lock; the application's own mode, IMMEDIATE, would block every writer.
    """
    if connection.vendor == "postgresql":
        with transaction.atomic():
            # The isolation level can only be set at the start of a transaction, not inside an outer one.
            if not connection.in_atomic_block or len(connection.savepoint_ids) == 0:
                with connection.cursor() as cursor:
                    reads = "" if lays_out else ", READ ONLY"
                    cursor.execute(f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ{reads}")
            yield
        return
    connection.ensure_connection()
    wrapper: Any = connection
    database, mode = wrapper.connection, wrapper.transaction_mode
    (cache,) = database.execute("PRAGMA cache_size").fetchone()
    database.execute(f"PRAGMA cache_size = {READ_ONCE_CACHE}")
    wrapper.transaction_mode = "DEFERRED"
    try:
        with transaction.atomic():
            yield
    finally:
        wrapper.transaction_mode = mode
        database.execute(f"PRAGMA cache_size = {cache}")
