"""The definitions of a protocol version, as plain values for both versions of ODM. No Django, no XML."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Translated = Mapping[str, str]
"""A text by language; English is always there."""
DataType = Literal[
    "text", "integer", "float", "boolean", "date", "datetime", "partialDate", "partialTime", "partialDatetime"
]
EventType = Literal["Scheduled", "Unscheduled", "Common"]


@dataclass(frozen=True, slots=True)
class CodeListItem:
    """A code of a code list and its meaning."""

    value: str
    decode: Translated


@dataclass(frozen=True, slots=True)
class CodeListDef:
    """A code list; its codes are texts."""

    oid: str
    name: str
    codes: tuple[CodeListItem, ...]


@dataclass(frozen=True, slots=True)
class LimitCheck:
    """A limit of a number in its unit. comparator: what an accepted value is to the limit."""

    comparator: Literal["GE", "LE"]
    value: str
    hard: bool


@dataclass(frozen=True, slots=True)
class ExpressionCheck:
    """An edit check. expression: true if the value is accepted."""

    expression: str
    hard: bool
    message: Translated


@dataclass(frozen=True, slots=True)
class ItemDef:
    """An item. digits: decimals of a number. unit: as the protocol writes it. section: heading on the page."""

    oid: str
    name: str
    data_type: DataType
    question: Translated
    length: int | None = None
    digits: int | None = None
    unit: str = ""
    code_list: str = ""
    mandatory: bool = False
    method: str = ""
    condition: str = ""
    limits: tuple[LimitCheck, ...] = ()
    checks: tuple[ExpressionCheck, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ItemGroupDef:
    """Items that are stored together; a table if it repeats."""

    oid: str
    name: str
    title: Translated
    items: tuple[ItemDef, ...]
    repeating: bool = False
    domain: str = ""


@dataclass(frozen=True, slots=True)
class FormDef:
    """A form; one row of a log or of a table of the study if it repeats."""

    oid: str
    name: str
    title: Translated
    groups: tuple[ItemGroupDef, ...]
    repeating: bool = False


@dataclass(frozen=True, slots=True)
class StudyEventDef:
    """A visit, the logs, or the study itself. forms: OID of each, and whether every such event has it."""

    oid: str
    name: str
    title: Translated
    kind: EventType
    forms: Mapping[str, bool]
    repeating: bool = False


@dataclass(frozen=True, slots=True)
class RuleDef:
    """A calculation or a condition in the expression language of the protocol (CEL)."""

    oid: str
    name: str
    expression: str


@dataclass(frozen=True)
class MetaDataVersion:
    """All definitions of one version. retired: OIDs of earlier versions' definitions that this one has no more."""

    oid: str
    name: str
    description: Translated
    events: tuple[StudyEventDef, ...]
    forms: Mapping[str, FormDef]
    code_lists: Mapping[str, CodeListDef]
    methods: tuple[RuleDef, ...]
    conditions: tuple[RuleDef, ...]
    retired: frozenset[str] = field(default_factory=frozenset)

    @property
    def groups(self) -> dict[str, ItemGroupDef]:
        """Groups of all forms by OID, each once."""
        return {group.oid: group for form in self.forms.values() for group in form.groups}

    @property
    def items(self) -> dict[str, ItemDef]:
        """Items of all groups by OID, each once."""
        return {item.oid: item for group in self.groups.values() for item in group.items}
