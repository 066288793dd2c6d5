"""ODM of what is rare: tables whose rows come and go, queries on every kind of row, amendments, files, odd texts."""

from decimal import Decimal
from typing import Any

import pytest
import time_machine
from lxml import etree

from accounts.models import User
from audit.context import acting
from exports.odm import captured
from exports.odm.content import Datum
from exports.odm.form_versions import form_version
from patients.models import Patient, Query, Record, Visit
from patients.participation.logs.contacts import ContactFacts, add_contact
from patients.queries import threads
from tests.exports.odm.checking import problems
from tests.exports.odm.files import SCHEMAS, odm
from tests.exports.odm.reading import NS, State, state_of
from tests.support import build
from tests.support.oracles import schema_errors
from tests.support.pages import attachments
from tests.support.protocols.every_type import EVERY_TYPE, VALUES
from tests.support.study import amended_patient, amended_protocol, raised_queries
from tests.support.trail_clock import trail_now
from trials.models import Trial

pytestmark = [pytest.mark.django_db, pytest.mark.one_engine]
UGLY = ["=1+1", "a\nb\tc", '<&>"', "  ", "Müller – Ñandú 細胞", "\u2028", "NA", "]]>"]


def same(trial: Trial, **sees: bool) -> State:
    """Return the state of a trial; both files say it, and both are valid."""
    found = []
    for code in ("odm", "odm-transactions"):
        content = odm(trial, code, **sees)
        assert problems(content) == []
        found.append(state_of(content))
        assert schema_errors(content, SCHEMAS[code]) == []
    now, replayed = found
    assert replayed == State(now.forms, now.items, now.queries, replayed.signed)
    assert replayed.in_force() == now.in_force()
    return now


def values_of(state: State, item: str) -> list[tuple[str, str, str, str]]:
    """Return value, unit, missing code and reason of an item, wherever it stands."""
    return [datum for path, datum in state.items.items() if path[-1][0] == item]


def rewrite(record: Record, values: dict[str, Any]) -> None:
    with acting(system="test", reason="Corrected"):
        Record.objects.filter(pk=record.pk).update(values=values)


class TestValues:
    """Each type of item, with each part of its value."""

    def content(self, **values: Any) -> dict[str, Datum]:
        found = captured.content_of(form_version(EVERY_TYPE, None), values)
        return {oid: datum for data in found.values() for oid, datum in data.items()}

    def test_a_value_keeps_what_was_typed(self):
        """DAT-10, LAB-04: every digit, the unit of the value, and what was typed in another unit."""
        assert self.content(**VALUES) == {
            "IT.all.count": Datum("7"),
            "IT.all.hb": Datum("125.0", "g/L"),
            "IT.all.hb.ENTERED": Datum("12.5"),
            "IT.all.hb.ENTERED_UNIT": Datum("g/dL"),
            "IT.all.weight": Datum("", "", "ND", "no scale"),
            "IT.all.word": Datum("007 "),
            "IT.all.story": Datum("two\nlines <script>"),
            "IT.all.sex": Datum("F"),
            "IT.all.organ": Datum("C"),
            "IT.all.signs.C": Datum("true"),
            "IT.all.signs.A": Datum("true"),
            "IT.all.signs.B": Datum("false"),
            "IT.all.agreed": Datum("N"),
            "IT.all.on": Datum("2025-10-09"),
            "IT.all.since": Datum("2021-01"),
            "IT.all.clock": Datum("09:05"),
            "IT.all.at": Datum("2026-10-25T02:30+01:00"),
            "IT.all.at.ZONE": Datum("Europe/Brussels"),
            "IT.all.series": Datum("2"),
            "IT.all.series.ROW": Datum("2"),
            "IT.all.series.point": Datum("", "", "UNK", ""),
            "IT.all.series.time": Datum("", "", "ND", "clock broken"),
            "IT.all.series.sbp": Datum("124", "mmHg"),
            "IT.all.series.onset": Datum("2021-01-05"),
        }

    def test_rows_of_a_table_are_told_apart_by_their_ids(self):
        found = captured.content_of(form_version(EVERY_TYPE, None), VALUES)
        assert list(found) == [
            ("IG.all", ""), ("IG.all.series", "r00000001"), ("IG.all.series", "r00000002"),
        ]  # fmt: skip

    def test_a_result_beyond_a_limit_is_no_value(self):
        """LAB-04: the limit is never the result."""
        assert self.content(hb={"comparator": "<", "limit": "40", "entered": "4", "unit": "g/dL"}) == {
            "IT.all.hb.COMPARATOR": Datum("<"),
            "IT.all.hb.LIMIT": Datum("40", "g/L"),
            "IT.all.hb.ENTERED": Datum("4"),
            "IT.all.hb.ENTERED_UNIT": Datum("g/dL"),
        }

    def test_not_applicable_is_written_as_in_every_file(self):
        """DAT-02: `NA` is read as an empty cell by R and pandas."""
        assert self.content(signs={"missing": "NA"}) == {"IT.all.signs.C": Datum("", "", "NAP", "")}
        assert self.content(series={"missing": "ASKU"}) == {"IT.all.series": Datum("", "", "ASKU", "")}

    def test_a_time_that_is_not_known_leaves_the_day(self):
        assert self.content(at="2026-10-25") == {"IT.all.at": Datum("2026-10-25")}

    def test_a_conversion_may_add_decimals(self):
        """LAB-04: exact, so a definition allows the decimals of the factor too."""
        creatinine = EVERY_TYPE.item("hb").model_copy(
            update={
                "decimals": 1,
                "units": (EVERY_TYPE.item("hb").units[0].model_copy(update={"factor": Decimal("88.42")}),),
            }
        )
        assert captured.decimals_of(creatinine) == 2 + (creatinine.decimals_in("g/dL") or 0)
        assert captured.decimals_of(EVERY_TYPE.item("weight")) == 18
        assert captured.decimals_of(EVERY_TYPE.item("twice")) == 2


@pytest.fixture
def patient(trial: Trial, nurse: User) -> Patient:
    person = build.patient(trial=trial, by=nurse)
    build.consent(person, by=nurse)
    return person


@pytest.fixture
def history(patient: Patient, nurse: User) -> Record:
    """Return a form with a table of two conditions."""
    table = [{"_row": f"r0000000{number}", "term": f"Condition {number}"} for number in (1, 2)]
    return build.record(patient, "medical_history", {"conditions": table}, draft=True, by=nurse)


def test_rows_that_come_and_go_keep_their_keys(trial, history):
    """DAT-10: a row above is removed, another one put in front."""
    one, two = history.values["conditions"]
    rewrite(history, {"conditions": [two]})
    rewrite(history, {"conditions": [{**one, "_row": "r000000aa"}, two]})
    rewrite(history, {"conditions": [{"_row": "r000000ab", "term": "New"}, {**two, "term": "Two"}]})
    state = same(trial)
    rows = {
        path[3][1]: datum[0] for path, datum in state.items.items() if path[-1][0].endswith("conditions.term")
    }
    assert rows == {"r000000ab": "New", two["_row"]: "Two"}
    assert sorted(values_of(state, "IT.medical_history.conditions.ROW")) == [
        ("1", "", "", ""),
        ("2", "", "", ""),
    ]
    rewrite(history, {"conditions": {"missing": "UNK", "reason": "no papers"}})
    state = same(trial)
    assert values_of(state, "IT.medical_history.conditions") == [("", "", "UNK", "no papers")]
    assert not [path for path in state.items if path[3][0] == "IG.medical_history.conditions"]


def test_a_query_stays_where_its_cell_was(trial, history, nurse):
    """A query on a cell of a row that is gone, on a whole row, on a blank item and on the form."""
    row = history.values["conditions"][0]["_row"]
    cell = raised_queries.make_query(
        history, nurse, "conditions", row=row, column="term", origin="check", check_id="MH01"
    )
    whole = raised_queries.make_query(history, nurse, "conditions", row=row)
    form = raised_queries.make_query(history, nurse, "no_such_item")
    rewrite(history, {"conditions": []})
    state = same(trial)
    where = {number: path[2:] for path, number in state.queries}
    place = ("FO.medical_history", "")
    group = ("IG.medical_history.conditions", row)
    assert where == {
        str(cell.pk + 1): (place, group, ("IT.medical_history.conditions.term", "")),
        str(whole.pk + 1): (place, group, ("IT.medical_history.conditions.ROW", "")),
        str(form.pk + 1): (place,),
    }


def test_the_thread_of_a_query_grows_with_its_messages(trial, history, nurse, manager):
    """AUD-02: answered, reopened, closed: one annotation, and a transaction for each step."""
    query = raised_queries.make_query(history, nurse, "conditions")
    with acting(user=nurse, role="coordinator"):
        threads.answer_query(query=query, text="First", by=nurse, role="coordinator")
    with acting(user=manager, role="data_manager"):
        fresh = Query.objects.get(pk=query.pk)
        threads.reopen_query(query=fresh, text="Second", by=manager, role="data_manager")
    raised_queries.closed(Query.objects.get(pk=query.pk), manager, "Clear")
    ((text, flags),) = same(trial).queries.values()
    assert [line.partition(": ")[2] for line in text.splitlines()][:3] == [
        "About conditions",
        "First",
        "Second",
    ]
    assert flags == ("closed", "monitor")
    root = etree.fromstring(odm(trial, "odm-transactions"))
    steps = [
        each.get("TransactionType") for each in root.iter(f"{NS}Annotation") if each.get("SeqNum") != "1"
    ]
    assert steps[0] == "Insert"
    assert set(steps[1:]) == {"Update"}
    assert len(steps) >= 4


def test_queries_on_other_rows_stand_on_their_items(trial, patient, nurse, doctor):
    """Facts of an adverse event and of a contact; a fact of several columns stands on the form."""
    event = build.event(patient=patient, by=doctor)
    facts = ContactFacts(
        tried_on=build.today(patient), way="phone", tried_by="Nurse", outcome="no_answer", note=""
    )
    with acting(user=nurse, role="coordinator"):
        contact = add_contact(patient=patient, facts=facts, by=nurse)
        for target, row, item in (
            ("adverse_event", event, "grade"), ("contact", contact, "outcome"), ("adverse_event", event, "criteria"),
        ):  # fmt: skip
            Query.objects.create(
                patient=patient, target=target, target_id=row.pk, item=item, origin="monitor", state="open",
                text="Sure?", opened_by=nurse,
            )  # fmt: skip
    found = {path[2:] for path, _number in same(trial).queries}
    assert found == {
        (
            ("FO.STUDY.adverse_events", "1"),
            ("IG.STUDY.adverse_events", ""),
            ("IT.STUDY.adverse_events.grade", ""),
        ),
        (("FO.STUDY.contacts", "1"), ("IG.STUDY.contacts", ""), ("IT.STUDY.contacts.outcome", "")),
        (("FO.STUDY.adverse_events", "1"),),
    }


def test_odd_texts_come_back_as_they_were_typed(trial, patient, history):
    """DAT-10: line ends, tabs, marks of XML and characters of any alphabet."""
    rows = [{"_row": f"r000000b{number}", "term": text} for number, text in enumerate(UGLY)]
    rewrite(history, {"conditions": rows})
    found = values_of(same(trial), "IT.medical_history.conditions.term")
    assert [value for value, _unit, _missing, _reason in found] == UGLY


def test_a_character_that_xml_cannot_hold_is_replaced(trial, patient, history):
    """No page takes one, but a program may have stored it: the file stays readable."""
    rewrite(history, {"conditions": [{"_row": "r000000c1", "term": "a\x0bb\ud7ff\ufffe"}]})
    assert values_of(same(trial), "IT.medical_history.conditions.term") == [
        ("a\ufffdb\ud7ff\ufffd", "", "", "")
    ]


def test_a_file_is_named_and_its_hash_is_for_those_who_may_read_it(trial, patient, nurse):
    """SEC-13: name and size for everybody, path and hash for some."""
    attachments.save(build.client(nurse), patient, attachments.upload())
    state = same(trial)
    assert [value[0] for value in values_of(state, "IT.chest_imaging.ct_report")] == ["report.pdf"]
    assert [value[0] for value in values_of(state, "IT.chest_imaging.ct_report.SHA256")] == [
        attachments.held()["sha256"]
    ]
    (path,) = values_of(state, "IT.chest_imaging.ct_report.PATH")
    assert path[0] == f"files/{attachments.held()['file']}.pdf"
    hidden = odm(trial, "odm-transactions", sees_files=False)
    assert attachments.held()["sha256"].encode() not in hidden
    assert attachments.held()["file"].encode() not in hidden
    assert b"report.pdf" in hidden


def test_a_form_entered_in_error_stays_with_its_reason(trial, history, nurse):
    build.struck_out(history, reason="Another person", by=nurse)
    state = same(trial)
    assert values_of(state, "IT.RECORD.status") == [("struck_out", "", "", "")]
    assert values_of(state, "IT.RECORD.struck_out_reason") == [("Another person", "", "", "")]


def test_a_row_that_moves_to_another_visit_is_removed_there_and_inserted_here(trial, patient, history, nurse):
    """Nothing does that today; a program that repaired data might."""
    with acting(system="test", reason="Repaired"):
        visit = Visit.objects.filter(patient=patient).exclude(code="SCR").first()
        if visit is None:
            visit = Visit.objects.create(
                patient=patient, code="D7", position=5, state="planned", protocol=patient.protocol
            )
        Record.objects.filter(pk=history.pk).update(visit=visit)
    content = odm(trial, "odm-transactions")
    assert b'TransactionType="Remove"' in content
    assert state_of(content).items == state_of(odm(trial)).items


def test_transactions_follow_the_order_of_writing_when_the_clock_was_set_back(trial, history, nurse, manager):
    """AUD-02: rows of one table keep their order; a query older than its form is told after it."""
    with time_machine.travel(trail_now().replace(year=2020), tick=False):
        rewrite(history, {"conditions": [{"_row": "r000000d1", "term": "Late"}]})
        query = raised_queries.make_query(history, nurse, "conditions")
        other = raised_queries.make_query(history, nurse, "smoking")
    raised_queries.closed(Query.objects.get(pk=other.pk), manager, "Clear")
    state = same(trial)
    assert values_of(state, "IT.medical_history.conditions.term") == [("Late", "", "", "")]
    flags = {number: flags for (_path, number), (_text, flags) in state.queries.items()}
    assert flags == {
        str(query.pk + 1): ("open", "monitor"),
        str(other.pk + 1): ("closed", "monitor"),
    }


class TestAmendments:
    """Definitions of two versions, and a patient who moves from one to the other."""

    @pytest.fixture
    def moved(self, walking) -> Trial:
        doctor = build.user("investigator", trial=walking)
        patient = amended_patient.captured(walking, by=doctor)
        manager = build.user("data_manager", trial=walking)
        amendment = amended_protocol.amendment()
        build.record(patient, "falls", {"how": "Slipped"}, visit=None, by=doctor)
        build.record(patient, "notes", {"note": "Well"}, visit=None, by=doctor)
        amended_protocol.move_to(patient, amendment, by=manager)
        amended_patient.sign_again(patient, doctor)
        return Trial.objects.get(pk=walking.pk)

    def test_what_was_captured_before_an_amendment_is_still_defined(self, moved):
        """DAT-09: items, codes, forms, logs and visits that the new version has no more."""
        state = same(moved)
        assert ("4000", "", "", "") in values_of(state, "IT.vitals.steps")
        assert values_of(state, "IT.falls.how") == [("Slipped", "", "", "")]
        assert schema_errors(odm(moved, "odm2-metadata"), SCHEMAS["odm2-metadata"]) == []

    def test_each_version_has_its_definitions_under_the_same_identifiers(self, moved):
        """DAT-09: an item keeps its OID from version to version; an earlier one is marked as such."""
        root = etree.fromstring(odm(moved))
        first, second = root.iter(f"{NS}MetaDataVersion")
        assert [first.get("OID"), second.get("OID")] == ["MD.1.0", "MD.1.1"]
        items = [
            {each.get("OID"): each for each in version.iter(f"{NS}ItemDef")} for version in (first, second)
        ]
        assert set(items[0]) < set(items[1])
        assert "IT.vitals.spo2" in set(items[1]) - set(items[0])
        assert (items[1]["IT.vitals.steps"].get("Comment") or "").startswith("Of an earlier version")
        assert items[0]["IT.vitals.steps"].get("Comment") is None
        codes = [
            {each.get("CodedValue") for each in version.iterfind(f"{NS}CodeList[@OID='CL.vitals.mood']/*")}
            for version in (first, second)
        ]
        assert codes == [{"GOOD", "BAD", "MIXED"}, {"GOOD", "BAD", "MIXED"}]

    def test_data_stand_under_the_version_they_were_captured_under(self, moved):
        root = etree.fromstring(odm(moved))
        versions = {data.get("MetaDataVersionOID") for data in root.iter(f"{NS}ClinicalData")}
        assert versions == {"MD.1.0", "MD.1.1"}
