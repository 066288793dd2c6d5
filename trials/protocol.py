"""Reading a protocol file: ``load(text)`` gives the frozen `Protocol` or every mistake at once."""

from functools import lru_cache

from trials.checking import ProtocolMistakes, problems, read
from trials.protocol_design import Visit, VisitForm
from trials.protocol_document import Protocol
from trials.protocol_items import Check, Choice, Form, Item, ItemGroup, Text

__all__ = [
    "Check",
    "Choice",
    "Form",
    "Item",
    "ItemGroup",
    "Protocol",
    "ProtocolMistakes",
    "Text",
    "Visit",
    "VisitForm",
    "load",
    "problems",
]


@lru_cache(maxsize=32)
def load(text: str) -> Protocol:
    """The protocol in the TOML ``text``, read once per process; its expressions are compiled once with it.

    Raises ProtocolMistakes (a ValueError) with all that is wrong.
    """
    return read(text)
