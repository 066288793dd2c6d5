"""Another request at the same time: work in a transaction that stays open, on a connection of its own."""

import threading
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction

from audit.context import acting

PATIENCE_SECONDS = 20


class Meanwhile(threading.Thread):
    """Run `work` in a transaction of its own that stays open until `finish` is set; then run `at_the_end` in it."""

    def __init__(self, work: Callable[[], Any], at_the_end: Callable[[], Any] = lambda: None) -> None:
        super().__init__(daemon=True)
        self.work, self.at_the_end = work, at_the_end
        self.written, self.finish = threading.Event(), threading.Event()
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            with acting(system="meanwhile"), transaction.atomic():
                self.work()
                self.written.set()
                self.finish.wait(PATIENCE_SECONDS)
                self.at_the_end()
        except Exception as failure:
            self.failure = failure
        finally:
            connection.close()

    def ends_in(self, seconds: float) -> None:
        """Let the transaction end after a while, so that a request of this thread waits for it."""
        threading.Timer(seconds, self.finish.set).start()

    def __enter__(self) -> "Meanwhile":
        self.start()
        assert self.written.wait(PATIENCE_SECONDS), self.failure
        return self

    def __exit__(self, *_: object) -> None:
        self.finish.set()
        self.join(PATIENCE_SECONDS)
        assert self.failure is None, self.failure
