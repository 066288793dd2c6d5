"""Load a protocol file: ``load(text)`` returns the frozen `Protocol`, or raises with all mistakes at once."""

from functools import lru_cache

from pydantic import ValidationError

from protocol.checking.mistakes import Examined, ProtocolMistakes, examined
from protocol.checking.toml_text import tables
from protocol.document.document import Protocol
from protocol.document.repeated_visits import written_out


@lru_cache(maxsize=32)
def examination(text: str) -> Examined:
    """Return the content of the TOML ``text``: the protocol, every mistake, every doubt. Cached per process."""
    return examined(text)


def load(text: str) -> Protocol:
    """Return the protocol in the TOML ``text``. Cached per process, and its compiled expressions with it.

    Raises ProtocolMistakes (a ValueError) with every mistake.
    """
    found = examination(text)
    if found.mistakes or found.protocol is None:
        raise ProtocolMistakes(found.mistakes)
    return found.protocol


def stored(text: str) -> Protocol:
    """Return the protocol in a text that was checked when it was stored.

    A check that was added since then finds nothing here: the trial goes on under the rules that it has. Raises
    ProtocolMistakes only if the text has not even the shape of a protocol.
    """
    try:
        return load(text)
    except ProtocolMistakes as mistakes:
        return _of_right_shape(text, mistakes)


def _of_right_shape(text: str, mistakes: ProtocolMistakes) -> Protocol:
    try:
        return Protocol.model_validate(written_out(tables(text)))
    except ValidationError:
        raise mistakes from None
