"""Rows of a patient with very many of them stand in a file until they are written."""

from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from exports.odm.kept_rows import RowColumns, RowFile

NAMES = ("id", "text", "at", "dose", "values")
ROWS = st.lists(
    st.tuples(
        st.integers(),
        st.text() | st.none(),
        st.datetimes(timezones=st.just(UTC)) | st.dates(),
        st.decimals(allow_nan=False),
        st.dictionaries(st.text(), st.none() | st.booleans() | st.text() | st.lists(st.text())),
    ),
    max_size=20,
)


@given(rows=ROWS, data=st.data())
def test_a_row_from_the_file_has_the_columns_of_a_row_in_memory(rows, data):
    """PRV-04: asked in any order, between rows that are still written, each column has its value and type."""
    places = {name: place for place, name in enumerate(NAMES)}
    with RowFile() as file:
        kept = list[tuple[RowColumns, object]]()
        for values in rows:
            kept.append((RowColumns(places, values), file.keep(places, values)))
            memory, filed = data.draw(st.sampled_from(kept))
            name = data.draw(st.sampled_from(NAMES))
            assert (filed[name], type(filed[name])) == (memory[name], type(memory[name]))
        for memory, filed in data.draw(st.permutations(kept)):
            assert dict(filed) == dict(memory)
            assert len(filed) == len(memory)


def test_a_row_keeps_what_it_was_given():
    """PRV-04: the last row is remembered, not the one before it."""
    first, second = (1, date(2026, 2, 28)), (2, datetime(2026, 3, 1, 9, 41, tzinfo=UTC))
    with RowFile() as file:
        one, two = (file.keep({"id": 0, "at": 1}, row) for row in (first, second))
        assert (one["id"], two["at"], one["at"], two["id"]) == (1, second[1], first[1], 2)
        three = file.keep({"dose": 0}, (Decimal("1.50"),))
        assert (str(three["dose"]), one["id"]) == ("1.50", 1)
