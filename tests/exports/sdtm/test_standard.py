"""The tables of the standard and the list of findings that stay: what the format and the list must hold."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from exports.sdtm import package
from exports.sdtm.methods import method_of, methods
from exports.sdtm.reviewers_note import known_findings
from exports.sdtm.standard.tables import SUPPLEMENT, code_lists, domains
from exports.sdtm.standard.units import SUBMITTED
from protocol.document.tabulation import DOMAINS
from tests.validation.sdtm_findings import found, gone, known, new


def test_names_and_labels_fit_a_transport_file():
    """P11-02: a name has at most 8 characters, a label 40; no variable stands twice in a domain."""
    for domain in domains().values():
        names = [variable.name for variable in domain.variables]
        assert len(set(names)) == len(names)
        assert all(len(name) <= 8 and re.fullmatch(r"[A-Z][A-Z0-9]*", name) for name in names)
        assert all(0 < len(variable.label) <= 40 for variable in domain.variables)
        assert {variable.core for variable in domain.variables} <= {"Req", "Exp", "Perm"}
        assert set(domain.keys) <= set(names)


def written_qualifiers() -> Iterator[tuple[str, str]]:
    """Yield name and label of each qualifier that the program itself writes."""
    for path in sorted(Path(package.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            parts = (
                node.elts if isinstance(node, ast.Tuple) else node.args if isinstance(node, ast.Call) else []
            )
            texts = [each.value for each in parts[:2] if isinstance(each, ast.Constant)]
            if len(texts) == 2 and all(isinstance(each, str) for each in texts):
                name, label = texts
                if re.fullmatch(r"[A-Z][A-Z0-9]+", name) and re.search("[a-z]", label):
                    yield name, label


def test_names_and_labels_of_qualifiers_fit_a_transport_file():
    """P11-02: CORE-000222. Those of a protocol file are checked when it is loaded."""
    found = dict(written_qualifiers())
    assert {"EXPECT", "COHORT", "DONORID", "BEPLACE", "PREMED"} <= set(found)
    assert [each for each in found.items() if len(each[0]) > 8 or len(each[1]) > 40] == []


def test_every_domain_that_a_protocol_file_may_name_is_written():
    """P11-02: no answer goes to a domain without a data set."""
    assert set(domains()) >= DOMAINS
    assert SUPPLEMENT in domains()


def test_every_derived_variable_states_its_method():
    """P11-02: Define-XML says how a derived variable is computed; no method is left over."""
    used = {
        method_of(variable)
        for domain in domains().values()
        for variable in domain.variables
        if variable.origin == "Derived"
    }
    assert used | {"COHORT", "CELLSKG", "NODOSE"} == set(methods())


def test_terms_have_nci_codes():
    """P11-02: SDTM Controlled Terminology 2022-09-30: a code is C and digits; a term without one says nothing."""
    codes = [code for each in code_lists().values() for code in each.terms.values()]
    assert all(code == "" or re.fullmatch(r"C[0-9]+", code) for code in codes)
    assert sum(code != "" for code in codes) > 400
    assert code_lists()["C66742"].terms["Y"] == "C49488"
    assert SUBMITTED["pg/mL"] == "ng/L"


def test_each_finding_that_stays_has_its_reason():
    """P11-02: docs/sdtm_findings.csv goes into the note for the reviewer."""
    rows = known_findings()
    assert len({(rule, data_set) for rule, data_set, _reason in rows}) == len(rows) > 0
    assert all(re.fullmatch(r"CORE-[0-9]{6}", rule) for rule, _data_set, _reason in rows)
    assert all(len(reason) > 20 for _rule, _data_set, reason in rows)


def test_the_comparison_with_the_rules_engine_tells_what_is_new_and_what_is_gone(tmp_path):
    """P11-02: `make sdtm-findings` fails for a finding without a reason."""
    result = tmp_path / "result.json"
    result.write_text(
        '{"issues": [{"rule": "CORE-000356", "dataset": "AE"}, {"rule": "CORE-000001", "dataset": "DM"}]}'
    )
    assert new(found([result]), known()) == {("CORE-000001", "DM")}
    assert ("CORE-000356", "AE") not in gone(found([result]), known())
    assert ("CORE-000741", "TS") in gone(found([result]), known())
