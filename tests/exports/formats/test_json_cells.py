"""JSON of the rows of a table: cells that were remembered are written as the others."""

import json
from decimal import Decimal
from typing import Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from exports.formats import json_cells, json_lines
from exports.formats.json_cells import json_rows
from exports.formats.typed_values import typed_rows
from exports.tables.cells import Around, FixedEnd, GroupedRows, cells_of
from exports.tables.columns import StudyTable, TableColumn

COLUMNS = (
    TableColumn("code", "", "Code"),
    TableColumn("number", "", "Number", kind="integer"),
    TableColumn("dose", "", "Dose", kind="decimal"),
    TableColumn("typed", "", "As it was typed", free_text=True),
    TableColumn("site", "", "Site"),
)
# Equal as keys of a dictionary, or alike: each is written as it is.
cell: st.SearchStrategy[Any] = st.sampled_from(
    (
        "",
        "1",
        "1.0",
        "1.50",
        "1.5",
        "true",
        "'=1",
        "''",
        '"',
        "\n",
        "é",
        "x" * 300,
        1,
        True,
        1.5,
        Decimal("1.50"),
        None,
    )
)
end_text = st.sampled_from(("", "1", "01", "1.50", "'-5", "a,b", "\u2028"))


def one_by_one(rows: list[tuple[Any, ...]]) -> list[str]:
    """Return the lines as an encoder makes them that remembers nothing."""
    names = [column.name for column in COLUMNS]
    return [
        "{"
        + ",".join(f"{json.dumps(name)}:{alone(value)}" for name, value in zip(names, row, strict=True))
        + "}"
        for row in typed_rows(StudyTable("t", "T", COLUMNS, lambda: iter(rows)))
    ]


def alone(value: Any) -> str:
    return format(value, "f") if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def lines(rows: Any) -> list[str]:
    table = StudyTable("t", "T", COLUMNS, lambda: rows)
    before = [f'"{column.name}":' for column in COLUMNS]
    return ["{" + ",".join(cells) + "}" for cells in json_rows(table, json_lines.literal, before)]


@given(rows=st.lists(st.tuples(*[cell] * len(COLUMNS)), max_size=30), most=st.integers(1, 4))
def test_a_cell_that_was_written_before_is_written_alike(rows, most):
    """P11-03: whatever was remembered, and when it was forgotten."""
    with mock.patch.object(json_cells, "MOST_KNOWN", most):
        assert lines(iter(rows)) == one_by_one(rows)


@given(data=st.data())
def test_rows_that_begin_alike_are_written_as_any_others(data):
    """P11-03: the trail gives its rows in groups."""
    fixed = [
        FixedEnd(each) for each in data.draw(st.lists(st.tuples(end_text, end_text), min_size=1, max_size=3))
    ]
    around = Around((), (data.draw(end_text),))
    end = st.sampled_from(fixed) | st.tuples(st.just(around), end_text)
    groups = data.draw(
        st.lists(st.tuples(st.tuples(cell, cell, cell), st.lists(end, min_size=1, max_size=4)), min_size=1)
    )
    rows = [(*head, *cells_of(each)) for head, ends in groups for each in ends]
    assert lines(GroupedRows(iter(groups))) == one_by_one(rows)


def test_memory_does_not_follow_the_texts():
    """DAT-11: of a column with another text in every row, few are remembered, and none that is long."""
    known = json_cells._KnownCells(str.upper)
    for number in range(10 * json_cells.MOST_KNOWN):
        assert known[f"n{number}"] == f"N{number}"
        assert known["y" * (json_cells.LONGEST_KNOWN + 1)] == "Y" * (json_cells.LONGEST_KNOWN + 1)
        assert len(known) <= json_cells.MOST_KNOWN
    assert max(map(len, known)) <= json_cells.LONGEST_KNOWN
