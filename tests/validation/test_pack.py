"""The validation pack: which tests hold a requirement, what came out, and what no test names (VAL-01)."""

import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import pytest
from django.core.management import get_commands
from pypdf import PdfReader

from exports.paper.typesetting import Making
from tests.validation import files, guide, paper
from tests.validation.citations import citing_tests, unknown_citations
from tests.validation.matrix import Row, Verdict, foreign_tests, matrix
from tests.validation.register import BadRegister, Kind, Requirement, register
from tests.validation.results import NotAResult, Run, read
from tests.validation.versions import Version

ROOT = Path(__file__).resolve().parents[2]
MODULE = '''
    """Seals (AUD-07)."""

    class TestHead:
        """SIG-01."""

        def test_it_is_kept(self):
            """AUD-01, AUD-02; patient LIE-001 has no requirement's number."""

    def test_a_row_is_sealed():
        pass
'''
PLAIN = '''
    """Doses."""

    def test_a_dose_is_exact():
        """CEL-09."""

    def helper():
        """AUD-08: no test."""
'''
SEALED, KEPT = (
    "tests.audit.test_seals.test_a_row_is_sealed",
    "tests.audit.test_seals.TestHead.test_it_is_kept",
)
EXACT = "tests.dosing.test_dose.test_a_dose_is_exact"


@pytest.fixture
def tests(tmp_path: Path):
    """Return the tests of a small tree."""
    for name, text in (("audit/test_seals.py", MODULE), ("dosing/test_dose.py", PLAIN)):
        file = tmp_path / "tests" / name
        file.parent.mkdir(parents=True)
        file.write_text(dedent(text), encoding="utf-8")
    return citing_tests(tmp_path / "tests", tmp_path)


def junit(folder: Path, cases: str, name: str = "sqlite.xml") -> Run:
    """Return the run of a results file with these cases."""
    file = folder / name
    file.write_text(
        '<testsuites><testsuite name="pytest" timestamp="2026-11-29T05:00:00">'
        '<properties><property name="database" value="SQLite 3.45"/></properties>'
        f"{cases}</testsuite></testsuites>",
        encoding="utf-8",
    )
    return read(file)


def case(key: str, inside: str = "", parameter: str = "") -> str:
    """Return a case of a results file."""
    place, _dot, name = key.rpartition(".")
    return f'<testcase classname="{place}" name="{name}{parameter}">{inside}</testcase>'


def requirement(name: str, kind: Kind = Kind.SHIPPED) -> Requirement:
    return Requirement(name, "Audit trail", f"What {name} asks.", kind, "")


def verdicts(tests, runs: list[Run], *names: str) -> list[Verdict]:
    return [row.verdict for row in matrix([requirement(name) for name in names], tests, runs)]


def test_the_ids_of_test_class_and_module_are_found(tests):
    assert {test.key: set(test.ids) for test in tests} == {
        KEPT: {"AUD-01", "AUD-02", "AUD-07", "SIG-01"},
        SEALED: {"AUD-07"},
        EXACT: {"CEL-09"},
    }


def test_an_id_that_the_register_does_not_have_is_named_with_its_place(tests, tmp_path):
    known = {"AUD-01", "AUD-02", "AUD-07", "AUD-08", "SIG-01"}
    assert unknown_citations(tmp_path / "tests", tmp_path, known) == ["tests/dosing/test_dose.py:5: CEL-09"]


def test_every_id_in_our_tests_is_in_the_register():
    assert unknown_citations(ROOT / "tests", ROOT, set(register())) == [], (
        "a typing error, or a new requirement"
    )


def test_a_requirement_is_held_if_all_its_tests_passed(tests, tmp_path):
    run = junit(
        tmp_path, case(SEALED) + case(KEPT, parameter="[a]") + case(KEPT, parameter="[b]") + case(EXACT)
    )
    assert verdicts(tests, [run], "AUD-07", "SIG-01", "CEL-09") == [Verdict.HELD] * 3
    assert run.outcomes[KEPT] == Counter(passed=2)


@pytest.mark.parametrize("inside", ["<failure/>", "<error/>"])
def test_one_failed_case_fails_every_requirement_that_the_test_cites(tests, tmp_path, inside):
    run = junit(tmp_path, case(SEALED) + case(KEPT, inside, "[a]") + case(KEPT, parameter="[b]"))
    passed = junit(tmp_path, case(SEALED) + case(KEPT), "postgresql.xml")
    assert verdicts(tests, [run, passed], "AUD-07", "AUD-01") == [Verdict.FAILED] * 2


def test_what_was_skipped_or_left_out_is_not_held(tests, tmp_path):
    run = junit(tmp_path, case(SEALED) + case(KEPT, "<skipped/>"))
    assert verdicts(tests, [run], "AUD-01", "AUD-07", "CEL-09") == [Verdict.INCOMPLETE] * 3
    elsewhere = junit(tmp_path, case(KEPT), "postgresql.xml")
    assert verdicts(tests, [run, elsewhere], "AUD-01", "AUD-07") == [Verdict.HELD] * 2


def test_a_requirement_without_a_test_is_listed(tests, tmp_path):
    rows = matrix(
        [requirement("AUD-07"), requirement("AUD-12"), requirement("BLD-04", Kind.PLANNED)], tests, []
    )
    assert [row.requirement.id for row in rows if row.lacks_test] == ["AUD-12"]
    files.write(tmp_path, rows, [], [])
    lines = (tmp_path / "without-test.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in lines] == ["id", "AUD-12", "BLD-04"]


def test_a_planned_requirement_that_tests_name_is_told(tests):
    rows = matrix([requirement("CEL-09", Kind.PLANNED), requirement("AUD-07")], tests, [])
    assert [row.requirement.id for row in rows if row.ahead_of_register] == ["CEL-09"]


def test_results_of_other_code_are_noticed(tests, tmp_path):
    run = junit(tmp_path, case(SEALED) + case("tests.audit.test_gone.test_old"))
    assert foreign_tests(tests, [run]) == ["tests.audit.test_gone.test_old"]


@pytest.mark.parametrize("content", ["", "<a/>", "<testsuites><testsuite/></testsuites>", "no XML"])
def test_a_file_without_results_is_refused(tmp_path, content):
    file = tmp_path / "results.xml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(NotAResult, match=r"results\.xml"):
        read(file)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("AUD-1,Area,Text,shipped,", "'AUD-1' is not an id"),
        ("AUD-01,Area,Text,soon,", "the kind is one of shipped, partly, planned, outside"),
        ("AUD-01,Area,,shipped,", "AUD-01 says nothing"),
        ("AUD-01,Area,Text,shipped", "5 columns are expected"),
        ("AUD-01,Area,Text,shipped,\nAUD-01,Area,Text,shipped,", "line 3: AUD-01 stands there twice"),
    ],
)
def test_a_mistake_in_the_register_names_its_line(tmp_path, line, told):
    file = tmp_path / "requirements.csv"
    file.write_text(f"id,area,requirement,kind,note\n{line}\n", encoding="utf-8")
    with pytest.raises(BadRegister, match=told):
        register(file)


def test_every_command_and_page_of_the_guide_exists():
    text = guide.FILE.read_text(encoding="utf-8")
    commands = set(re.findall(r"`manage\.py (\w+)", text))
    assert len(commands) > 5
    assert commands - set(get_commands()) == set()
    targets = set(re.findall(r"\bmake ([a-z]+)", text))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert {target for target in targets if f"\n{target}: " not in makefile} == set()


def test_pack_and_record_are_printed(tests, tmp_path):
    """VAL-01: tests with their results, the known limits, and places to sign."""
    making = Making(datetime(2026, 11, 29, tzinfo=UTC), "2026-11-29 05:00 UTC", "make validation")
    text = guide.FILE.read_text(encoding="utf-8")
    rows = matrix([requirement("AUD-07"), requirement("AUD-12")], tests, [junit(tmp_path, case(SEALED))])
    versions = [Version("Stroma", "0.1.0"), Version("Commit", "abc")]
    paper.write_pack(tmp_path / "pack.pdf", rows, [], versions, guide.limits(text), making)
    records = {title: guide.steps(text, title) for title in guide.RECORDS}
    paper.write_record(tmp_path / "record.pdf", records, versions, making)
    pack, record = (words(tmp_path / name) for name in ("pack.pdf", "record.pdf"))
    assert "AUD-07: not all run" in pack
    assert "a row is sealed passed" in pack
    assert "head: it is kept not run" in pack
    assert "AUD-12: no test" in pack
    assert "no assessment of risks" in pack
    assert "Operation (OQ)" in record
    assert record.count("Approved by") == len(records)


def words(file: Path) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(file).pages).split())


def test_a_row_without_a_result_is_not_taken_for_passed(tests):
    row: Row = matrix([requirement("AUD-07")], tests, [])[0]
    assert {each.outcome for each in row.tests} == {"not run"}
