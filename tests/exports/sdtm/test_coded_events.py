"""Adverse events that were coded in MedDRA, in the SDTM package."""

import pytest
from lxml import etree

from audit.context import acting
from exports.sdtm.define import DEF, ODM
from safety.dictionaries.coding import code_event
from safety.models import AdverseEvent
from tests.support import build
from tests.support.oracles import schema_errors
from tests.support.study.invented_dictionary import invented_dictionary, invented_term, name_release
from tests.support.study.tabulated import Package, tabulated_trial

pytestmark = pytest.mark.django_db
SPACES = {"odm": ODM, "def": DEF}


@pytest.fixture
def package(monkeypatch) -> Package:
    """A package whose fever was coded; the event after it was not."""
    trial = tabulated_trial()
    invented_dictionary()
    name_release(trial, monkeypatch)
    fever = AdverseEvent.objects.get(term="Fever")
    build.event(patient=fever.patient, term="Headache", onset=build.moment("13-Mar-2026 12:00"))
    manager = build.user("data_manager", trial=trial)
    with acting(user=manager, role="data_manager"):
        code_event(event=fever, term=invented_term(), words=fever.term, by=manager)
    return Package.of(trial)


def test_a_coded_event_has_the_terms_of_meddra_and_the_words_of_the_reporter(package):
    """P11-02, SAF-10: lowest level and preferred term with its class; an event that nobody coded has none."""
    fever, headache = package.rows("AE")
    names = ("AETERM", "AELLT", "AELLTCD", "AEDECOD", "AEBODSYS", "AESOC")
    assert [fever.get(name) for name in names] == [
        "Fever", "Invented fever", 90000001, "Invented fever", "Invented class", "Invented class",
    ]  # fmt: skip
    assert [headache.get(name) for name in names] == ["Headache", None, None, None, None, None]


def test_the_metadata_name_the_release_of_meddra(package):
    """P11-02: an external code list, of text for terms and of whole numbers for codes."""
    content = package.files["define.xml"]
    assert schema_errors(content, "define/define/2.1/define2-1-0.xsd") == []
    root = etree.fromstring(content)
    lists = {
        each.getparent().get("OID"): (each.getparent().get("DataType"), each.get("Dictionary"), each.get("Version"))
        for each in root.iterfind(".//odm:ExternalCodeList", SPACES)
    }  # fmt: skip
    assert lists == {
        "CL.MEDDRA.integer": ("integer", "MedDRA", "TEST"),
        "CL.MEDDRA.text": ("text", "MedDRA", "TEST"),
    }
    used = {
        item.get("Name"): item.find("odm:CodeListRef", SPACES).get("CodeListOID")
        for item in root.iterfind(".//odm:ItemDef", SPACES)
        if item.get("Name") in ("AEDECOD", "AELLT", "AELLTCD", "AEBODSYS", "AESOC")
    }
    assert used == {
        "AEDECOD": "CL.MEDDRA.text", "AELLT": "CL.MEDDRA.text", "AELLTCD": "CL.MEDDRA.integer",
        "AEBODSYS": "CL.MEDDRA.text", "AESOC": "CL.MEDDRA.text",
    }  # fmt: skip
