"""Codes that a protocol names have labels in every file of an export (P11-03)."""

import json
from dataclasses import replace

import pytest

from exports.exporting import tables_of
from exports.tables.columns import StudyTable, TableColumn
from exports.tables.description.code_lists import numbers_of
from exports.tables.description.protocol_codes import with_protocol_codes
from tests.support import build
from tests.support.pages.exports import archive_of, sent_export

pytestmark = pytest.mark.django_db


def codes(trial, column: str, *, sees_treatment: bool = True) -> dict[str, dict[str, str]]:
    """Return by table the code list of a column, with English labels."""
    return {
        table.name: {code.code: code.label("en") for code in each.codes}
        for table in tables_of(trial, sees_treatment=sees_treatment)
        for each in table.columns
        if each.name == column and each.codes
    }


def test_every_table_with_a_visit_has_the_same_list_of_visits(trial):
    """Tables join by number too, in formats whose codes are numbers."""
    found = codes(trial, "visit")
    planned = {visit.code: visit.title.in_language("en") for visit in trial.rules.visits}
    assert {"visits", "samples", "queries", "signatures", "forms/vitals"} <= set(found)
    for name, each in found.items():
        assert each == {**planned, "UNS": "Unscheduled visit"}, name
        assert list(each) == ["UNS", *planned]


def test_criteria_forms_groups_and_roles_have_their_labels(trial):
    """As the protocol words them, or as the pages name them."""
    rules = trial.rules
    criteria = {each.id: each.text.in_language("en") for each in rules.eligibility}
    assert codes(trial, "criterion")["criteria"] == criteria
    assert codes(trial, "form")["queries"] == {
        code: form.title.in_language("en") for code, form in rules.forms.items()
    }
    groups = {each.code: each.title.in_language("en") for each in rules.groups}
    assert codes(trial, "group")["patients"] == groups
    assert codes(trial, "patient_group")["event_classes"] == groups
    assert codes(trial, "role")["signatures"]["investigator"] == "Investigator"


def test_arms_are_named_to_those_who_may_know_them():
    """BLD-01: for all others no table has the column, nor the list."""
    trial = build.trial(build.COVID_MSV)
    arms = {each.code: each.title.in_language("en") for each in trial.rules.arms}
    found = codes(trial, "arm")
    assert {"event_classes", "forms/vitals"} <= set(found)
    assert all(each == arms for each in found.values())
    assert codes(trial, "arm", sees_treatment=False) == {}
    answer = archive_of(sent_export(build.user("data_manager", trial=trial), trial, format="jsonl"))
    told = [json.loads(line) for line in answer.read("codes.jsonl").decode().splitlines()]
    assert {row["label"] for row in told}.isdisjoint(arms.values())


def test_a_list_holds_the_codes_of_every_version_with_the_newest_words(trial):
    """An amendment that drops a visit leaves the rows of those who had it; one that adds a visit moves no number."""
    now = trial.rules
    first, *rest = now.visits
    renamed = first.model_copy(update={"title": now.visits[1].title})
    added = first.model_copy(update={"code": "NEW"})
    later = now.model_copy(update={"visits": (renamed, *rest[1:], added)})
    table = StudyTable("visits", "Visits", (TableColumn("visit", "", "Visit"),), lambda: iter(()))
    (found,) = with_protocol_codes([table], [now, later])
    names = [code.code for code in found.columns[0].codes]
    assert names == ["UNS", *[visit.code for visit in now.visits], "NEW"]
    assert found.columns[0].codes[1].label("en") == now.visits[1].title.in_language("en")
    before = with_protocol_codes([table], [now])
    old, new = (numbers_of(each.columns[0].codes) for each in (*before, found))
    assert all(new[code] == number for code, number in old.items())


def test_an_item_that_has_the_name_of_a_key_keeps_its_own_codes(trial):
    """In a table of a form only the keys are codes of the protocol; a typed text never is one."""
    columns = tuple(TableColumn(name, "", name) for name in ("visit", "group", "form", "role", "level"))
    table = StudyTable("forms/odd", "Odd", columns, lambda: iter(()))
    (found,) = with_protocol_codes([table], [trial.rules])
    assert [column.name for column in found.columns if column.codes] == ["visit"]
    typed = replace(table, name="visits", columns=(replace(columns[0], free_text=True),))
    (found,) = with_protocol_codes([typed], [trial.rules])
    assert found.columns[0].codes == ()
