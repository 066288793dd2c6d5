"""Samples and their tubes in the SDTM package: events, volumes, and which tube came from which sample (P11-02)."""

from datetime import timedelta

import pytest
from lxml import etree

from audit.context import acting
from exports.sdtm.define import DEF, ODM
from exports.sdtm.samples import EVENTS
from exports.sdtm.standard.tables import code_lists
from patients.models import SampleMovement
from patients.samples.collection import strike_out_sample
from protocol.values.moments import Moment
from tests.support import build
from tests.support.oracles import schema_errors
from tests.support.study.bedside import NOW
from tests.support.study.samples import clock, collected, handled, held, received, shipped
from tests.support.study.tabulated import Package

pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW), pytest.mark.one_engine]


def later(moment: Moment, minutes: int) -> Moment:
    return Moment.from_datetime(moment.earliest + timedelta(minutes=minutes), "Europe/Madrid")


@pytest.fixture
def sample():
    """A plasma sample in three tubes: all frozen, two shipped, one of them received damaged, the third destroyed."""
    trial = build.trial(build.COVID_MSV)
    nurse = build.user("coordinator", trial=trial)
    included = trial.today - timedelta(days=30)
    visit = held(build.enrolled(trial=trial, on=included), "D7", nurse, included + timedelta(days=7))
    made = collected(visit, nurse)
    tubes = handled(made, nurse, "frozen", 30)
    at = clock(visit.patient, visit.held_on, "10:00")
    shipment = shipped(trial, tubes[:2], nurse, later(at, 60))
    received(shipment, nurse, later(at, 120), {tubes[0].code: "damaged", tubes[1].code: "intact"})
    handled(made, nurse, "destroyed", 180, 3, reason="Label torn")
    return made


def events(package: Package, code: str) -> list[tuple[str, str, str]]:
    return [(row["BETERM"], row["BEDECOD"], row["BESTDTC"][11:]) for row in package.some("BE", BEREFID=code)]


def test_each_sample_is_collected_once_and_each_step_of_a_tube_is_an_event(sample):
    """P11-02: as the ledger says it, in the order of the moments."""
    package = Package.of(sample.patient.trial)
    first, second, third = sample.aliquots.order_by("number")
    assert events(package, sample.code) == [("COLLECTED", "COLLECTING", "10:00")]
    sent = [
        ("FROZEN", "FREEZING", "10:30"),
        ("SHIPPED", "SHIPPING", "11:00"),
        ("RECEIVED", "RECEIVING", "12:00"),
    ]
    assert events(package, first.code) == events(package, second.code) == sent
    assert events(package, third.code) == [sent[0], ("DESTROYED", "DESTROYING", "13:00")]
    assert {row["BEDTC"] for row in package.rows("BE")} == {package.one("BE", BEREFID=sample.code)["BESTDTC"]}
    assert {row["VISIT"] for row in package.rows("BE")} == {"DAY 7"}
    found = package.some("SUPPBE", QNAM="BECOND")
    assert sorted(row["QVAL"] for row in found) == ["DAMAGED", "INTACT"]
    assert {row["QVAL"] for row in package.some("SUPPBE", QNAM="BESHIP")} == {"1"}
    assert [row["COVAL"] for row in package.some("CO", RDOMAIN="BE")] == ["Label torn"]


def test_each_tube_has_its_volume_and_the_sample_it_came_from(sample):
    """P11-02: BS and RELSPEC."""
    package = Package.of(sample.patient.trial)
    tubes = [tube.code for tube in sample.aliquots.order_by("number")]
    volumes = package.some("BS", BSTESTCD="VOLUME")
    assert sorted(row["BSREFID"] for row in volumes) == sorted(tubes)
    assert {(row["BSORRES"], row["BSSTRESN"], row["BSORRESU"], row["BSSPEC"]) for row in volumes} == {
        ("0.5", "0.5", "mL", "PLASMA")
    }
    related = [(row["REFID"], row["PARENT"], row["LEVEL"]) for row in package.rows("RELSPEC")]
    assert related == [(sample.code, None, 1), *((code, sample.code, 2) for code in tubes)]


def test_the_metadata_of_samples_are_valid_and_name_their_terms(sample):
    """P11-02: Define-XML 2.1 with the controlled terms that the data use."""
    package = Package.of(sample.patient.trial)
    root = etree.fromstring(package.files["define.xml"])
    listed = root.find(".//odm:CodeList[@OID='CL.BE.BEDECOD']", {"odm": ODM, "def": DEF})
    used = {row["BEDECOD"] for row in package.rows("BE")}
    items = listed.findall("odm:CodeListItem", {"odm": ODM}) + listed.findall(
        "odm:EnumeratedItem", {"odm": ODM}
    )
    assert {item.get("CodedValue") for item in items} == used
    assert "tube came from which sample" in package.files["reviewers_note.md"].decode("utf-8")
    assert schema_errors(package.files["define.xml"], "define/define/2.1/define2-1-0.xsd") == []


def test_a_sample_that_was_struck_out_has_no_records(sample):
    """P11-02: neither events nor volumes nor specimens."""
    nurse = sample.recorded_by
    wrong = collected(sample.visit, nurse, "SUBSET", aliquots=1)
    (tube,) = wrong.aliquots.all()
    codes = {wrong.code, tube.code}
    assert codes <= {row["REFID"] for row in Package.of(sample.patient.trial).rows("RELSPEC")}
    with acting(user=nurse, role="coordinator", origin="web"):
        strike_out_sample(sample=wrong, change_reason="Another patient's", version=wrong.version, by=nurse)
    package = Package.of(sample.patient.trial)
    for name, variable in (("BE", "BEREFID"), ("BS", "BSREFID"), ("RELSPEC", "REFID")):
        found = {row[variable] for row in package.rows(name)}
        assert not codes & found
        assert found


def test_every_kind_of_movement_is_an_event_of_the_code_list():
    """P11-02: SDTM Controlled Terminology 2022-09-30, code list C124297."""
    kinds = set(SampleMovement.Kind.values) - {SampleMovement.Kind.REVERSED}
    assert set(EVENTS) == kinds
    decoded = {term for _reported, term, _category in EVENTS.values() if term}
    assert decoded == set(code_lists()["C124297"].terms)
