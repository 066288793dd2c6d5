"""The content of an ODM file for one row: its place among events and forms, and the values of its items."""

from typing import NamedTuple


class Datum(NamedTuple):
    """One value of an item as text, in a unit; or why it is missing."""

    value: str = ""
    unit: str = ""
    missing: str = ""
    reason: str = ""


class FormDataPlace(NamedTuple):
    """The form that a row becomes. A key is empty where event or form does not repeat."""

    event: str
    event_key: str
    form: str
    form_key: str


GroupKey = tuple[str, str]
"""OID of a group of items, and the key of its repetition, empty where it does not repeat."""
Content = dict[GroupKey, dict[str, Datum]]


class PlacedRow(NamedTuple):
    """A row of a patient. version: key of the protocol version that defines its form."""

    place: FormDataPlace
    version: int
    content: Content
