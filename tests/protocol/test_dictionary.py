"""Tables, columns and the data dictionary (DAT-02, DAT-10)."""

from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.checking.dictionary import HEADER, cells_of, columns, columns_of, rows, tables, tables_of
from protocol.checking.loading import load
from protocol.document.items import Item
from protocol.simulation.answers import Simulation, simulated_values
from protocol.values.moment_parts import moment_parts
from protocol.values.moments import Moment
from protocol.values.units import UCUM
from tests.support.protocols.every_type import EVERY_TYPE, VALUES
from tests.support.protocols.shipped import COVID_MSV, LIEGE, ROOT, THIRD, protocol

SMALL = load((ROOT / "tests/support/protocols/small.toml").read_text(encoding="utf-8"))
SLUGS = [LIEGE, COVID_MSV, THIRD]


def test_an_item_has_a_column_for_each_part_of_its_value() -> None:
    assert columns(SMALL.form("body")) == [
        "sex",
        "sex__missing",
        "sex__reason",
        "pregnant",
        "pregnant__missing",
        "pregnant__reason",
        "weight",
        "weight__unit",
        "weight__entered",
        "weight__entered_unit",
        "weight__missing",
        "weight__reason",
        "height",
        "height__missing",
        "height__reason",
        "bmi",
    ]


def test_repeating_rows_are_a_table_of_their_own() -> None:
    assert [table.name for table in tables(SMALL)] == ["body", "notes", "notes__doses"]
    assert "doses" not in columns(SMALL.form("notes"))
    assert tables(SMALL)[2].columns[:2] == ("on", "on__precision")


def test_repeating_rows_that_are_not_done_have_their_code_in_the_table_of_the_form() -> None:
    """DAT-02: a table without rows is not the same as one that was not done."""
    form, rows_of_doses = tables(SMALL)[1:]
    assert form.columns[:2] == ("doses__missing", "doses__reason")
    told = {"doses": {"missing": "ND", "reason": "pump away"}, "remark": "later"}
    assert form.cells(told)[:3] == ["ND", "pump away", "later"]
    assert form.cells({"doses": [{"mg": "5"}]})[:2] == ["", ""]
    assert form.cells({})[:2] == ["", ""]
    described = {row.table: row for row in rows(SMALL) if row.item == "doses"}
    assert list(described) == ["notes"]
    row = described["notes"]
    assert (row.columns, row.type) == ("doses__missing doses__reason", "rows")
    assert row.missing_codes == "ND; UNK; NAP"
    assert rows_of_doses.columns[0] == "on"


def test_a_value_entered_in_pounds_keeps_what_was_entered() -> None:
    weight = SMALL.item("body.weight")
    entered = {"value": "81.64656600", "entered": "180", "unit": "lb"}
    assert cells_of(weight, entered) == ["81.64656600", "kg", "180", "lb", "", ""]
    assert cells_of(weight, "81.6") == ["81.6", "kg", "81.6", "kg", "", ""]
    assert cells_of(weight, {"missing": "ND", "reason": "bed-bound"}) == ["", "", "", "", "ND", "bed-bound"]
    assert cells_of(weight, None) == ["", "", "", "", "", ""]


def test_several_answers_are_one_column_per_code_and_blank_is_not_no() -> None:
    risks = protocol(THIRD).item("knee.risks")
    assert list(columns_of(risks))[:3] == ["risks__ANTICOAGULANT", "risks__INFECTION", "risks__NONE"]
    assert cells_of(risks, ["INFECTION"])[:3] == ["0", "1", "0"]
    assert cells_of(risks, None)[:3] == ["", "", ""]
    assert cells_of(risks, {"missing": "UNK"})[:4] == ["", "", "", "UNK"]


def test_the_dictionary_says_all_of_an_item() -> None:
    row = next(row for row in rows(SMALL) if row.item == "weight")
    assert dict(zip(HEADER, row.as_text(), strict=True)) == {
        "table": "body",
        "item": "weight",
        "columns": "weight weight__unit weight__entered weight__entered_unit weight__missing weight__reason",
        "form_title": "Body",
        "label": "Weight",
        "type": "decimal",
        "unit": "kg",
        "other_units": "lb × 0.45359237",
        "choices": "",
        "hard_limits": "20 to 300",
        "soft_limits": "35 to 180",
        "decimals": "1",
        "required": "yes",
        "shown_when": "",
        "calculate": "",
        "missing_codes": "ND; UNK; NAP",
        "cdisc_domain": "VS",
        "cdisc": "",
        "loinc": "29463-7",
        "source": "",
    }


def test_the_dictionary_speaks_the_language_asked_for() -> None:
    labels = {row.item: row for row in rows(protocol(LIEGE), "fr")}
    assert labels["sex"].label == protocol(LIEGE).item("demography.sex").label.in_language("fr")


@pytest.mark.parametrize("slug", SLUGS)
def test_every_item_is_in_the_dictionary_once_and_every_column_is_named_once(slug: str) -> None:
    rules = protocol(slug)
    described = [(row.table, row.item) for row in rows(rules)]
    assert len(described) == len(set(described))
    plain = [item for form in rules.forms.values() for item in form.items]
    celled = [cell for form in rules.forms.values() for item in form.items for cell in item.columns]
    assert len(described) == len(plain) + len(celled)
    for table in tables(rules):
        assert len(table.columns) == len(set(table.columns))


@pytest.mark.parametrize("slug", SLUGS)
def test_cells_are_under_their_columns_and_lose_nothing(slug: str) -> None:
    for number, table in enumerate(tables(protocol(slug))):
        if table.rows_of is not None:
            continue
        how = Simulation(missing_rate=0.2)
        values = simulated_values(table.form, Random(number), protocol(slug), simulation=how)
        cells = dict(zip(table.columns, table.cells(values), strict=True))
        for item in table.items:
            value = values.get(item.name)
            if isinstance(value, str):
                assert cells[item.name] == (moment_parts(value).local if item.type == "datetime" else value)
            if isinstance(value, dict) and "missing" in value:
                assert cells[f"{item.name}__missing"] == value["missing"].replace("NA", "NAP")


def test_a_date_with_a_time_is_local_time_instant_and_zone() -> None:
    """DAT-10: R cuts `2026-08-02T09:41+02:00[Europe/Madrid]` to midnight without a word."""
    at = next(item for item in protocol(LIEGE).form("vitals").items if item.name == "measured_at")
    cells = cells_of(at, "2026-10-25T02:30+01:00[Europe/Brussels]")
    columns = list(columns_of(at))
    assert columns[:4] == ["measured_at", *(f"measured_at__{part}" for part in ("utc", "zone", "precision"))]
    assert cells[:4] == ["2026-10-25T02:30", "2026-10-25T01:30:00Z", "Europe/Brussels", "minute"]
    assert cells_of(at, "2026-10-25")[:4] == ["2026-10-25", "", "", "day"]
    assert cells_of(at, None) == [""] * len(columns)


@given(
    st.datetimes(min_value=datetime(1900, 1, 2), max_value=datetime(2100, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from(("Europe/Brussels", "Europe/Madrid", "America/St_Johns", "Asia/Kathmandu", "UTC")),
)
def test_the_parts_of_a_minute_are_those_of_its_moment(instant: datetime, zone: str) -> None:
    """DAT-10: also in the hour that occurs twice, and at half-hour offsets."""
    moment = Moment.from_datetime(instant, zone)
    parts = moment_parts(moment.iso)
    assert parts.local == moment.wall.isoformat(timespec="minutes")
    assert datetime.fromisoformat(parts.utc) == moment.earliest
    assert parts.utc.endswith("Z")
    assert (parts.zone, parts.precision) == (zone, "minute")


@pytest.mark.parametrize(
    "text", ["2026-02-31T09:00+01:00[Europe/Brussels]", "2026-02-31", "2026-03-01T09:00"]
)
def test_what_is_no_stored_moment_has_no_parts(text: str) -> None:
    with pytest.raises(ValueError):
        moment_parts(text)


def test_the_cells_of_a_record_are_those_of_its_items() -> None:
    """P11-02: for a mere text, a missing code, and an item of every type, with a value or without one."""
    table = next(tables_of(EVERY_TYPE))
    for values in (
        VALUES,
        {},
        dict.fromkeys(VALUES),
        {name: {"missing": "ND", "reason": "x"} for name in VALUES},
    ):
        apart = [cells_of(item, values.get(item.name)) for item in table.items]
        assert table.cells(values) == [cell for each in apart for cell in each]
        assert len(table.cells(values)) == len(table.columns)


def test_a_partial_date_says_what_is_known() -> None:
    """DAT-05: a year is not the first of January."""
    item = Item.model_validate({"name": "on", "type": "partial_date", "label": {"en": "Day"}})
    assert list(columns_of(item))[:2] == ["on", "on__precision"]
    for stored, precision in (("2021", "year"), ("2021-01", "month"), ("2021-01-05", "day"), (None, "")):
        assert cells_of(item, stored)[:2] == [stored or "", precision]


def test_not_applicable_is_not_the_code_that_r_and_pandas_read_as_empty() -> None:
    """DAT-02: `NA` in a file is an empty cell for both; the others keep their code."""
    weight = SMALL.item("body.weight")
    assert [cells_of(weight, {"missing": code})[4] for code in ("NA", "ND", "UNK", "ASKU")] == [
        "NAP", "ND", "UNK", "ASKU",
    ]  # fmt: skip


@pytest.mark.parametrize("slug", SLUGS)
def test_every_unit_of_a_protocol_has_a_ucum_code(slug: str) -> None:
    for row in rows(protocol(slug)):
        assert not row.unit or UCUM[row.unit]
