"""Tables of an export: names of their columns, and what was not done (DAT-02, DAT-10)."""

from datetime import date, timedelta

import pytest

from audit.context import acting
from dosing.infusions.administration import mark_not_given
from dosing.models import Infusion
from exports.exporting import tables_of
from exports.tables import study_columns
from exports.tables.columns import PATIENT, col, computed
from patients.models import Visit
from patients.participation.visits import hold_visit, miss_visit
from protocol.checking.column_names import KEY_COLUMNS, ROW_KEY_COLUMNS
from safety.choices import causalities
from tests.support import build
from tests.support.study import amended_protocol

pytestmark = pytest.mark.django_db


PROTOCOLS = {
    "liege": lambda: build.trial(build.LIEGE),
    "covid_msv": lambda: build.trial(build.COVID_MSV),
    "third": lambda: build.trial("third"),
    "small": lambda: build.version((build.ROOT / "tests/support/protocols/small.toml").read_text()).trial,
    "walk and its amendment": lambda: amended_protocol.trial() and amended_protocol.amendment().trial,
}


def rows_of(trial, name: str) -> list[dict[str, str]]:
    """Return the rows of a table as an export has them, by column."""
    table = next(table for table in tables_of(trial, sees_treatment=True) if table.name == name)
    return [dict(zip(table.header, row, strict=True)) for row in table.rows()]


def test_the_key_columns_are_documented():
    described = (build.ROOT / "docs/files.md").read_text(encoding="utf-8")
    protocol_file = (build.ROOT / "docs/protocol-file.md").read_text(encoding="utf-8")
    for name in (*KEY_COLUMNS, *ROW_KEY_COLUMNS):
        assert f"`{name}`" in described
        assert f"`{name}`" in protocol_file


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_table_has_two_columns_of_one_name_and_no_two_files_have_one_name(protocol):
    """Whatever the case: many programs and the file systems of two of three do not mind it."""
    trial = PROTOCOLS[protocol]()
    tables = list(tables_of(trial, sees_treatment=True, sees_files=True))
    for table in tables:
        names = [name.casefold() for name in table.header]
        assert sorted(names) == sorted(set(names)), table.name
    files = [table.file.casefold() for table in tables]
    assert sorted(files) == sorted(set(files))


def length(first: date | None, last: date | None) -> int | None:
    """Return the days of a window; None while it is not planned."""
    return (last - first).days if first and last else None


def test_a_column_may_be_computed_from_several_stored_values(trial, monkeypatch):
    """A function gets the values as the model has them; None is an empty cell."""
    patient = build.patient(trial=trial)
    made = (
        PATIENT,
        computed("days", "Days of the window", length, "window_from", "window_to"),
        computed("was_held", "Held", lambda held: held is not None, "held_on"),
        col("visit", "Visit", "code"),
    )
    monkeypatch.setitem(study_columns.COLUMNS, "visits", made)
    rows = rows_of(trial, "visits")
    assert rows[0] == {"patient": patient.code, "days": 3, "was_held": "N", "visit": "SCR"}
    assert {row["days"] for row in rows[1:]} == {""}
    described = [row["item"] for row in rows_of(trial, "data_dictionary") if row["table"] == "visits"]
    assert described == [column.name for column in made]


def test_a_table_of_rows_that_was_not_done_is_in_the_table_of_its_form(trial, doctor):
    patient = build.enrolled(trial=trial, investigator=doctor)
    told = {"series": {"missing": "ND", "reason": "=monitor broken"}}
    build.record(patient, "infusion_monitoring", told, visit="INF1", draft=True, by=doctor)
    second = Visit.objects.get(patient=patient, code="INF2")
    with acting(user=doctor, role="investigator"):
        hold_visit(visit=second, on=trial.today, by=doctor)
    build.record(
        patient, "infusion_monitoring", {"series": [{"hr": "81"}]}, visit="INF2", draft=True, by=doctor
    )
    columns = ("visit", "series__missing", "series__reason")
    found = [tuple(row[name] for name in columns) for row in rows_of(trial, "forms/infusion_monitoring")]
    assert found == [("INF1", "ND", "'=monitor broken"), ("INF2", "", "")]
    assert [row["visit"] for row in rows_of(trial, "forms/infusion_monitoring__series")] == ["INF2"]
    (described,) = [row for row in rows_of(trial, "data_dictionary") if row["item"] == "series"]
    assert described["table"] == "forms/infusion_monitoring"
    assert described["columns"] == "series__missing series__reason"
    assert described["missing_codes"] == "ND"


def test_a_form_that_was_not_done_has_the_code_of_each_item(trial, doctor):
    """The button "Rest not done" marks every item of a group; a form of several groups is marked group by group."""
    patient = build.enrolled(trial=trial, investigator=doctor)
    form = patient.protocol.rules.form("haematology")
    asked = [item.name for item in form.items if "ND" in item.missing and not item.is_calculated]
    told = {name: {"missing": "ND"} for name in asked}
    build.record(patient, "haematology", told, visit="D7", draft=True, by=doctor)
    (row,) = [row for row in rows_of(trial, "forms/haematology") if row["visit"] == "D7"]
    assert asked
    assert {name: row[f"{name}__missing"] for name in asked} == dict.fromkeys(asked, "ND")


LIMIT_PARTS = ("__comparator", "__limit", "__unit", "__entered", "__entered_unit")


def test_a_result_beyond_a_limit_of_detection_is_never_exported_as_the_limit(trial, doctor):
    """DAT-02: comparator and limit have columns of their own, and the dictionary describes them."""
    patient = build.enrolled(trial=trial, investigator=doctor)
    told = {
        "crp": {"comparator": "<", "limit": "0.6"},
        "ferritin": {"comparator": ">", "limit": "2000", "entered": "2000", "unit": "ng/mL"},
    }
    build.record(patient, "biochemistry", told, visit="D7", draft=True, by=doctor)
    (row,) = [row for row in rows_of(trial, "forms/biochemistry") if row["visit"] == "D7"]
    assert [row[f"crp{part}"] for part in ("", "__comparator", "__limit", "__entered")] == [
        "",
        "<",
        "0.6",
        "<0.6",
    ]
    assert [row[f"ferritin{part}"] for part in ("", *LIMIT_PARTS)] == [
        "", ">", "2000", "ug/L", ">2000", "ng/mL",
    ]  # fmt: skip
    described = [row for row in rows_of(trial, "data_dictionary") if row["table"] == "forms/biochemistry"]
    (crp,) = [row for row in described if row["item"] == "crp"]
    assert "crp crp__comparator crp__limit" in crp["columns"]


def test_a_missed_visit_and_an_infusion_not_given_are_exported_with_their_reasons(trial, doctor):
    patient = build.enrolled(trial=trial, on=trial.today - timedelta(days=42), investigator=doctor)
    with acting(user=doctor, role="investigator"):
        visit = Visit.objects.get(patient=patient, code="D7")
        miss_visit(visit=visit, reason="In quarantine", by=doctor)
        third = Infusion.objects.get(patient=patient, number=3)
        mark_not_given(infusion=third, reason="No bag left", version=third.version, by=doctor)
    (missed,) = [row for row in rows_of(trial, "visits") if row["status"] == "missed"]
    assert (missed["visit"], missed["missed_reason"]) == ("D7", "In quarantine")
    (skipped,) = [row for row in rows_of(trial, "infusions") if row["status"] == "not_given"]
    assert (skipped["infusion"], skipped["not_given_reason"]) == (3, "No bag left")


def test_the_codes_of_a_causality_are_those_of_the_protocols_scale():
    """P11-03: the list of the field is that of a protocol without a scale; pages and database have the trial's own."""
    columns = {}
    for trial in (build.trial(build.COVID_MSV), build.trial(build.LIEGE), build.trial("third")):
        tables = tables_of(trial, sees_treatment=False)
        events = next(table for table in tables if table.name == "adverse_events")
        columns[trial] = {column.name: column for column in events.columns}
        wanted = [code for code, _label in causalities(trial.rules)]
        for name in ("causality", "causality_infusion", "sponsor_causality", "sponsor_causality_disease"):
            assert [code.code for code in columns[trial][name].codes] == wanted
        labels = [code.label("en") for code in columns[trial]["causality"].codes]
        assert labels == [label for _code, label in causalities(trial.rules)]
        assert columns[trial]["serious"].codes == ()
