"""An ODM file without what differs from run to run: keys of rows, times of the trail, hashes."""

import re
from collections import defaultdict
from collections.abc import Collection
from typing import Final

from lxml import etree

from tests.exports.odm.reading import MISSING, NS

INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
ROW_ID: Final = re.compile(r"r[0-9a-f]{8}")
HASH: Final = re.compile(r"\b[0-9a-f]{64}\b")
KEYED_FORMS: Final = "FO.STUDY."
ROW_KEYS: Final = "IT.STUDY.signatures.about_row"
"""Items whose value is the key of another row."""
OWN_KEY: Final = re.compile(r"IT\.STUDY\.(\w+)\.id")
"""Items whose value is the key of their row, which is the key of their form too."""


class Order:
    """Says the first, the second of its kind for each key."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, int]] = defaultdict(dict)

    def __call__(self, kind: str, key: str | None) -> str:
        known = self._known[kind]
        return str(known.setdefault(key or "", len(known) + 1))


def numbered(content: bytes) -> bytes:
    """Return a file with one element on each line, its keys in the order in which they first stand in it."""
    root, order = etree.fromstring(content), Order()
    for element in root.iter(etree.Element):
        _without_keys(element, order)
        for name, value in element.attrib.items():
            element.set(name, _plain(str(value)))
        if element.text and element.text.strip():
            element.text = _plain(element.text)
    return _written(root)


def defined_part(content: bytes, oids: str) -> bytes:
    """Return a file with those definitions alone whose OID matches an expression as a whole."""
    root = etree.fromstring(content)
    for version in root.iter("{*}MetaDataVersion"):
        for element in [*version]:
            if not re.fullmatch(oids, element.get("OID") or ""):
                version.remove(element)
    for element in root.findall("{*}ClinicalData") + root.findall("{*}AdminData"):
        root.remove(element)
    return _written(root)


def data_part(content: bytes, forms: Collection[str]) -> bytes:
    """Return a file with the data of some forms and the people behind them, without definitions."""
    root = etree.fromstring(content)
    for element in root.findall("{*}Study"):
        root.remove(element)
    for tag in ("FormData", "StudyEventData", "SubjectData", "ClinicalData"):
        for element in [*root.iter(f"{{*}}{tag}")]:
            wanted = element.get("FormOID") in forms if tag == "FormData" else _has_data(element)
            if not wanted:
                _remove(element)
    return _written(root)


def _has_data(element: etree._Element) -> bool:
    return next(element.iter("{*}FormData", "{*}Signature"), None) is not None


def _remove(element: etree._Element) -> None:
    parent = element.getparent()
    assert parent is not None
    parent.remove(element)


def _written(root: etree._Element) -> bytes:
    etree.indent(root, " ")
    return etree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _without_keys(element: etree._Element, order: Order) -> None:
    tag = element.tag.removeprefix(NS)
    if (
        tag == "FormData"
        and element.get("FormRepeatKey")
        and element.get("FormOID", "").startswith(KEYED_FORMS)
    ):
        form = element.get("FormOID", "")
        element.set("FormRepeatKey", order(form, element.get("FormRepeatKey")))
    elif tag == "ItemGroupData" and ROW_ID.fullmatch(element.get("ItemGroupRepeatKey", "")):
        element.set("ItemGroupRepeatKey", order("row_id", element.get("ItemGroupRepeatKey")))
    elif tag == "Signature":
        element.set("ID", f"SG.{order('FO.STUDY.signatures', element.get('ID', '').removeprefix('SG.'))}")
    elif tag == "Annotation" and element.get("SeqNum") != MISSING:
        element.set("SeqNum", str(1 + int(order("query", element.get("SeqNum")))))
    elif tag == "ItemData" and element.get("ItemOID") == ROW_KEYS and element.get("Value"):
        element.set("Value", order("row", element.get("Value")))
    elif (
        tag == "ItemData" and (own := OWN_KEY.fullmatch(element.get("ItemOID", ""))) and element.get("Value")
    ):
        element.set("Value", order(f"{KEYED_FORMS}{own[1]}", element.get("Value")))
    elif tag == "SourceID":
        table, row, number, origin = (element.text or "").split("/")
        element.text = f"{table}/{order(table, row)}/{order(f'{table}/', number)}/{origin}"


def _plain(text: str) -> str:
    return HASH.sub("HASH", INSTANT.sub("INSTANT", text))
