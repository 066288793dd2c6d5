"""Checks of an ODM 1.3.2 file beside its schema, which takes a value beside IsNull, 30 February and unknown OIDs."""

import re
from collections.abc import Iterator
from datetime import date, datetime, time

from lxml import etree

from tests.exports.odm.reading import LEVELS, NS

INTEGER, FLOAT = re.compile(r"-?\d+", re.ASCII), re.compile(r"-?(\d+)(?:\.(\d+))?", re.ASCII)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
MONTH, YEAR = re.compile(r"\d{4}-\d\d", re.ASCII), re.compile(r"\d{4}", re.ASCII)
OFFSET = re.compile(r".*(Z|[+-]\d\d:\d\d)", re.ASCII)


def problems(content: bytes) -> list[str]:
    """Return what is wrong with a file."""
    root = etree.fromstring(content)
    return list(File(root).problems())


class File:
    """A file with its definitions by OID."""

    def __init__(self, root: etree._Element) -> None:
        self.root = root
        self.versions = {each.get("OID"): Version(each) for each in root.iter(f"{NS}MetaDataVersion")}
        self.units = {each.get("OID") for each in root.iter(f"{NS}MeasurementUnit")}
        admin = root.find(f"{NS}AdminData")
        assert admin is not None
        self.admin = {each.get("OID") for each in admin}

    def problems(self) -> Iterator[str]:
        for version in self.versions.values():
            yield from version.problems()
        for tag, name in (("UserRef", "UserOID"), ("LocationRef", "LocationOID"), ("SignatureRef", "SignatureOID"),
                          ("SiteRef", "LocationOID")):  # fmt: skip
            for each in self.root.iter(f"{NS}{tag}"):
                if each.get(name) not in self.admin:
                    yield f"{tag} {each.get(name)} is not defined"
        for each in self.root.iter(f"{NS}MeasurementUnitRef"):
            if each.get("MeasurementUnitOID") not in self.units:
                yield f"unit {each.get('MeasurementUnitOID')} is not defined"
        snapshot = self.root.get("FileType") == "Snapshot"
        for data in self.root.iter(f"{NS}ClinicalData"):
            version = self.versions[data.get("MetaDataVersionOID")]
            for subject in data.findall(f"{NS}SubjectData"):
                for event in subject.findall(f"{NS}StudyEventData"):
                    yield from version.event(event)
                if snapshot:
                    yield from _twice(subject, 0)
        stamps = [*self.root.iter(f"{NS}DateTimeStamp")]
        yield from (f"{each.text} has no offset" for each in stamps if not OFFSET.fullmatch(each.text or ""))


def _twice(element: etree._Element, level: int) -> Iterator[str]:
    """Yield a problem for each part of a snapshot that stands twice in the same element."""
    if level + 1 == len(LEVELS):
        return
    tag, oid, key = LEVELS[level + 1]
    seen = set()
    for child in element.findall(f"{NS}{tag}"):
        name = child.get(oid), child.get(key) if key else None
        if name in seen:
            yield f"{tag} {name} stands twice"
        seen.add(name)
        yield from _twice(child, level + 1)


class Version:
    """One MetaDataVersion."""

    def __init__(self, node: etree._Element) -> None:
        self.node = node
        self.by_oid = {each.get("OID"): each for each in node if each.get("OID")}
        self.refs = {
            oid: [
                ref.get(name)
                for ref in each
                for name in ("FormOID", "ItemGroupOID", "ItemOID")
                if ref.get(name)
            ]
            for oid, each in self.by_oid.items()
        }
        self.codes = {
            each.get("OID"): {item.get("CodedValue") for item in each.findall(f"{NS}CodeListItem")}
            for each in node.findall(f"{NS}CodeList")
        }

    def problems(self) -> Iterator[str]:
        names = ("StudyEventOID", "FormOID", "ItemGroupOID", "ItemOID", "CodeListOID", "MethodOID",
                 "CollectionExceptionConditionOID")  # fmt: skip
        for each in self.node.iter():
            for name in names:
                if each.get(name) and each.get(name) not in self.by_oid:
                    yield f"{name} {each.get(name)} is not defined in {self.node.get('OID')}"
        for item in self.node.findall(f"{NS}ItemDef"):
            kind = item.get("DataType")
            if (kind in ("text", "integer", "float")) != (item.get("Length") is not None):
                yield f"{item.get('OID')} of type {kind} has the length {item.get('Length')}"
            if (kind == "float") != (item.get("SignificantDigits") is not None):
                yield f"{item.get('OID')} of type {kind} has the digits {item.get('SignificantDigits')}"

    def event(self, event: etree._Element) -> Iterator[str]:
        oid = event.get("StudyEventOID")
        if oid not in self.by_oid:
            yield f"event {oid} is not defined in {self.node.get('OID')}"
            return
        yield from self._key(event, oid, "StudyEventRepeatKey")
        for form in event.findall(f"{NS}FormData"):
            if form.get("FormOID") not in self.refs[oid]:
                yield f"form {form.get('FormOID')} is not part of {oid} in {self.node.get('OID')}"
                continue
            yield from self._key(form, form.get("FormOID"), "FormRepeatKey")
            for group in form.findall(f"{NS}ItemGroupData"):
                yield from self._group(form, group)

    def _group(self, form: etree._Element, group: etree._Element) -> Iterator[str]:
        oid = group.get("ItemGroupOID")
        if oid not in self.refs[form.get("FormOID")]:
            yield f"group {oid} is not part of {form.get('FormOID')}"
            return
        yield from self._key(group, oid, "ItemGroupRepeatKey")
        for item in group.findall(f"{NS}ItemData"):
            if item.get("ItemOID") not in self.refs[oid]:
                yield f"item {item.get('ItemOID')} is not part of {oid}"
            else:
                yield from (f"{item.get('ItemOID')}: {wrong}" for wrong in self._item(item))

    def _key(self, element: etree._Element, oid: str | None, name: str) -> Iterator[str]:
        repeating = self.by_oid[oid].get("Repeating") == "Yes"
        if repeating != (element.get(name) is not None):
            yield f"{oid} has the key {element.get(name)}"

    def _item(self, item: etree._Element) -> Iterator[str]:
        value, null, kind = item.get("Value"), item.get("IsNull"), item.get("TransactionType")
        if kind in ("Context", "Remove"):
            if value is not None or null is not None:
                yield f"a value in a transaction {kind}"
            return
        if (value is None) == (null is None):
            yield "either a value or IsNull"
        if value is not None:
            yield from self._value(self.by_oid[item.get("ItemOID")], value)
        for flag in item.iter(f"{NS}FlagValue", f"{NS}FlagType"):
            if flag.text not in self.codes[flag.get("CodeListOID")]:
                yield f"{flag.text} is no code of {flag.get('CodeListOID')}"

    def _value(self, definition: etree._Element, value: str) -> Iterator[str]:
        kind, length = definition.get("DataType", ""), int(definition.get("Length") or 0)
        if not READERS[kind](value):
            yield f"{value!r} is no {kind}"
            return
        if kind == "text" and len(value) > length:
            yield f"{len(value)} characters, longer than {length}"
        if kind == "float":
            whole, decimals = FLOAT.fullmatch(value).groups("")  # type: ignore[union-attr]
            digits = int(definition.get("SignificantDigits") or 0)
            if len(decimals) > digits or len(whole) + len(decimals) > length:
                yield f"{value} has more digits than {length}.{digits}"
        listed = definition.find(f"{NS}CodeListRef")
        if listed is not None and value not in self.codes[listed.get("CodeListOID")]:
            yield f"{value} is no code of {listed.get('CodeListOID')}"


def _day(value: str) -> bool:
    try:
        return bool(DAY.fullmatch(value) and date.fromisoformat(value))
    except ValueError:
        return False


def _month(value: str) -> bool:
    return bool(YEAR.fullmatch(value)) or bool(MONTH.fullmatch(value) and _day(f"{value}-01"))


def _moment(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None and "T" in value
    except ValueError:
        return False


def _clock(value: str) -> bool:
    try:
        return bool(time.fromisoformat(value) or True)
    except ValueError:
        return False


READERS = {
    "text": bool,
    "integer": lambda value: bool(INTEGER.fullmatch(value)),
    "float": lambda value: bool(FLOAT.fullmatch(value)),
    "boolean": lambda value: value in ("true", "false"),
    "date": _day,
    "datetime": _moment,
    "partialDate": lambda value: _day(value) or _month(value),
    "partialTime": _clock,
    "partialDatetime": lambda value: _day(value) or _month(value) or _moment(value),
}
