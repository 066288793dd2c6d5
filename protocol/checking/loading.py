"""Reading a protocol file: ``load(text)`` gives the frozen `Protocol` or every mistake at once."""

from functools import lru_cache

from protocol.checking.mistakes import read
from protocol.document.document import Protocol


@lru_cache(maxsize=32)
def load(text: str) -> Protocol:
    """The protocol in the TOML ``text``, read once per process; its expressions are compiled once with it.

    Raises ProtocolMistakes (a ValueError) with all that is wrong.
    """
    return read(text)
