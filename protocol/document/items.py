"""Building blocks of a protocol file: localised text, items, edit checks and forms.

All are frozen values read from TOML, without Django. References between them (units, items, expressions) are
checked in ``protocol.checking.mistakes``.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    StringConstraints,
    model_validator,
)

from protocol.document.part import Part as Part
from protocol.document.tabulation import FormTabulation, ItemTabulation, TabulationTarget, Term, target
from protocol.document.written_values import (
    Cel,
    Code,
    ExactNumber,
    ItemPath,
    Language,
    Line,
    Name,
    Number,
    Paragraph,
    ShortCode,
    Truth,
    Whole,
)

ItemType = Literal[
    "integer", "decimal", "text", "choice", "choices", "yes_no",
    "date", "partial_date", "time", "datetime", "rows", "file",
]  # fmt: skip
NUMERIC_TYPES: frozenset[str] = frozenset({"integer", "decimal"})
MOMENT_TYPES: frozenset[str] = frozenset({"date", "partial_date", "datetime"})
CHOICE_TYPES: frozenset[str] = frozenset({"choice", "choices"})
FileKind = Literal["pdf", "jpeg", "png"]
MissingCode = Literal["ND", "UNK", "NA", "ASKU"]
DEFAULT_MISSING: tuple[MissingCode, ...] = ("ND", "UNK", "NA")
DEFAULT_CALCULATED_DECIMALS = 2
LABORATORY_DOMAINS = frozenset({"LB", "CP"})


class Text(RootModel[dict[Language, Paragraph]]):
    """Text in several languages, ``{ en = "Sex", fr = "Sexe" }``. English is required."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="after")
    def _has_english(self) -> Self:
        if "en" not in self.root:
            raise ValueError("the English text (en) is missing")
        return self

    def in_language(self, language: str) -> str:
        """Return the text in ``language`` ("fr", "fr-be"), or in English if it is not translated."""
        return self.root.get(language) or self.root.get(language[:2]) or self.root["en"]

    def __str__(self) -> str:
        return self.root["en"]

    def __hash__(self) -> int:
        return hash(tuple(sorted(self.root.items())))


def _as_english(value: object) -> object:
    return {"en": value} if isinstance(value, str) else value


def _as_terms(value: object) -> object:
    return [value] if isinstance(value, str) else value


Prose = Annotated[Text, BeforeValidator(_as_english)]


class Limits(RootModel[tuple[Number, Number]]):
    """A closed range ``[lowest, highest]`` in the item's unit."""

    model_config = ConfigDict(frozen=True)

    @property
    def lowest(self) -> Decimal:
        return self.root[0]

    @property
    def highest(self) -> Decimal:
        return self.root[1]

    def contains(self, value: Decimal) -> bool:
        lowest, highest = self.root
        return lowest <= value <= highest

    def __iter__(self) -> Iterator[Decimal]:  # type: ignore[override]
        return iter(self.root)


class Choice(Part):
    """One option of a choice item: the stored code and its label. ``sdtm``: the controlled term it stands for."""

    code: Code
    label: Text
    sdtm: Term | None = None


class AlternativeUnit(Part):
    """Another unit in which a value may be entered: value in the item's unit = entered × factor + offset."""

    unit: Line
    factor: ExactNumber
    offset: ExactNumber = Decimal(0)


class Item(Part):
    """One item of a form, or one column of its repeating rows."""

    name: Name
    type: ItemType
    label: Text
    help: Text | None = None
    unit: Line | None = None
    units: tuple[AlternativeUnit, ...] = ()
    hard: Limits | None = None
    soft: Limits | None = None
    typical: Limits | None = None
    decimals: Annotated[Whole, Field(ge=0, le=9)] | None = None
    max_length: Annotated[Whole, Field(ge=1, le=10_000)] | None = None
    choices: tuple[Choice, ...] = ()
    required: Truth = True
    required_when: Cel | None = None
    shown_when: Cel | None = None
    missing: tuple[MissingCode, ...] = DEFAULT_MISSING
    calculate: Cel | None = None
    cdisc: Line | None = None
    sdtm: ItemTabulation | None = None
    loinc: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,7}-[0-9]$")] | None = None
    source: Line | None = None
    reference: Truth | None = None
    comparators: Truth | None = None
    ctcae: Annotated[tuple[Line, ...], BeforeValidator(_as_terms)] = ()
    known_from: ItemPath | None = None
    kinds: Annotated[tuple[FileKind, ...], Field(min_length=1)] = ("pdf", "jpeg", "png")
    max_mb: Annotated[Whole, Field(ge=1, le=25)] = 10
    columns: tuple["Item", ...] = ()
    max_rows: Annotated[Whole, Field(ge=1, le=500)] | None = None
    masked: Truth = False

    @property
    def is_numeric(self) -> bool:
        return self.type in NUMERIC_TYPES

    @cached_property
    def is_calculated(self) -> bool:
        return self.calculate is not None

    @property
    def decimal_places(self) -> int | None:
        """Number of decimals of a stored value; None if it keeps as many as were entered."""
        if self.type == "integer":
            return 0
        if self.decimals is None and self.is_calculated and self.type == "decimal":
            return DEFAULT_CALCULATED_DECIMALS
        return self.decimals

    def decimals_in(self, unit: str) -> int | None:
        """Return the most decimals of a value entered in `unit`, which say as much as those of the item's unit."""
        if self.decimals is None or unit in ("", self.unit):
            return self.decimals
        factor = self.alternative(unit).factor
        return max(0, self.decimals + _digits_gained(factor))

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """Codes that may be stored, in display order; Y and N for a yes/no item."""
        return ("Y", "N") if self.type == "yes_no" else tuple(choice.code for choice in self.choices)

    @cached_property
    def _choice_by_code(self) -> Mapping[str, Choice]:
        return {choice.code: choice for choice in self.choices}

    def choice(self, code: str) -> Choice:
        """Return the choice with ``code``. Raises KeyError if the item has none."""
        return self._choice_by_code[code]

    @cached_property
    def _column_by_name(self) -> Mapping[str, "Item"]:
        return {column.name: column for column in self.columns}

    def column(self, name: str) -> "Item":
        """Return the column ``name`` of a rows item. Raises KeyError if there is none."""
        return self._column_by_name[name]

    def alternative(self, unit: str) -> AlternativeUnit:
        """Return the alternative unit ``unit``. Raises KeyError if values may not be entered in it."""
        for alternative in self.units:
            if alternative.unit == unit:
                return alternative
        raise KeyError(unit)


def _digits_gained(factor: Decimal) -> int:
    """Return the logarithm of a factor to the base of ten, rounded up: 2 for 88.42, -2 for 0.01."""
    place = factor.adjusted()
    return place if factor == Decimal(1).scaleb(place) else place + 1


class ItemGroup(Part):
    """Items shown under one heading. ``all_no``: one button answers its unanswered yes/no items with No."""

    title: Text | None = None
    all_no: Truth = False
    items: Annotated[tuple[Item, ...], Field(min_length=1)]


class Check(Part):
    """An edit check. Fires if ``violated`` is true, never if it is undetermined."""

    id: ShortCode
    on: Name
    severity: Literal["hard", "soft", "notice"]
    violated: Cel
    message: Text


class Form(Part):
    """A form (CRF). ``code`` is its key in the file.

    ``samples``: its values come from samples of the patient, so it needs consent for samples.
    ``procedure``: what it records is done for the trial only, so it comes after the first consent.
    """

    code: Name = ""
    title: Text
    groups_in_file: tuple[ItemGroup, ...] = Field(default=(), alias="groups")
    items_in_file: tuple[Item, ...] = Field(default=(), alias="items")
    checks: tuple[Check, ...] = ()
    cdisc_domain: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    sdtm: FormTabulation | None = None
    samples: Truth = False
    procedure: Truth = False

    @model_validator(mode="after")
    def _has_items_once(self) -> Self:
        if bool(self.groups_in_file) == bool(self.items_in_file):
            raise ValueError("give either items or groups of items")
        return self

    @property
    def has_dates(self) -> bool:
        """True if the form asks a date or a time, in a column of a table too."""
        return bool(self.dated_items)

    @cached_property
    def dated_items(self) -> tuple[Item, ...]:
        """The items that are dates or times, and the tables with such a column."""
        return tuple(
            item
            for item in self.items
            if any(each.type in MOMENT_TYPES for each in (item.columns or (item,)))
        )

    @cached_property
    def _dated(self) -> frozenset[str]:
        return frozenset(item.name for item in self.dated_items)

    def answers_dates(self, values: Mapping[str, Any]) -> bool:
        """Return True if one of the dates, times or tables with such a column is answered."""
        return not self._dated.isdisjoint(values)

    @cached_property
    def groups(self) -> tuple[ItemGroup, ...]:
        """Item groups in display order; a form without groups has one group without title.

        Masked items are left out: nothing that reads a form, its record or its columns knows them.
        """
        groups = (self._asked(group) for group in self._written_groups)
        return tuple(group for group in groups if group.items)

    @property
    def _written_groups(self) -> tuple[ItemGroup, ...]:
        return self.groups_in_file or (ItemGroup(items=self.items_in_file),)

    def _asked(self, group: ItemGroup) -> ItemGroup:
        asked = tuple(self._with_comparators(item) for item in group.items if not item.masked)
        return group.model_copy(update={"items": asked})

    @cached_property
    def masked_items(self) -> tuple[Item, ...]:
        """Items whose results reveal the arm, in the order of the file (BLD-07). They are in no record."""
        written = (item for group in self._written_groups for item in group.items)
        return tuple(self._with_comparators(item) for item in written if item.masked)

    def _with_comparators(self, item: Item) -> Item:
        """Return the item; a number that a laboratory measures takes results beyond a limit if the file is silent."""
        if item.comparators is not None or item.is_calculated or not self.is_laboratory(item):
            return item
        return item.model_copy(update={"comparators": True})

    def is_laboratory(self, item: Item) -> bool:
        """Return True if a laboratory measures an item: a number of a laboratory form, or as the file states."""
        measured = self.cdisc_domain in LABORATORY_DOMAINS if item.reference is None else item.reference
        return item.is_numeric and measured

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """All items in display order."""
        return tuple(item for group in self.groups for item in group.items)

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """Names of the items with repeating rows."""
        return tuple(item.name for item in self.items if item.type == "rows")

    @cached_property
    def takes_files(self) -> bool:
        """Whether files are attached to the form."""
        return any(item.type == "file" for item in self.items)

    @cached_property
    def _item_by_name(self) -> Mapping[str, Item]:
        return {item.name: item for item in self.items}

    def target(self, item: Item) -> TabulationTarget:
        """Return where the answer of an item or column goes in the tabulation (SDTM)."""
        return target(self.cdisc_domain, item.cdisc, item.sdtm)

    def item(self, name: str) -> Item:
        """Return the item ``name``. Raises KeyError if the form has none."""
        return self._item_by_name[name]

    def __contains__(self, name: Any) -> bool:
        return name in self._item_by_name

    @cached_property
    def _checks_by_item(self) -> Mapping[str, tuple[Check, ...]]:
        names = {check.on for check in self.checks}
        return {name: tuple(check for check in self.checks if check.on == name) for name in names}

    def checks_on(self, name: str) -> tuple[Check, ...]:
        """Return the edit checks attached to the item ``name``."""
        return self._checks_by_item.get(name, ())


def path(item: str, row: int | str | None = None, column: str = "") -> str:
    """Return the path of an item, or of a cell of repeating rows.

    With a row number it is the name of the input, with the id of a row the path of a stored cell.
    """
    return item if row is None else f"{item}-{row}-{column}"
