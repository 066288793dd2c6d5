"""A stored value of an item as what SDTM wants of a result: original, standard and numeric result, units, why missing.

No Django.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from exports.sdtm.standard.units import submitted
from protocol.document.items import MOMENT_TYPES, Item
from protocol.values.moment_parts import moment_parts

NOT_APPLICABLE: Final = "NA"
REASONS: Final = {"UNK": "UNKNOWN", "ASKU": "ASKED BUT UNKNOWN"}
FLAT: Final = str.maketrans("\n\r\t", "   ")


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of one item. value: plain stored value. Blank parts are empty texts."""

    item: Item
    value: Any
    comparator: str = ""
    limit: str = ""
    entered: str = ""
    unit: str = ""
    missing: str = ""
    reason: str = ""

    @classmethod
    def of(cls, item: Item, stored: Any) -> "Answer":
        """Return the answer in a stored value (docs/protocol-file.md, types)."""
        if not isinstance(stored, Mapping):
            return cls(item, stored)
        if item.type == "file":
            return cls(item, stored.get("name"))
        parts = {
            name: str(stored.get(name) or "")
            for name in ("comparator", "limit", "entered", "unit", "missing", "reason")
        }
        return cls(item, stored.get("value"), **parts)

    @property
    def is_blank(self) -> bool:
        """Return True if nothing was answered, not even why it is missing."""
        return self.value in (None, "", []) and not self.limit and not self.missing

    @property
    def is_missing(self) -> bool:
        """Return True if a missing code was answered."""
        return bool(self.missing)

    @property
    def why_missing(self) -> str | None:
        """Return why it is missing: the typed reason, or the words of the code."""
        return self.reason or REASONS.get(self.missing)

    @property
    def original(self) -> str | None:
        """Return the result as collected: the number as typed, the label of a choice, the text."""
        if self.item.is_numeric:
            own = self.limit or self.value
            return None if own is None else f"{self.comparator}{self.entered or own}"
        return None if self.value is None else self._words(upper=False)

    @property
    def code(self) -> str | None:
        """Return the number, or the code of the choice, as stored; None if it is missing."""
        return None if self.value in (None, "") or self.missing else str(self.value)

    @property
    def original_unit(self) -> str | None:
        """Return the unit of the original result."""
        return submitted(self.unit or self.item.unit) if self.original is not None else None

    @property
    def standard(self) -> str | None:
        """Return the result in standard format: in the unit of the item, or the controlled term of the choice."""
        if self.item.is_numeric:
            own = self.limit or self.value
            return None if own is None else f"{self.comparator}{own}"
        return None if self.value is None else self._words(upper=True)

    @property
    def standard_unit(self) -> str | None:
        """Return the unit of the standard result."""
        return submitted(self.item.unit) if self.standard is not None else None

    @property
    def number(self) -> Decimal | None:
        """Return the result as a number; None for a result beyond a limit."""
        return Decimal(str(self.value)) if self.item.is_numeric and self.value not in (None, "") else None

    @property
    def moment(self) -> str:
        """Return a date as local ISO 8601 without offset, as precise as it is known; empty if it is none or missing."""
        if self.item.type not in MOMENT_TYPES or not self.value or self.missing:
            return ""
        return moment_parts(str(self.value)).local

    @property
    def text(self) -> str | None:
        """Return the answer as a qualifier holds it."""
        if self.item.type in MOMENT_TYPES:
            return self.moment or None
        return self.original

    def _words(self, *, upper: bool) -> str:
        if self.item.type == "choices":
            return "; ".join(choice_words(self.item, code, upper=upper) for code in self.value)
        if self.item.type == "choice":
            return choice_words(self.item, str(self.value), upper=upper)
        return str(self.value).translate(FLAT)


def choice_words(item: Item, code: str, *, upper: bool) -> str:
    """Return the label of a choice, or with `upper` the term submitted for it; the code if a later version lacks it."""
    if code not in item.codes:
        return code
    choice = item.choice(code)
    label = choice.label.in_language("en")
    return (choice.sdtm or label.upper()) if upper else label
