"""Captured forms in ODM: the items that each item of the protocol becomes, and the data of a record.

An item is one ODM item, plus further ones where its value has more parts: the limit of a result beyond it, what was
typed in another unit, the time zone of a moment, the facts of an attached file, and one for each code of a multiple
choice. The columns of a table are items of a group that repeats, whose key is the id of the row.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from exports.odm import definitions, oids
from exports.odm.content import Content, Datum
from exports.odm.definitions import CodeListDef, CodeListItem, Translated
from exports.odm.form_versions import FormVersion
from protocol.checking.dictionary import MISSING_PARTS, file_path, missing_in_files
from protocol.document.items import Form, Item
from protocol.values.parsing import MOST_CHARACTERS
from protocol.values.row_ids import cells_of, row_id, rows_of
from protocol.values.written_numbers import MOST_DIGITS

ROW_NUMBER = "ROW"
FILE_NAME_LENGTH, ZONE_LENGTH, PATH_LENGTH, HASH_LENGTH = 120, 60, 200, 64
MISSING_PART, REASON_PART = MISSING_PARTS


def form_of(version: FormVersion, *, repeating: bool) -> definitions.FormDef:
    """Return the definition of a form: its items, its tables, and the facts that every form has."""
    form, code = version.form, version.form.code
    own = tuple(part for item in version.items.values() for part in _items(version, item))
    groups = [definitions.ItemGroupDef(oids.group(code), code, _texts(form.title), own, domain=_domain(form))]
    groups += [_table(version, item) for item in version.items.values() if item.type == "rows"]
    return definitions.FormDef(oids.form(code), code, _texts(form.title), tuple(groups), repeating)


def code_lists(version: FormVersion) -> Iterator[CodeListDef]:
    """Yield the code lists of a form's items."""
    for path, item in _all_items(version):
        if item.type == "choice":
            oid = oids.item(version.form.code, *path)
            codes = tuple(CodeListItem(choice.code, _texts(choice.label)) for choice in item.choices)
            yield CodeListDef(oids.code_list_of(oid), ".".join((version.form.code, *path)), codes)


def rules(version: FormVersion) -> Iterator[tuple[str, definitions.RuleDef]]:
    """Yield the calculations ("method") and the conditions under which an item is not asked ("condition")."""
    for path, item in _all_items(version):
        oid, name = oids.item(version.form.code, *path), ".".join((version.form.code, *path))
        if item.calculate:
            yield "method", definitions.RuleDef(oids.method(oid), name, item.calculate)
        if item.shown_when:
            yield "condition", definitions.RuleDef(oids.condition(oid), name, f"!({item.shown_when})")


def units(version: FormVersion) -> Iterator[str]:
    """Yield the units of a form's items, those in which a value may be typed included."""
    for _path, item in _all_items(version):
        yield from filter(None, (item.unit, *(other.unit for other in item.units)))


def content_of(version: FormVersion, values: Mapping[str, Any]) -> Content:
    """Return the data of a record. A blank value is left out."""
    code = version.form.code
    content: Content = {}
    own: dict[str, Datum] = {}
    for name, item in version.items.items():
        if (value := values.get(name)) is None:
            continue
        own |= _data(item, oids.item(code, name), value)
        if item.type == "rows":
            for number, row in enumerate(rows_of(value), start=1):
                content[oids.group(code, name), row_id(row) or str(number)] = _row(code, item, number, row)
    return ({(oids.group(code), ""): own} if own else {}) | content


def first_oid(version: FormVersion | None, code: str, name: str, column: str = "") -> str:
    """Return the OID of the item to which remarks on an item belong: of its first code if it is a multiple choice."""
    oid = oids.item(code, name, column) if column else oids.item(code, name)
    item = version.items.get(name) if version else None
    if item is not None and column:
        item = next((each for each in item.columns if each.name == column), None)
    return f"{oid}.{item.codes[0]}" if item is not None and item.type == "choices" else oid


def _row(code: str, table: Item, number: int, row: Mapping[str, Any]) -> dict[str, Datum]:
    cells, found = cells_of(row), {oids.item(code, table.name, ROW_NUMBER): Datum(str(number))}
    for column in table.columns:
        if (value := cells.get(column.name)) is not None:
            found |= _data(column, oids.item(code, table.name, column.name), value)
    return found


def _data(item: Item, oid: str, value: Any) -> dict[str, Datum]:
    """Return the data of one value by the OID of its parts."""
    if isinstance(value, Mapping) and MISSING_PART in value:
        code = missing_in_files(value[MISSING_PART])
        named = f"{oid}.{item.codes[0]}" if item.type == "choices" else oid
        return {named: Datum(missing=code, reason=value.get(REASON_PART, ""))}
    if item.type == "rows":
        return {oid: Datum(str(len(rows_of(value))))}
    if item.type == "choices":
        return {f"{oid}.{each}": Datum("true" if each in value else "false") for each in item.codes}
    if item.type == "file" and isinstance(value, Mapping):
        return _file(oid, value)
    if isinstance(value, Mapping):
        return _number(item, oid, value)
    if item.type == "datetime" and "[" in value:
        local, _bracket, zone = value.removesuffix("]").partition("[")
        return {oid: Datum(local), f"{oid}.ZONE": Datum(zone)}
    return {oid: Datum(str(value), (item.unit or "") if item.is_numeric else "")}


def _number(item: Item, oid: str, value: Mapping[str, Any]) -> dict[str, Datum]:
    unit = item.unit or ""
    parts = {"": ("value", unit), ".COMPARATOR": ("comparator", ""), ".LIMIT": ("limit", unit),
             ".ENTERED": ("entered", ""), ".ENTERED_UNIT": ("unit", "")}  # fmt: skip
    return {f"{oid}{end}": Datum(value[part], of) for end, (part, of) in parts.items() if part in value}


def _file(oid: str, value: Mapping[str, Any]) -> dict[str, Datum]:
    found = {oid: Datum(value["name"]), f"{oid}.BYTES": Datum(str(value["size"]))}
    if "file" in value:
        found |= {f"{oid}.PATH": Datum(file_path(value)), f"{oid}.SHA256": Datum(value["sha256"])}
    return found


def _all_items(version: FormVersion) -> Iterator[tuple[tuple[str, ...], Item]]:
    """Yield path and item of every item and of every column of a table."""
    for name, item in version.items.items():
        yield (name,), item
        yield from (((name, column.name), column) for column in item.columns)


def _table(version: FormVersion, item: Item) -> definitions.ItemGroupDef:
    code = version.form.code
    number = oids.item(code, item.name, ROW_NUMBER)
    first = _plain(number, f"{item.name}.row", "Number of the row", "integer", MOST_DIGITS)
    columns = tuple(part for column in item.columns for part in _items(version, column, item.name))
    oid, name = oids.group(code, item.name), f"{code}.{item.name}"
    return definitions.ItemGroupDef(oid, name, _texts(item.label), (first, *columns), repeating=True)


def _items(version: FormVersion, item: Item, table: str = "") -> Iterator[definitions.ItemDef]:
    """Yield the ODM items of an item of the protocol, that of the value first."""
    oid = oids.item(version.form.code, *filter(None, (table, item.name)))
    name = ".".join(filter(None, (table, item.name)))
    if item.type == "choices":
        for choice in item.choices:
            question = {"en": f"{item.label}: {choice.label}"} | {
                language: f"{text}: {choice.label.in_language(language)}"
                for language, text in item.label.root.items()
            }
            part = _plain(f"{oid}.{choice.code}", f"{name}.{choice.code}", "", "boolean")
            yield replace(part, question=question, condition=_condition(item, oid))
        return
    yield _value_item(version, item, oid, name, table)
    yield from _parts(item, oid, name)


def _value_item(version: FormVersion, item: Item, oid: str, name: str, table: str) -> definitions.ItemDef:
    data_type, length, digits = _typed(item)
    form = version.form
    always = item.required and not (item.required_when or item.shown_when or item.is_calculated)
    comments = [f"Required when {item.required_when}"] if item.required_when else []
    if name in version.retired:
        comments, always = ["Of an earlier version of the protocol: not asked in this one", *comments], False
    coded = {"choice": oids.code_list_of(oid), "yes_no": oids.YES_NO}
    return definitions.ItemDef(
        oid, name, data_type, _texts(item.label), length, digits, item.unit or "", coded.get(item.type, ""),
        mandatory=always, method=oids.method(oid) if item.calculate else "", condition=_condition(item, oid),
        limits=tuple(_limits(item)), checks=() if table else tuple(_checks(form, item)),
        aliases=tuple(_aliases(version, item)), comment="; ".join(comments),
    )  # fmt: skip


def _parts(item: Item, oid: str, name: str) -> Iterator[definitions.ItemDef]:
    label = item.label.in_language("en")
    if item.comparators:
        yield _plain(
            f"{oid}.COMPARATOR", f"{name}.comparator", f"{label}: comparator of the limit", "text", 2
        )
        _type, length, digits = _typed(item)
        limit = _plain(f"{oid}.LIMIT", f"{name}.limit", f"{label}: limit, if beyond it", "float", length)
        yield replace(limit, digits=digits or 0, unit=item.unit or "")
    if item.units:
        yield _plain(
            f"{oid}.ENTERED",
            f"{name}.entered",
            f"{label}: as entered in another unit",
            "text",
            MOST_DIGITS + 2,
        )
        yield _plain(f"{oid}.ENTERED_UNIT", f"{name}.entered_unit", f"{label}: that unit", "text", 40)
    if item.type == "datetime":
        yield _plain(f"{oid}.ZONE", f"{name}.zone", f"{label}: time zone", "text", ZONE_LENGTH)
    if item.type == "file":
        yield _plain(f"{oid}.BYTES", f"{name}.bytes", f"{label}: size in bytes", "integer", MOST_DIGITS)
        yield _plain(f"{oid}.PATH", f"{name}.path", f"{label}: path in the archive", "text", PATH_LENGTH)
        yield _plain(f"{oid}.SHA256", f"{name}.sha256", f"{label}: SHA-256", "text", HASH_LENGTH)


def _plain(
    oid: str, name: str, question: str, data_type: definitions.DataType, length: int | None = None
) -> definitions.ItemDef:
    return definitions.ItemDef(oid, name, data_type, {"en": question}, length)


def _typed(item: Item) -> tuple[definitions.DataType, int | None, int | None]:
    """Return data type, length and decimals of an item's value. A number has at most 18 digits before the point."""
    match item.type:
        case "integer" | "rows":
            return "integer", MOST_DIGITS, None
        case "decimal":
            digits = decimals_of(item)
            return "float", MOST_DIGITS + digits, digits
        case "choice":
            return "text", max((len(code) for code in item.codes), default=1), None
        case "yes_no":
            return "text", 1, None
        case "date":
            return "date", None, None
        case "partial_date":
            return "partialDate", None, None
        case "time":
            return "partialTime", None, None
        case "datetime":
            return "partialDatetime", None, None
        case "file":
            return "text", FILE_NAME_LENGTH, None
    return "text", item.max_length or MOST_CHARACTERS, None


def decimals_of(item: Item) -> int:
    """Return the most decimals of a stored value: a conversion is exact, so its factor may add some."""
    own = item.decimal_places
    if own is None:
        own = MOST_DIGITS
    converted = (_places(other.factor, other.offset) + _entered(item, other.unit) for other in item.units)
    return max(own, *converted) if item.units else own


def _entered(item: Item, unit: str) -> int:
    places = item.decimals_in(unit)
    return MOST_DIGITS if places is None else places


def _places(*numbers: Any) -> int:
    return max(max(0, -number.as_tuple().exponent) for number in numbers)


def _limits(item: Item) -> Iterator[definitions.LimitCheck]:
    for limits, hard in ((item.hard, True), (item.soft, False)):
        if limits is not None:
            yield definitions.LimitCheck("GE", f"{limits.lowest:f}", hard)
            yield definitions.LimitCheck("LE", f"{limits.highest:f}", hard)


def _checks(form: Form, item: Item) -> Iterator[definitions.ExpressionCheck]:
    for check in form.checks_on(item.name):
        yield definitions.ExpressionCheck(
            f"!({check.violated})", check.severity == "hard", _texts(check.message)
        )


def _aliases(version: FormVersion, item: Item) -> Iterator[tuple[str, str]]:
    if item.cdisc:
        yield "CDISC", item.cdisc
    if item.loinc:
        yield "LOINC", item.loinc
    if item.ctcae:
        yield "CTCAE", "; ".join(item.ctcae)
    if item.name in version.sections:
        yield "section", version.sections[item.name]


def _condition(item: Item, oid: str) -> str:
    return oids.condition(oid) if item.shown_when else ""


def _domain(form: Form) -> str:
    return form.cdisc_domain or ""


def _texts(text: Any) -> Translated:
    return dict(text.root)
