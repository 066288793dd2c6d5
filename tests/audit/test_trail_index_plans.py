"""Filters of the trail read an index in its order, so that a million rows are not read for a page of fifty."""

import pytest
from django.db import connection

from audit.trail_index import finding
from audit.trail_reading.sources import Filter

# On so few rows PostgreSQL reads the table whatever its indexes are.
pytestmark = [pytest.mark.django_db, pytest.mark.one_engine]


def index_of(trail_filter: Filter) -> str:
    """Return the plan of a page of the trial's own entries, as SQLite tells it."""
    conditions = finding._conditions(trail_filter, ("see_trail",))
    assert conditions is not None
    own = conditions[0]
    statement = f"SELECT e.id FROM {finding.TABLE} e WHERE {own.sql} ORDER BY e.id DESC LIMIT 51"
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}", own.params)
        return " ".join(row[3] for row in cursor.fetchall())


@pytest.mark.parametrize("state", finding.STATES)
def test_a_rare_circumstance_is_found_by_its_own_index(state):
    """AUD-11: SQLite uses a partial index only if the filter says its condition in the same words."""
    plan = index_of(Filter(1, states=(state,)))
    assert f"USING INDEX trail_{state} " in plan
    assert "TEMP B-TREE" not in plan


def test_a_page_without_filter_is_read_in_order():
    """AUD-11."""
    plan = index_of(Filter(1))
    assert "USING INDEX trail_in_order " in plan
    assert "TEMP B-TREE" not in plan
