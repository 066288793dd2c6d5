"""The SDTM package of a study: its data sets, its metadata, and what both say of the same data (P11-02)."""

import json

import jsonschema
import pytest
import time_machine
from lxml import etree

from exports.sdtm.define import DEF, ODM
from exports.sdtm.standard.tables import code_lists, domains
from exports.sdtm.timeline import study_day
from exports.sdtm.xport import ascii_text
from tests.support import build
from tests.support.oracles import oracle, schema_errors
from tests.support.study.bedside import INCLUDED, NOW
from tests.support.study.tabulated import Package

pytestmark = pytest.mark.django_db
# No event of these packages was coded in MedDRA (docs/sdtm_findings.csv).
BLANK_THOUGH_REQUIRED = {("AE", "AEDECOD")}
SPACES = {"odm": ODM, "def": DEF}


def data_sets(package: Package):
    """Yield name, domain and rows of every data set that belongs to a subject or the trial."""
    for name in package.heads:
        if not name.startswith("SUPP"):
            yield name, domains()[name], package.rows(name)


def test_the_metadata_are_valid_define_xml(each):
    """Define-XML 2.1, held against the schema of the standard."""
    assert schema_errors(each.files["define.xml"], "define/define/2.1/define2-1-0.xsd") == []


def test_every_data_set_is_valid_dataset_json(each):
    """CDISC Dataset-JSON 1.1, held against the schema of the standard."""
    schema = json.loads(oracle("dataset_json/dataset.schema.json").read_text("utf-8"))
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert len(each.heads) > 15
    for head in each.heads.values():
        validator.validate(head)
        assert head["records"] == len(head["rows"]) > 0


def test_required_variables_are_filled_and_expected_ones_present(each):
    """P11-02: core Req and Exp of SDTM IG 3.4."""
    for name, domain, rows in data_sets(each):
        for variable in domain.variables:
            if variable.core in ("Req", "Exp"):
                assert all(variable.name in row for row in rows), variable.name
            if variable.core == "Req" and (name, variable.name) not in BLANK_THOUGH_REQUIRED:
                assert all(row[variable.name] not in (None, "") for row in rows), variable.name


def test_the_keys_of_a_data_set_identify_its_records(each):
    """P11-02: the keys that Define-XML states are unique, and sequence numbers count from 1 in each subject."""
    for name, domain, rows in data_sets(each):
        keys = [tuple(row.get(key) for key in domain.keys) for row in rows]
        assert len(set(keys)) == len(keys), name
        if f"{name}SEQ" in domain.names and name != "TS":
            numbers: dict[str, list[int]] = {}
            for row in rows:
                numbers.setdefault(row["USUBJID"], []).append(row[f"{name}SEQ"])
            assert all(each == list(range(1, len(each) + 1)) for each in numbers.values()), name


def test_a_code_list_without_extensions_holds_every_value(each):
    """P11-02: SDTM Controlled Terminology 2022-09-30."""
    checked = 0
    for _name, domain, rows in data_sets(each):
        for variable in domain.variables:
            known = code_lists().get(variable.codelist)
            if known is None or known.extensible:
                continue
            used = {row.get(variable.name) for row in rows} - {None}
            checked += len(used)
            assert used <= set(known.terms), (variable.name, used - set(known.terms))
    assert checked > 10


def test_study_days_count_from_the_first_infusion(liege):
    """DAT-05: every --DY follows from its date and RFSTDTC; a partial date has none."""
    start = {row["USUBJID"]: row["RFSTDTC"] for row in liege.rows("DM")}
    days = 0
    for _name, domain, rows in data_sets(liege):
        for variable in domain.variables:
            for dated, day in (("STDTC", "STDY"), ("ENDTC", "ENDY"), ("DTC", "DY")):
                if variable.name != f"{domain.code}{dated}" or f"{domain.code}{day}" not in domain.names:
                    continue
                for row in rows:
                    expected = study_day(row.get(variable.name), start[row["USUBJID"]])
                    assert row.get(f"{domain.code}{day}") == expected
                    days += expected is not None
    assert days > 20
    assert liege.one("CM", CMTRT="Dexamethasone")["CMSTDTC"] == "2026-03"
    assert liege.one("CM", CMTRT="Dexamethasone").get("CMSTDY") is None


def test_a_study_day_stands_beside_its_date(each):
    """P11-02: CORE-000328, CORE-000776: also where no date of the data set is known in full."""
    blank = 0
    for _name, domain, rows in data_sets(each):
        for variable in rows[0]:
            day = f"{variable.removesuffix('DTC')}DY"
            if variable.endswith("DTC") and day in domain.names:
                assert day in rows[0], (domain.code, day)
                blank += all(row[day] is None for row in rows)
    assert blank > 0


def test_transport_files_hold_the_records_of_the_dataset_json_files(liege):
    """P11-02: a second reader finds the same rows; texts are ASCII of at most 200 characters there."""
    for name, head in liege.heads.items():
        columns, facts = liege.transport(name)
        assert facts.number_rows == len(head["rows"]), name
        assert (facts.table_name, facts.file_label) == (name, head["label"][:40])
        assert list(columns) == [column["name"] for column in head["columns"]]
        for place, column in enumerate(head["columns"]):
            read = columns[column["name"]]
            for value, row in zip(read, head["rows"], strict=True):
                if column["dataType"] == "string":
                    assert value == ascii_text(row[place] or "").rstrip()
                elif row[place] is not None:
                    assert value == pytest.approx(float(row[place]))


def test_a_long_text_is_cut_nowhere(liege):
    """P11-02: what a variable does not hold goes on in supplemental qualifiers."""
    failed = liege.one("DS", DSDECOD="SCREEN FAILURE")
    rest = liege.one("SUPPDS", IDVARVAL=str(failed["DSSEQ"]), USUBJID=failed["USUBJID"])
    assert len(failed["DSTERM"]) <= 200
    assert (failed["DSTERM"] + rest["QVAL"]).replace(" ", "") == "TOOOLDÉ" + "X" * 220
    assert (rest["RDOMAIN"], rest["QNAM"], rest["IDVAR"]) == ("DS", "DSTERM1", "DSSEQ")


def test_demographics_tell_who_was_treated(liege):
    """P11-02: ARM and ACTARM, or why they are blank."""
    treated, failed, screened = liege.rows("DM")
    assert (treated["ARMCD"], treated["ACTARMCD"], treated["ARMNRS"]) == ("CELLS", "CELLS", None)
    assert treated["RFSTDTC"] == treated["RFXSTDTC"] == "2026-03-10T10:00"
    assert (treated["SEX"], treated["COUNTRY"], treated["AGEU"]) == ("M", "BEL", "YEARS")
    assert (failed["ARMCD"], failed["ARMNRS"], failed["RFSTDTC"]) == (None, "SCREEN FAILURE", None)
    assert screened["ARMNRS"] == "NOT ASSIGNED"


def test_a_laboratory_result_has_its_original_and_its_standard_value(liege):
    """DAT-10: the value as typed in the unit of the report, and the value in the unit of the protocol."""
    creatinine = liege.one("LB", LBTESTCD="CREAT", LBORRESU="mg/dL")
    assert [creatinine[name] for name in ("LBORRES", "LBSTRESC", "LBSTRESN", "LBSTRESU")] == [
        "1.5", "132.63", "132.63", "umol/L",
    ]  # fmt: skip
    beyond = liege.one("LB", LBORRES="<0.3")
    assert (beyond["LBTESTCD"], beyond["LBSTRESC"], beyond["LBSTRESN"]) == ("CRP", "<0.3", None)
    assert liege.some("LB", LBTESTCD="K", LBDTC="2026-03-12T08:00") == []
    high = liege.one("LB", LBTESTCD="ALT", LBORRES="61")
    assert (high["LBNRIND"], high["LBSTNRHI"], high["LBORNRHI"]) == ("HIGH", "40", "40")
    assert (high["VISITNUM"], high["VISIT"], high["EPOCH"]) == ("2.01", "UNSCHEDULED 2.01", "TREATMENT")


def test_the_last_result_before_the_first_infusion_is_flagged(liege):
    """P11-02: --LOBXFL, once for each test."""
    flagged = [row for row in liege.rows("LB") if row["LBTESTCD"] == "ALT" and row["LBLOBXFL"] == "Y"]
    assert [(row["LBDTC"], row["LBORRES"]) for row in flagged] == [("2026-03-09T09:00", "33")]
    seen = [row["LBTESTCD"] for row in liege.rows("LB") if row["LBLOBXFL"] == "Y"]
    assert len(seen) == len(set(seen))


def test_exposure_is_what_was_collected_and_what_was_infused(liege):
    """P11-02: EC has the volume of the ward, EX the product; both have one record for the infusion given."""
    collected, given = liege.one("EC"), liege.one("EX")
    assert (collected["ECDOSE"], collected["ECDOSU"], collected["ECDUR"]) == ("100.00", "mL", "PT60M")
    assert (given["EXSTDTC"], given["EXENDTC"]) == ("2026-03-10T10:00", "2026-03-10T11:00")
    related = liege.some("RELREC", RELID="R1")
    assert [row["RDOMAIN"] for row in related] == ["EC", "EX"]
    weight = liege.one("VS", VSCAT="WEIGHT OF THE DAY OF AN INFUSION")
    assert (weight["VSSTRESN"], weight["VSDTC"]) == ("82.40", "2026-03-10T08:00")


def test_a_medicine_is_related_with_the_event_it_was_given_for(liege):
    """P11-02: RELREC joins the number of the event on the form with the event."""
    event, medicine = liege.one("AE"), liege.one("CM", CMTRT="Dexamethasone")
    assert (medicine["CMDOSE"], medicine["CMDOSU"], medicine["CMENRTPT"]) == ("6", "mg", "ONGOING")
    pairs = {(row["RELID"], row["RDOMAIN"]): row["IDVARVAL"] for row in liege.rows("RELREC")}
    joined = next(number for number, domain in pairs if domain == "CM")
    assert pairs[joined, "AE"] == str(event["AESEQ"])
    assert pairs[joined, "CM"] == str(medicine["CMSEQ"])


def test_epochs_and_elements_follow_the_infusions(liege):
    """P11-02: two infusions are still planned, so treatment lasts."""
    elements = [(row["ETCD"], row["SESTDTC"], row["SEENDTC"]) for row in liege.rows("SE")][:2]
    assert elements[1] == ("CELLS", "2026-03-10T10:00", None)
    assert elements[0][0] == "SCRN"
    assert {row["EPOCH"] for row in liege.rows("AE")} == {"TREATMENT"}
    assert [row["ETCD"] for row in liege.rows("TA")] == ["SCRN", "CELLS", "FUP"]


def test_the_metadata_describe_exactly_the_data_sets_of_the_package(liege):
    """P11-02: data sets, variables, tests and qualifiers of Define-XML are those of the files."""
    root = etree.fromstring(liege.files["define.xml"])
    groups = root.findall(".//odm:ItemGroupDef", SPACES)
    assert [group.get("Name") for group in groups] == list(liege.heads)
    for group in groups:
        name = group.get("Name")
        described = [ref.get("ItemOID") for ref in group.findall("odm:ItemRef", SPACES)]
        assert described == [column["itemOID"] for column in liege.heads[name]["columns"]]
        assert group.get("OID") == liege.heads[name]["itemGroupOID"]
    tests = {row["LBTESTCD"] for row in liege.rows("LB")}
    values = root.find(".//def:ValueListDef[@OID='VL.LB.LBORRES']", SPACES)
    assert {ref.get("ItemOID").rpartition(".")[2] for ref in values.findall("odm:ItemRef", SPACES)} == tests
    codes = root.find(".//odm:CodeList[@OID='CL.LB.LBTESTCD']", SPACES)
    assert {item.get("CodedValue") for item in codes.findall("odm:CodeListItem", SPACES)} == tests
    alias = codes.find("odm:CodeListItem[@CodedValue='ALT']/odm:Alias", SPACES)
    assert alias.get("Name") == "C64433"


def test_every_test_of_the_data_stands_in_the_annotated_forms(liege):
    """P11-02: annotations and metadata name the same variables and tests."""
    annotated = {row["annotation"].partition(" and ")[0] for row in liege.annotations()}
    for name in ("LB", "VS", "RE", "RS"):
        for code in {row[f"{name}TESTCD"] for row in liege.rows(name)} - {f"{name}ALL"}:
            assert f"{name}ORRES when {name}TESTCD = {code}" in annotated
    note = liege.files["reviewers_note.md"].decode("utf-8")
    assert "| eligibility | assessed_at |" in note
    assert all(f"| {name} |" in note for name in liege.heads)


def test_records_that_share_a_test_are_told_apart_by_their_annotations(liege):
    """P11-02: temperature of the vital signs, and during an infusion; the ratio computed, and as reported."""
    told = {(row["form"], row["item"]): row["annotation"] for row in liege.annotations()}
    plain = "VSORRES when VSTESTCD = TEMP"
    assert told["vitals", "temp"] == plain
    assert told["infusion_monitoring", "series.temp"] == f"{plain} and VSCAT = INFUSION MONITORING"
    ratio = "CPORRES when CPTESTCD = TLYHTLYC and CPCAT = LYMPHOCYTE SUBSETS"
    assert told["lymphocyte_subsets", "cd4_cd8_ratio"] == f"{ratio} and CPMETHOD = FLOW CYTOMETRY"
    assert (
        told["lymphocyte_subsets", "ratio_reported"] == f"{ratio} and CPMETHOD = REPORTED BY THE LABORATORY"
    )


def test_what_the_outcomes_read_of_a_patient_and_an_event_is_in_the_package(liege):
    """The group, special interest and expectedness; without them cleaning code would be needed."""
    group = liege.one("SUPPDM", QNAM="COHORT")
    assert (group["QVAL"], group["IDVAR"], group["QORIG"]) in {("A", None, "DERIVED"), ("B", None, "DERIVED")}
    assert liege.one("SUPPAE", QNAM="AESI")["QVAL"] == "NONE"
    assert liege.some("SUPPAE", QNAM="EXPECT") == []


def test_a_record_of_a_draft_says_so():
    """The outcomes read complete forms alone, so the package tells which are not."""
    with time_machine.travel(NOW, tick=False):
        trial = build.trial(build.COVID_MSV)
        patient = build.enrolled(trial=trial, on=INCLUDED)
        build.record(patient, "vitals", {"temp": "37.1"}, visit="INF1", draft=True)
        package = Package.of(trial)
    temperature = package.one("VS", VSTESTCD="TEMP", VSORRES="37.1")
    drafts = {
        (row["IDVAR"], row["IDVARVAL"]) for row in package.some("SUPPVS", QNAM="FORMSTAT", QVAL="DRAFT")
    }
    assert ("VSSEQ", str(temperature["VSSEQ"])) in drafts
