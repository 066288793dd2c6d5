"""The E2B(R3) message: valid, stable, and read back as the same case (ICS-01 to ICS-04)."""

from dataclasses import replace

import pytest
from lxml import etree

from safety.icsr.answers import NotReadable
from safety.icsr.case import IndividualCase
from safety.icsr.conformance import findings
from safety.icsr.reading import case_of
from safety.icsr.writing import xml_of
from tests.support.oracles import oracle, schema_errors
from tests.support.study.invented_cases import NOW, TEST, invented_case

SCHEMA = "e2b/multicacheschemas/MCCI_IN200100UV01.xsd"
CASES = range(500)


@pytest.fixture(scope="module")
def cases() -> list[IndividualCase]:
    return [invented_case(seed) for seed in CASES]


def test_invented_cases_are_blinded_and_not(cases):
    blinded = sum(case.blinded for case in cases)
    assert 150 < blinded < 350


def test_every_invented_case_passes_the_rules(cases):
    """ICS-01."""
    for case in cases:
        assert findings(case, now=NOW, dictionary=TEST, production=False) == ()


def test_every_invented_case_is_valid_for_the_schema_of_ich(cases):
    """ICS-02: 500 cases, blinded and not."""
    for case in cases:
        assert schema_errors(xml_of(case), SCHEMA) == []


def test_every_message_is_read_back_as_the_same_case(cases):
    """ICS-03: writing and reading lose nothing."""
    for case in cases:
        assert case_of(xml_of(case)) == case


def test_the_same_case_gives_the_same_bytes():
    assert xml_of(invented_case(7)) == xml_of(invented_case(7))


def test_a_criterion_that_does_not_apply_is_no_information_and_never_false():
    """E.i.3.2 is `true` or NI."""
    case = invented_case(3)
    root = etree.fromstring(xml_of(case))
    numbers = ("34", "21", "33", "35", "12", "26")
    values = [
        (value.get("value"), value.get("nullFlavor"))
        for number in numbers
        for value in root.xpath(
            f"//h:observation[h:code/@code='{number}']/h:value", namespaces={"h": "urn:hl7-org:v3"}
        )
    ]
    assert len(values) == 6 * len(case.events)
    assert set(values) <= {("true", None), (None, "NI")}


def test_a_blinded_case_says_so_and_names_neither_lot_nor_substance_nor_cells():
    """ICS-04: G.k.2.5 is true and the arm cannot be told."""
    content = xml_of(invented_case(11, blinded=True)).decode()
    assert 'displayName="blinded"' in content
    for told in ("LOT-7", "Mesenchymal", "10*6", "MSC of bone marrow"):
        assert told not in content
    open_case = xml_of(invented_case(11, blinded=False)).decode()
    assert 'displayName="blinded"' not in open_case
    assert "LOT-7" in open_case


def test_text_with_signs_of_markup_is_text():
    case = invented_case(1)
    odd = replace(case, narrative=replace(case.narrative, text="<b>&amp; ]]> \u2028 \r\n end"))
    assert case_of(xml_of(odd)) == odd


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no xml",
        b"<MCCI_IN200100UV01/>",
        b'<MCCI_IN200101UV01 xmlns="urn:hl7-org:v3"/>',
        b'<!DOCTYPE a [<!ENTITY x "y">]><MCCI_IN200100UV01 xmlns="urn:hl7-org:v3">&x;</MCCI_IN200100UV01>',
    ],
)
def test_another_file_is_refused(content):
    with pytest.raises(NotReadable):
        case_of(content)


def test_the_same_elements_as_in_the_samples_of_an_authority_stand_in_our_messages(cases):
    """ICS-02: each path of our messages that has a counterpart in a sample has the same parents."""
    samples = sorted(oracle("e2b/samples").glob("*.xml"))
    known = {path for sample in samples for path in _paths(etree.parse(sample).getroot())}
    common = {path for case in cases[:50] for path in _paths(etree.fromstring(xml_of(case)))}
    # Parts that the samples leave empty: tests, death, blinding, doses with an interval, other case numbers.
    assert len(common & known) >= 100


def _paths(root: etree._Element) -> set[str]:
    tree = root.getroottree()
    return {
        "/".join(etree.QName(each).localname for each in [*reversed(list(node.iterancestors())), node])
        for node in root.iter()
        if isinstance(node.tag, str) and tree is not None
    }


def test_the_samples_of_an_authority_are_read():
    """ICS-02: messages that others wrote hold their answers where we look for them."""
    case = case_of(oracle("e2b/samples/FAERS2022Scenario3.xml").read_bytes())
    assert (case.identity.kind, case.study.kind, case.study.sponsor_number) == ("2", "1", "CT-00-00")
    assert [event.term.code for event in case.events] == ["10027940", "10009896"]
    assert [(drug.role, drug.name) for drug in case.drugs] == [
        ("1", "MK-001"),
        ("1", "Drug B"),
        ("2", "Drug C"),
    ]
    assert case.events[0].seriousness == {"d", "f"}
    assert [relation.event for relation in case.drugs[0].relations] == [0, 1]
    assert case.sender.organisation == "Big Pharma Drug"
