"""Load a protocol file: ``load(text)`` returns the frozen `Protocol`, or raises with all mistakes at once."""

from functools import lru_cache

from protocol.checking.mistakes import read
from protocol.document.document import Protocol


@lru_cache(maxsize=32)
def load(text: str) -> Protocol:
    """Return the protocol in the TOML ``text``. Cached per process, and its compiled expressions with it.

    Raises ProtocolMistakes (a ValueError) with every mistake.
    """
    return read(text)
