"""Rows besides captured forms in ODM: events, infusions, consents, decisions, visits, and what else is of a patient.

Each table of an export whose rows belong to patients is a form that repeats; its columns are the items. So ODM shows
the same columns as the tables, to the same readers, and a later table is in it by itself. Queries are annotations
instead. A column is read from the row itself or over its foreign keys, so that a row of the history gives the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import override

from audit.models import Signature
from audit.stored_text import StoredText
from audit.trail import tracked_columns, trail_of
from exports.odm import definitions, oids
from exports.odm.content import Content, Datum
from exports.odm.definitions import CodeListDef, CodeListItem, DataType
from exports.tables.cells import cell
from exports.tables.columns import TableColumn, col, field_at, several
from exports.tables.study import querysets
from exports.tables.study_columns import COLUMNS, TITLES
from patients.models import EligibilityDecision, Patient, Query, QueryMessage
from protocol.values.parsing import MOST_CHARACTERS
from trials.models import Trial

Related = Callable[[type[models.Model], str, Any], Any]
"""Returns the value at a path of the row of a model with a key, None without a key."""
INTEGER_LENGTH, DECIMAL_LENGTH, DECIMALS, LONGEST_CODE = 18, 36, 18, 200
ANNOTATED = (Query, QueryMessage)
SUBJECT = "patient"
# Read with what the database adds to each row, which no history holds: ODM has criteria and signatures as `FURTHER`.
READ_TOGETHER = frozenset({"criteria", "signatures", "verification"})


def _ids(criteria: Any) -> list[str]:
    return [str(each["id"]) for each in criteria]


def _kinds(criteria: Any) -> list[str]:
    return [str(each["kind"]) for each in criteria]


def _allows(criteria: Any) -> list[str]:
    return [{True: "Y", False: "N"}.get(each["allows"], "") for each in criteria]


def _deferred(criteria: Any) -> list[str]:
    return [str(each.get("deferred_until") or "") for each in criteria]


# Tables that ODM has besides those of an export.
FURTHER: dict[str, tuple[str, type[models.Model], tuple[TableColumn, ...]]] = {
    "eligibility_criteria": (
        "Results of the criteria",
        EligibilityDecision,
        (
            several("criterion", "Criterion", _ids, "criteria"),
            several("kind", "Inclusion or exclusion", _kinds, "criteria"),
            several("allows", "Allows inclusion (Y/N); empty if undetermined", _allows, "criteria"),
            several("deferred_until", "Decided at the latest on", _deferred, "criteria"),
        ),
    ),
    "signatures": (
        "Signatures",
        Signature,
        (
            col("about", "Kind of row that was signed", "target_type"),
            col("about_row", "Key of the row", "target_id"),
            col("meaning", "Meaning"),
            col("signer", "User name", "signer_name"),
            col("printed_name", "Printed name"),
            col("role", "Role at that time"),
            col("signed_at", "Signed at (UTC)"),
            col("zone", "Time zone of the site"),
            col("statement", "Statement as it was shown"),
            col("language", "Language of the statement"),
            col("content_sha256", "SHA-256 of the content", "content_hash"),
            col("signature_sha256", "SHA-256 of the signature", "manifest_hash"),
            col("invalidated_at", "Invalidated at (UTC)"),
            col("invalidated_by", "Invalidated by"),
            col("invalidated_reason", "Invalidated because"),
        ),
    ),
}


@dataclass(frozen=True)
class FactColumn:
    """One column of a table: its ODM item, and how its value is read from a row."""

    item: definitions.ItemDef
    read: Callable[[Mapping[str, Any], Related], Any]
    paths: tuple[tuple[type[models.Model], str, str], ...] = ()
    """(model, path in it, column with the key) of what is read over foreign keys."""


@dataclass(frozen=True)
class FactTable:
    """The columns of one table; `several`: a stored row gives a list for each column."""

    name: str
    title: str
    columns: tuple[FactColumn, ...]
    several: bool

    @property
    def definition(self) -> definitions.ItemGroupDef:
        """Return its definition as a group of items."""
        items = tuple(column.item for column in self.columns)
        oid = oids.fact_group(self.name)
        return definitions.ItemGroupDef(oid, self.name, {"en": self.title}, items, repeating=self.several)

    def content(self, row: Mapping[str, Any], related: Related) -> Content:
        """Return the data of a row."""
        oid = oids.fact_group(self.name)
        if not self.several:
            data = {
                column.item.oid: Datum(text)
                for column in self.columns
                if (text := as_text(column.read(row, related)))
            }
            return {(oid, ""): data} if data else {}
        lists = [column.read(row, related) or [] for column in self.columns]
        found: Content = {}
        for values in zip(*lists, strict=True):
            texts = [as_text(value) for value in values]
            data = {
                column.item.oid: Datum(text) for column, text in zip(self.columns, texts, strict=True) if text
            }
            found[oid, texts[0]] = data
        return found


@dataclass(frozen=True)
class FactForm:
    """A model whose rows are forms: the tables made of it. number: whether rows have a number in each patient."""

    model: type[models.Model]
    tables: tuple[FactTable, ...]
    code_lists: tuple[CodeListDef, ...]
    number: bool

    @property
    def oid(self) -> str:
        """Return the OID of the form."""
        return oids.fact_form(self.tables[0].name)

    @property
    def repeating(self) -> bool:
        """Return whether a patient may have several rows; a visit is one event each."""
        return self.model is not Patient and self.tables[0].name != "visits"

    @property
    def definition(self) -> definitions.FormDef:
        """Return its definition as a form."""
        groups = tuple(table.definition for table in self.tables)
        title = self.tables[0].title
        return definitions.FormDef(self.oid, self.tables[0].name, {"en": title}, groups, self.repeating)

    @property
    def paths(self) -> set[tuple[type[models.Model], str, str]]:
        """Return the paths that are read over foreign keys."""
        return {path for table in self.tables for column in table.columns for path in column.paths}

    def key(self, row: Mapping[str, Any]) -> str:
        """Return the key of a row among the forms of the patient: its number, or its key in the trail."""
        return str(row["number"] if self.number else row["id"]) if self.repeating else ""

    def content(self, row: Mapping[str, Any], related: Related) -> Content:
        """Return the data of a row."""
        found: Content = {}
        for table in self.tables:
            found |= table.content(row, related)
        return found


@dataclass
class _Found:
    """Tables by model, while they are collected."""

    tables: dict[type[models.Model], list[FactTable]] = field(default_factory=dict)
    lists: dict[type[models.Model], list[CodeListDef]] = field(default_factory=dict)

    def add(self, name: str, title: str, model: type[models.Model], columns: tuple[TableColumn, ...]) -> None:
        names = {column.name for column in columns}
        made = [_column(name, model, column, names, self.lists.setdefault(model, [])) for column in columns]
        kept = [each for each in made if each is not None]
        parts = [(each, column) for each, column in zip(made, columns, strict=True) if each is not None]
        if any(column.several for _each, column in parts):
            kept = [each for each, column in parts if column.several]
            self.tables.setdefault(model, []).append(FactTable(name, title, tuple(kept), several=True))
        else:
            self.tables.setdefault(model, []).insert(0, FactTable(name, title, tuple(kept), several=False))


def fact_forms(trial: Trial, *, sees_treatment: bool) -> list[FactForm]:
    """Return the forms of the rows besides captured forms, in the order of the tables. No query."""
    found = _Found()
    for name, rows in querysets(trial, sees_treatment=sees_treatment).items():
        model = rows.model
        if trail_of(model).patient and model not in ANNOTATED and name not in READ_TOGETHER:
            found.add(name, TITLES[name], model, COLUMNS[name])
    for name, (title, model, columns) in FURTHER.items():
        found.add(name, title, model, columns)
    return [
        FactForm(model, tuple(tables), tuple(found.lists[model]), _numbered(model))
        for model, tables in found.tables.items()
    ]


def _numbered(model: type[models.Model]) -> bool:
    """Return whether the numbers of the rows are unique in each patient."""
    constraints = [each for each in model._meta.constraints if isinstance(each, models.UniqueConstraint)]
    return any(set(each.fields) == {"patient", "number"} and not each.condition for each in constraints)


def as_text(value: Any) -> str:
    """Return a value as ODM has it; empty for None."""
    if value is None:
        return ""
    if value is True or value is False:
        return "true" if value else "false"
    return value.in_language("en") if isinstance(value, StoredText) else str(cell(value))


def _column(
    table: str, model: type[models.Model], column: TableColumn, names: set[str], lists: list[CodeListDef]
) -> FactColumn | None:
    """Return a column, or None: the patient is the subject, and an instant has its offset in the moment itself."""
    base, _dash, part = column.name.rpartition("__")
    if column.name == SUBJECT or (base in names and part in ("utc", "precision")):
        return None
    tracked = {each.attname for each in tracked_columns(model)}
    readers, paths = [], []
    for source in column.read:
        made = _reader(model, source, tracked)
        if made is None:
            return None
        readers.append(made[0])
        paths += made[1]
    oid = oids.fact_item(table, column.name)
    if column.computed is None:
        item = _of_field(oid, column, field_at(model, column.source), lists)
        return FactColumn(item, readers[0], tuple(paths))
    if f"{column.name}__utc" in names:
        item = definitions.ItemDef(oid, column.name, "partialDatetime", {"en": column.label})
        return FactColumn(item, _moment(readers[0]), tuple(paths))
    function = column.computed
    data_type: DataType = "integer" if column.kind == "integer" else "text"
    length = INTEGER_LENGTH if column.kind == "integer" else MOST_CHARACTERS
    item = definitions.ItemDef(oid, column.name, data_type, {"en": column.label}, length)
    return FactColumn(
        item, lambda row, related: function(*(read(row, related) for read in readers)), tuple(paths)
    )


def _reader(model: type[models.Model], source: str, tracked: set[str]) -> Any:
    """Return what reads a source, and its paths over foreign keys; None if the history does not hold it."""
    name, _dash, rest = source.partition("__")
    found: Any = model._meta.get_field(name)
    attname = getattr(found, "attname", "")
    if attname not in tracked:
        # A relation from the other side, whose row is a form of its own, or a column that the database computes.
        return None
    if not rest:
        return (lambda row, related: row[attname]), []
    over = found.related_model
    return (lambda row, related: related(over, rest, row[attname])), [(over, rest, attname)]


def _moment(read: Callable[..., Any]) -> Callable[..., str]:
    """Return a reader of a moment without the name of its zone, which is a column of its own."""
    return lambda row, related: (read(row, related) or "").partition("[")[0]


def _of_field(
    oid: str, column: TableColumn, of: "models.Field[Any, Any]", lists: list[CodeListDef]
) -> definitions.ItemDef:
    data_type, length, digits = _typed(of)
    named = ""
    if of.choices and data_type == "text":
        named = oids.code_list_of(oid)
        codes = tuple(
            CodeListItem(str(code), _translated(words)) for code, words in of.flatchoices if code != ""
        )
        lists.append(CodeListDef(named, column.name, codes))
    return definitions.ItemDef(
        oid, column.name, data_type, {"en": column.label}, length, digits, code_list=named
    )


def _translated(words: Any) -> dict[str, str]:
    found = {}
    for language, _name in settings.LANGUAGES:
        with override(language):
            found[language] = str(words)
    return found


def _typed(of: "models.Field[Any, Any]") -> tuple[DataType, int | None, int | None]:
    """Return data type, length and decimals of a column."""
    if isinstance(of, models.BooleanField):
        return "boolean", None, None
    if isinstance(of, models.DateTimeField):
        return "datetime", None, None
    if isinstance(of, models.DateField):
        return "date", None, None
    if isinstance(of, models.DecimalField):
        return "float", of.max_digits, of.decimal_places
    if isinstance(of, models.IntegerField | models.AutoField | models.ForeignKey):
        return "integer", INTEGER_LENGTH, None
    return "text", of.max_length or MOST_CHARACTERS, None
