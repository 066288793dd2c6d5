"""Reading a protocol file: ``load(text)`` gives the frozen `Protocol` or every mistake at once."""

import tomllib
from decimal import Decimal

from trials.protocol_design import Visit, VisitForm
from trials.protocol_document import Protocol
from trials.protocol_items import Check, Choice, Form, Item, ItemGroup, Text

__all__ = ["Check", "Choice", "Form", "Item", "ItemGroup", "Protocol", "Text", "Visit", "VisitForm", "load"]


def load(text: str) -> Protocol:
    """Read the TOML ``text`` of a protocol. Raises ValueError (tomllib, pydantic) when it is wrong."""
    return Protocol.model_validate(tomllib.loads(text, parse_float=Decimal))
