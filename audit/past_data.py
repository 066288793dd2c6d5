"""Whether queries read the data of a past moment: then nothing that they return may be kept as present.

Set by `exports.tables.past`; asked by caches.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_laid_out: ContextVar[bool] = ContextVar("stroma_past_data", default=False)


def reads_past_data() -> bool:
    """Return whether queries read the data of a past moment now."""
    return _laid_out.get()


@contextmanager
def past_data() -> Iterator[None]:
    """Say so until the end."""
    token = _laid_out.set(True)
    try:
        yield
    finally:
        _laid_out.reset(token)
