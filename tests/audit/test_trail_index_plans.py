"""Filters of the trail read an index in its order, so that a million rows are not read for a page of fifty."""

from datetime import UTC, datetime

import pytest
from django.db import connection

from audit.trail_index import finding
from audit.trail_reading.sources import Filter, WorkingHours

# On so few rows PostgreSQL reads the table whatever its indexes are.
pytestmark = [pytest.mark.django_db, pytest.mark.one_engine]


def plans(trail_filter: Filter, ending: str) -> str:
    """Return the plans of all parts of a statement, as SQLite tells them."""
    conditions = finding._conditions(trail_filter, ("see_trail",))
    assert conditions is not None
    found = []
    with connection.cursor() as cursor:
        for each in conditions:
            if "e.trial_id = 0" in each.parts:
                continue
            cursor.execute(
                f"EXPLAIN QUERY PLAN SELECT e.id FROM {finding._read_from(trail_filter)[0]} WHERE {each.sql} {ending}",
                each.params,
            )
            found += [row[3] for row in cursor.fetchall()]
    return " ".join(found)


def index_of(trail_filter: Filter) -> str:
    """Return the plan of a page of the trial's own entries."""
    return plans(trail_filter, "ORDER BY e.id DESC LIMIT 51")


def count_of(trail_filter: Filter) -> str:
    """Return the plan of their count, which asks for no order."""
    return plans(trail_filter, f"LIMIT {finding.COUNTED + 1}")


DAYS = {"since": datetime(2026, 3, 1, tzinfo=UTC), "until": datetime(2026, 3, 2, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({"patient_id": 7}, "trail_by_patient"),
        ({"form": "vitals"}, "trail_by_form"),
        ({"form": "vitals", "item": "temp"}, "trail_by_form"),
        ({"form": "safety.adverseevent"}, "trail_by_form"),
        ({"item": "temp", "places": (("patients.record", "vitals"), ("patients.sample", ""))}, "trail_by_form"),
        ({"row": ("patients.record", 5)}, "trail_by_key"),
        ({"user_id": 3}, "trail_by_user"),
        ({"user_id": -1}, "trail_by_user"),
        ({"about": 3}, "trail_about_person"),
        ({"role": "monitor"}, "trail_by_role"),
        ({"kind": "deleted"}, "trail_by_kind"),
        ({"kind": "exported"}, "trail_by_kind"),
        ({"origin": "command"}, "trail_by_origin"),
        ({"session": "17"}, "trail_by_session"),
        ({"address": "10.0.0.17"}, "trail_by_address"),
        ({"watched": (("patients.record", "vitals", ("temp",)), ("patients.record", "ecg", ()))}, "trail_by_form"),
    ],
)  # fmt: skip
def test_every_filter_has_an_index_for_its_page_and_for_its_count(filters, index):
    """AUD-11: the count too, though its statement asks for no order."""
    page, count = index_of(Filter(1, **filters)), count_of(Filter(1, **filters))
    assert f"INDEX {index} " in page
    assert "TEMP B-TREE" not in page
    assert "trail_in_order" not in page + count
    assert f"INDEX {index} " in count


@pytest.mark.parametrize("days", [DAYS, {"since": DAYS["since"]}, {"until": DAYS["until"]}])
def test_days_are_a_range_of_numbers_read_in_order(days):
    """AUD-11: an old day is not reached over all newer entries, and nothing is sorted."""
    page = index_of(Filter(1, **days))
    assert "INDEX trail_in_order (trial_id=? AND id" in page
    assert "TEMP B-TREE FOR ORDER BY" not in page


@pytest.mark.parametrize(
    "filters", [{"minutes": (1380, 90)}, {"outside": WorkingHours((0, 1, 2, 3, 4), 7 * 60, 20 * 60)}]
)
def test_a_time_of_day_is_counted_in_its_index(filters):
    """AUD-11: one span of the week after the other."""
    plan = count_of(Filter(1, **filters))
    assert "INDEX trail_by_minute (trial_id=? AND see=? AND minute>? AND minute<?)" in plan
    assert "trail_in_order" not in plan


@pytest.mark.parametrize(
    ("filters", "plan"),
    [
        ({}, "trail_in_order (trial_id=? AND id>? AND id<?)"),
        ({"minutes": (480, 600)}, "trail_in_order (trial_id=? AND id>? AND id<?)"),
        ({"form": "vitals"}, "trail_by_form (trial_id=? AND source=? AND form=? AND id>? AND id<?)"),
    ],
)
def test_the_next_page_begins_at_the_moment_of_the_last_entry(filters, plan):
    """AUD-11: however deep the page is, no entry before it is passed."""
    assert plan in index_of(Filter(1, exactly=DAYS["since"], **filters))


@pytest.mark.parametrize("state", finding.STATES)
def test_a_rare_circumstance_is_found_by_its_own_index(state):
    """AUD-11: SQLite uses a partial index only if the filter says its condition in the same words."""
    plan = index_of(Filter(1, states=(state,)))
    assert f"USING INDEX trail_{state} " in plan
    assert "TEMP B-TREE" not in plan


def test_a_search_reads_the_words_once_in_the_order_of_the_trail():
    """AUD-11: a word that every entry has fills a page with the first entries, and no list of all is made."""
    words = Filter(1, search="routine", people=(3, 4), patient_id=None)
    page = plans(words, "ORDER BY audit_trail_words.rowid DESC LIMIT 51")
    assert page.startswith("SCAN audit_trail_words VIRTUAL TABLE")
    assert "SEARCH e USING INDEX sqlite_autoindex_audit_trailindexrow_1 (id=?)" in page
    assert "TEMP B-TREE" not in page
    assert "LIST SUBQUERY" not in page.split("SEARCH e")[0]
    assert len(finding._conditions(words, ()) or ()) == 1


@pytest.mark.parametrize(
    ("minutes", "index"), [((180, 185), "trail_by_minute"), ((480, 1080), "trail_by_form")]
)
def test_a_few_minutes_of_the_day_narrow_more_than_a_form(minutes, index):
    """AUD-11: few minutes are counted by their own index, a working day by that of the form."""
    assert f"INDEX {index} " in count_of(Filter(1, form="vitals", minutes=minutes))


def test_a_page_without_filter_is_read_in_order():
    """AUD-11."""
    plan = index_of(Filter(1))
    assert "USING INDEX trail_in_order " in plan
    assert "TEMP B-TREE" not in plan
