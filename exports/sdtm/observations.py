"""What every part of the package speaks of: one record of a data set before it is numbered. No Django."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from exports.sdtm.standard.tables import SUPPLEMENT, Domain, domains

TEXT_LIMIT = 200
"""Most characters of a value of a version 5 transport file."""
COMMENT_PARTS = 6
QUALIFIER_ORIGINS = {"Collected": "CRF", "Derived": "DERIVED", "Assigned": "ASSIGNED", "Protocol": "PROTOCOL"}
"""QORIG of a qualifier by the origin that Define-XML states."""


@dataclass(frozen=True, slots=True)
class Supplement:
    """A supplemental qualifier of a record: name, label, value and origin. source: as of the observation."""

    name: str
    label: str
    value: str
    origin: str = "CRF"
    source: str = ""


@dataclass(slots=True, eq=False)
class Observation:
    """One record: its values by variable, without study, domain, subject and sequence number.

    moment: local ISO 8601 text by which records are ordered. source: form and item in the annotated forms
    (`vitals.temp`). record: key of
    the captured form, for relations. comments: free texts about it.
    """

    domain: str
    values: dict[str, Any]
    moment: str = ""
    source: str = ""
    record: int | None = None
    supplements: list[Supplement] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    sequence: int = 0

    def name(self, part: str) -> str:
        """Return the name of a variable of this domain: `VSDTC` of `DTC`."""
        return f"{self.domain}{part}"

    def get(self, part: str) -> Any:
        """Return the value of a variable named without its domain; None if it is blank."""
        return self.values.get(f"{self.domain}{part}")

    def put(self, part: str, value: Any) -> None:
        """Set a variable named without its domain."""
        self.values[f"{self.domain}{part}"] = value


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment on no single record: the domain it belongs to, what it refers to, its text and local date."""

    domain: str
    reference: str
    text: str
    date: str = ""


@dataclass(frozen=True, slots=True)
class Relation:
    """Records that belong together (RELREC)."""

    observations: tuple[Observation, ...]


def domain_of(name: str) -> Domain:
    """Return the domain of a data set: `SUPPAE` is one of supplemental qualifiers."""
    return domains()[SUPPLEMENT if name.startswith("SUPP") else name]


def pieces(text: str, limit: int = TEXT_LIMIT) -> Iterator[str]:
    """Yield a text in parts of at most `limit` characters, broken at a blank where there is one in the last third."""
    rest = " ".join(text.split())
    while len(rest) > limit:
        cut = rest.rfind(" ", limit - limit // 3, limit + 1)
        place = cut if cut > 0 else limit
        yield rest[:place].rstrip()
        rest = rest[place:].lstrip()
    if rest:
        yield rest
