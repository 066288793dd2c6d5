"""How far the worker is with a file, told to those who wait for it; and whether somebody cancelled it."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

from django.db import connection
from django.utils import timezone

from exports.models import Document

BETWEEN_SECONDS = 1.0


class Cancelled(Exception):
    """Somebody cancelled the document while it was made."""


class Recorder:
    """Stores the progress of a document, at most once a second. Call it with the percentage done.

    It may be called inside the transaction in which the data are read: it writes on a connection of its own, so that
    others see the progress at once, and so that it sees that somebody cancelled. Inside a transaction of the caller it
    writes in that one.
    """

    def __init__(self, row: Document) -> None:
        self._key = row.pk
        self._told, self._at = 0, 0.0
        self._aside = None if connection.in_atomic_block else ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._aside is not None:
            self._aside.submit(lambda: connection.close()).result()
            self._aside.shutdown()

    def __call__(self, done: int) -> None:
        """Store the percentage. Raises Cancelled if the document was cancelled."""
        if time.monotonic() - self._at < BETWEEN_SECONDS:
            return
        self._at, self._told = time.monotonic(), max(self._told, min(done, 99))
        aside = self._aside
        if not (aside.submit(self._store, self._told).result() if aside else self._store(self._told)):
            raise Cancelled

    def _store(self, done: int) -> int:
        rows = Document.objects.filter(pk=self._key, state=Document.State.WORKING)
        return rows.update(progress=done, touched_at=timezone.now())
