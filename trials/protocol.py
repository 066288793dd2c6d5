"""Reading a protocol file: ``load(text)`` gives the frozen `Protocol` or every mistake at once."""

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


def load(text: str) -> Protocol:
    """The protocol in the TOML ``text``. Raises ProtocolMistakes (a ValueError) with all that is wrong."""
    return read(text)
