"""The annotated forms and Define-XML say the same of the same data (P11-02)."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from lxml import etree

from exports.sdtm.define import DEF, ODM
from exports.sdtm.pages import label_of, pages
from exports.sdtm.standard.tables import SUPPLEMENT, domains
from protocol.document.tabulation import FINDINGS
from tests.support import build
from tests.support.study.tabulated import Package

pytestmark = [pytest.mark.django_db, pytest.mark.one_engine]
SPACES = {"odm": ODM, "def": DEF}
XML_TYPES = {
    "date": r"\d{4}-\d\d-\d\d",
    "partialDate": r"\d{4}(-\d\d(-\d\d)?)?",
    "partialDatetime": r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d)?)?)?",
}
# What an annotated result or occurrence stands for besides itself (docs/sdtm.md).
WITH_RESULT = ("ORRESU", "STAT", "REASND", "DTC")
WITH_OCCURRENCE = ("STAT", "REASND", "DTC", "STDTC", "ENDTC", "TERM", "TRT")
CONTINUED = re.compile(r".*[1-9]")


def items_of(package: Package) -> dict[str, etree._Element]:
    """Return every ItemDef of the metadata by its OID."""
    root = etree.fromstring(package.files["define.xml"])
    return {each.get("OID", ""): each for each in root.iter(f"{{{ODM}}}ItemDef")}


def origin_of(item: etree._Element) -> str | None:
    found = item.find("def:Origin", SPACES)
    return None if found is None else found.get("Type")


def annotated(package: Package) -> dict[str, set[str]]:
    """Return the variables that the annotated forms name, by data set."""
    found: dict[str, set[str]] = {}
    for row in package.annotations():
        words = row["annotation"].partition(" when ")[0]
        found.setdefault(row["data set"], set()).update(re.findall(r"\b[A-Z][A-Z0-9]{2,7}\b", words))
    return found


def stands_for(domain: str, named: set[str]) -> set[str]:
    """Return the variables that the annotations of a data set name or stand for."""
    parts = WITH_RESULT if domain in FINDINGS | {"BS", "IE"} else WITH_OCCURRENCE
    topics = {f"{domain}ORRES", f"{domain}OCCUR"}
    return named | ({f"{domain}{part}" for part in parts} if named & topics else set())


def test_a_page_that_is_no_form_is_annotated_with_words_of_the_export_and_of_the_standard():
    """P11-02: a column of a table, and a variable of the data set."""
    for page in pages():
        assert label_of(page.table, page.column)
        known = domains()[SUPPLEMENT if page.data_set.startswith("SUPP") else page.data_set].names
        first = page.annotation.split()[0].strip(";")
        assert first in known or page.data_set == "RELREC", page
        assert page.tells_treatment in ("", "Y")


def test_every_variable_that_was_collected_stands_in_the_annotated_forms(each):
    """P11-02: Define-XML calls a variable collected only if a form or a page asks it."""
    named, collected = annotated(each), set()
    for oid, item in items_of(each).items():
        _it, data_set, name, *value = oid.split(".")
        if not value and origin_of(item) == "Collected" and not data_set.startswith("SUPP"):
            collected.add((data_set, name))
    assert [
        found
        for found in sorted(collected)
        if found[1] not in stands_for(found[0], named.get(found[0], set()))
    ] == []
    assert len(collected) > 40


def test_every_result_names_the_items_that_are_annotated_with_it(each):
    """P11-02: value-level metadata and annotations lead to each other, for tests and for qualifiers."""
    rows: dict[str, list[dict[str, str]]] = {}
    for row in each.annotations():
        rows.setdefault(f"{row['form']}.{row['item']}", []).append(row)
    checked = set()
    for oid, item in items_of(each).items():
        _it, data_set, _name, *value = oid.split(".")
        for source in described(item):
            (code,), key = value, "QNAM" if data_set.startswith("SUPP") else f"{data_set}TESTCD"
            words = [row["annotation"] for row in rows[source] if row["data set"] == data_set]
            assert any(f"{key} = {code}" in f"{text} " for text in words), (oid, source, words)
            checked.add(key)
    assert {"QNAM", "VSTESTCD", "LBTESTCD"} <= checked or len(checked) > 5


def described(item: etree._Element) -> list[str]:
    """Return the items of the annotated forms that an origin names."""
    text = item.findtext("def:Origin/odm:Description/odm:TranslatedText", "", SPACES)
    return text.partition(": ")[2].split(", ") if text else []


def test_every_qualifier_that_was_collected_stands_in_the_annotated_forms(each):
    """P11-02: SUPP--; a text that goes on in a further qualifier is that of its first one."""
    annotated_names = {
        (row["data set"], row["annotation"].rpartition(" = ")[2])
        for row in each.annotations()
        if row["data set"].startswith("SUPP")
    }
    checked = 0
    for name in each.heads:
        for row in each.rows(name) if name.startswith("SUPP") else ():
            if row["QORIG"] == "CRF" and not CONTINUED.fullmatch(row["QNAM"]):
                checked += 1
                assert (name, row["QNAM"]) in annotated_names
    assert checked >= 8


def test_a_qualifier_has_the_origin_that_its_records_state(each):
    """P11-02: the group of a patient is derived, by a method; nobody collected it."""
    origins = {"CRF": "Collected", "DERIVED": "Derived", "ASSIGNED": "Assigned", "PROTOCOL": "Protocol"}
    items = items_of(each)
    for name in each.heads:
        for row in each.rows(name) if name.startswith("SUPP") else ():
            assert origin_of(items[f"IT.{name}.QVAL.{row['QNAM']}"]) == origins[row["QORIG"]]
        if name.startswith("SUPP"):
            assert origin_of(items[f"IT.{name}.QVAL"]) is None


def test_the_group_of_a_patient_has_its_method(liege):
    """P11-02: SUPPDM COHORT."""
    root = etree.fromstring(liege.files["define.xml"])
    (ref,) = root.findall(".//odm:ItemRef[@ItemOID='IT.SUPPDM.QVAL.COHORT']", SPACES)
    assert root.find(f".//odm:MethodDef[@OID='{ref.get('MethodOID')}']", SPACES) is not None


def test_a_variable_without_data_is_marked_and_has_no_origin(each):
    """P11-02: the guide expects it; nobody looks for it in the forms."""
    root = etree.fromstring(each.files["define.xml"])
    items, blank = items_of(each), 0
    for group in root.iter(f"{{{ODM}}}ItemGroupDef"):
        filled = {
            name
            for row in each.rows(group.get("Name", ""))
            for name, value in row.items()
            if value is not None
        }
        for ref in group.findall("odm:ItemRef", SPACES):
            oid = ref.get("ItemOID", "")
            is_blank = oid.rpartition(".")[2] not in filled
            blank += is_blank
            assert (ref.get(f"{{{DEF}}}HasNoData") == "Yes") is is_blank, oid
            if is_blank:
                assert origin_of(items[oid]) is None
                assert ref.get("MethodOID") is None
                assert items[oid].get(f"{{{DEF}}}CommentOID") == "COM.NODATA"
    assert blank > 5


def values_of(package: Package) -> Iterator[tuple[etree._Element, Any]]:
    """Yield the description of each variable with each of its values, as they are."""
    items = items_of(package)
    for name in package.heads:
        for row in package.rows(name):
            for variable, value in row.items():
                if value is not None:
                    yield items[f"IT.{name}.{variable}"], value


def test_types_and_lengths_are_those_of_the_data(each):
    """DAT-05: a date known in part is no date; a number has the digits that the metadata say."""
    seen = set()
    for item, value in values_of(each):
        kind, text = item.get("DataType", ""), str(value)
        seen.add(kind)
        if kind in XML_TYPES:
            assert re.fullmatch(XML_TYPES[kind], text), (item.get("OID"), text)
        elif kind in ("integer", "float"):
            assert len(text) <= int(item.get("Length", "0")), (item.get("OID"), text)
            decimals = max(0, -int(Decimal(text).as_tuple().exponent))
            assert decimals <= int(item.get("SignificantDigits") or 0), (item.get("OID"), text)
        elif kind == "text":
            assert len(text) <= int(item.get("Length", "0")), item.get("OID")
    assert {"text", "integer", "float", "partialDatetime", "date"} <= seen


def test_choices_that_are_records_of_their_own_are_annotated_with_their_terms(packages):
    """P11-02: the object or term of each choice, as the data sets have it."""
    for package in packages.values():
        assert "CHOICES" not in package.files["acrf.csv"].decode("utf-8")
    terms = {row["MHTERM"] for row in packages[build.LIEGE].rows("MH") if row.get("MHPRESP") == "Y"}
    words = " ".join(row["annotation"] for row in packages[build.LIEGE].annotations())
    assert all(term in words for term in terms)


def test_a_masked_package_annotates_nothing_of_the_product(packages):
    """BLD-03: no row leads to a data set or a table that tells the arm."""
    rows = packages["masked"].annotations()
    assert {"EX", "SUPPEX"}.isdisjoint(row["data set"] for row in rows)
    assert {"preparations", "product_deviations"}.isdisjoint(row["form"] for row in rows)
    assert {"preparations", "product_deviations"} <= {
        row["form"] for row in packages[build.COVID_MSV].annotations()
    }
