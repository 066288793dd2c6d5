"""Analysis data sets: subjects, adverse events and laboratory, each value with its derivation."""

from collections.abc import Iterator
from datetime import date

import pytest
import time_machine
from django.db import transaction

from exports.adam.laboratory import LaboratoryParameters
from exports.adam.readings import parameters
from exports.adam.standard.tables import analysis_sets
from exports.formats.registry import FORMATS
from protocol.expressions.outcomes import outcomes_of
from tests.support import build
from tests.support.protocols.shipped import BOTH, protocol
from tests.support.study.analysed import Analysis
from tests.support.study.bedside import NOW
from tests.support.study.tabulated import Package, tabulated_trial

SETS = ("adsl", "adae", "adlb", "adout", "adtte")
pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def liege(django_db_setup, django_db_blocker) -> Iterator[tuple[Analysis, Package]]:
    """The analysis data sets and the SDTM data sets of one study, made once."""
    with django_db_blocker.unblock(), time_machine.travel(NOW, tick=False), transaction.atomic():
        trial = tabulated_trial()
        yield Analysis.of(trial), Package.of(trial)
        transaction.set_rollback(True)


def test_every_variable_has_its_derivation_beside_it(liege):
    """Label, source and derivation of each variable of each data set, in its order."""
    analysis, _sdtm = liege
    told = analysis.rows("derivations")
    for name in SETS:
        header = analysis.files[f"csv/{name}.csv"].decode("utf-8").split("\r\n")[0].split(",")
        assert [row["variable"] for row in told if row["dataset"] == name.upper()] == header
    assert all(row["label"] and row["source"] and row["derivation"] for row in told)


@pytest.mark.parametrize("name", SETS)
def test_a_transport_file_holds_what_the_csv_file_holds(liege, name):
    """XPORT version 5, read by a library that did not write it; dates as SAS dates."""
    analysis, _sdtm = liege
    columns, meta = analysis.transport(name)
    rows = analysis.rows(name)
    types = {row["variable"]: row for row in analysis.rows("derivations") if row["dataset"] == name.upper()}
    assert meta.column_names == list(types)
    assert meta.column_labels == [row["label"] for row in types.values()]
    for variable, facts in types.items():
        cells = [row[variable] for row in rows]
        read = ["" if value is None or value != value else value for value in columns[variable]]
        if facts["type"] == "Char":
            assert [text.encode("ascii", "replace").decode()[:200].rstrip() for text in cells] == read
        elif facts["type"] == "Num":
            assert [float(text) if text else "" for text in cells] == read
        else:
            assert [date.fromisoformat(text) if text else "" for text in cells] == read
    assert len(rows) == meta.number_rows or not rows


def test_names_and_labels_fit_a_transport_file():
    """Eight letters, forty signs, no name twice in a data set."""
    for known in analysis_sets().values():
        names = [variable.name for variable in known.variables]
        assert len(set(names)) == len(names)
        assert all(len(name) <= 8 and name.isupper() for name in names)
        assert all(len(variable.label) <= 40 for variable in known.variables)


def test_adsl_has_every_subject_and_says_who_belongs_to_each_population(liege):
    """One treated patient, one screen failure, one in screening."""
    analysis, sdtm = liege
    rows = analysis.rows("adsl")
    assert [row["USUBJID"] for row in rows] == [row["USUBJID"] for row in sdtm.rows("DM")]
    treated, failed, screened = rows
    assert (treated["ENRLFL"], treated["SAFFL"], treated["EOSSTT"]) == ("Y", "Y", "ONGOING")
    assert treated["TRTSDT"] == sdtm.rows("DM")[0]["RFXSTDTC"][:10]
    assert (failed["ENRLFL"], failed["EOSSTT"], failed["DCSREAS"]) == ("N", "DISCONTINUED", "SCREEN FAILURE")
    assert (screened["ENRLFL"], screened["EOSDT"], screened["POP01FL"]) == ("N", "", "")
    flags = [row for row in analysis.rows("derivations") if row["variable"].startswith("POP")]
    assert [row["derivation"].partition(":")[0] for row in flags if row["dataset"] == "ADSL"] == [
        "Population group_a", "Population group_b",
    ]  # fmt: skip


def test_adae_says_what_the_outcomes_read_of_an_event(liege):
    """Relation, expectedness and special interest, and what began under treatment."""
    analysis, sdtm = liege
    event, source = analysis.one("adae"), sdtm.one("AE")
    assert (event["AETERM"], event["AESEQ"], event["ASTDT"]) == ("Fever", "1", "2026-03-12")
    assert (event["ASTDY"], event["TRTEMFL"]) == (str(source["AESTDY"]), "Y")
    assert (event["RELFL"], event["EXPFL"], event["AESI"], event["FATALFL"]) == ("N", "", "none", "N")


def test_adlb_has_the_change_from_the_last_result_before_the_infusion(liege):
    """The two results before the infusion have no change, nor has one beyond a limit."""
    analysis, sdtm = liege
    rows = [row for row in analysis.rows("adlb") if row["PARAMCD"] == "ALT"]
    assert [(row["AVAL"], row["ABLFL"], row["BASE"], row["CHG"]) for row in rows] == [
        ("30", "", "33", ""), ("33", "Y", "33", ""), ("61", "", "33", "28"),
    ]  # fmt: skip
    assert rows[0]["PARAM"] == "Alanine Aminotransferase (U/L)"
    limit = next(row for row in analysis.rows("adlb") if row["PARAMCD"] == "CRP" and row["AVALC"] == "<0.3")
    assert (limit["AVAL"], limit["CHG"]) == ("", "")
    assert len(analysis.rows("adlb")) == len(sdtm.rows("LB"))


def result(test: str = "GLUC", *, unit: str = "mmol/L", specimen: str = "BLOOD") -> dict[str, str]:
    return {
        "LBTESTCD": test,
        "LBTEST": "Glucose",
        "LBCAT": "CHEMISTRY",
        "LBSPEC": specimen,
        "LBMETHOD": "",
        "LBSTRESU": unit,
    }


def test_one_test_in_two_specimens_is_two_parameters():
    """Results that cannot be compared have no baseline in common; one not done belongs to its test."""
    blood, urine, not_done = result(), result(specimen="URINE"), result(unit="")
    found = LaboratoryParameters([blood, urine, not_done, result("GLUC2", unit="g/L")])
    assert found.of(blood) == ("GLUC", "Glucose, CHEMISTRY, BLOOD (mmol/L)")
    assert found.of(urine) == ("GLUC3", "Glucose, CHEMISTRY, URINE (mmol/L)")
    assert found.of(not_done) == found.of(blood)
    assert found.of(result("GLUC2", unit="g/L")) == ("GLUC2", "Glucose (g/L)")


@pytest.mark.parametrize("slug", BOTH)
def test_each_reading_of_an_outcome_has_a_code_of_its_own(slug):
    """PARAMCD and PARAM go together, one to one."""
    found = parameters(outcomes_of(protocol(slug)).readings)
    codes, names = [each.code for each in found], [each.name for each in found]
    assert len(set(codes)) == len(set(names)) == len(found)
    assert all(len(code) <= 8 and code.isalnum() for code in codes)


def test_an_undetermined_answer_says_which_value_is_missing(liege):
    """OUT-02: no vital status was entered."""
    analysis, _sdtm = liege
    row = analysis.one("adout", PARCAT1="L-P3", PARCAT2="dead")
    assert (row["UNDFL"], row["AVAL"], row["AVALC"]) == ("Y", "", "")
    assert row["UNDREAS"] == "subject.died_on; subject.last_contact_on"


def test_a_study_without_patients_has_data_sets_without_rows():
    """And its numbers are zeros and blanks."""
    analysis = Analysis.of(build.trial(build.COVID_MSV))
    assert [len(analysis.rows(name)) for name in SETS] == [0] * 5
    numbers = {(row["number"], row["expected"]) for row in analysis.rows("expected")}
    assert ("patients", "0") in numbers
    assert ("wilson.value", "") in numbers


def test_the_package_is_a_format_of_the_page_and_the_command():
    """As SDTM it knows the moment alone of what can be chosen."""
    assert FORMATS["adam"].maps_study
    assert FORMATS["adam"].extension == "zip"
