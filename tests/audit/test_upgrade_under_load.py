"""An upgrade while people save, and one that is killed: separate processes on their own database (REL-01, REL-09)."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from django.db import connection

from audit.integrity.guard import UPGRADING
from tests.trust import upgrade
from tests.trust.upgrade import Installation, kill, save_during_an_upgrade

pytestmark = [pytest.mark.django_db, pytest.mark.long]
on_postgresql = connection.vendor == "postgresql"
PAGE = """
from django.test import Client
answer = Client(raise_request_exception=False).get("/healthz")
print(answer.status_code, answer.json()["status"])
"""
CHECK = """
from audit import triggers
print(triggers.defects(), triggers.guarded(__import__("django.db").db.connection))
"""
SAVE = """
from audit.context import acting
from trials.models import Trial
with acting(system="test"):
    Trial.objects.create(slug="{slug}")
"""
COLUMNS = "SELECT * FROM trials_trial WHERE false"


@pytest.fixture
def place() -> Iterator[Installation]:
    with upgrade.installation() as found:
        yield found


def test_every_save_acknowledged_during_an_upgrade_has_its_history(place):
    """AUD-01, AUD-06: also the changes of the upgrade itself, by the system."""
    saves = save_during_an_upgrade(place, writers=2, seconds=1, after=1)
    kept = {slug for (slug,) in place.query("SELECT slug FROM trials_trial")}

    assert len(saves.done) > 20
    assert set(saves.done) <= kept
    assert place.query(upgrade.WITHOUT_HISTORY) == []
    # PostgreSQL refuses with the sentence; SQLite lets the writers wait.
    assert set(saves.refused) == ({UPGRADING} if on_postgresql else set())
    assert saves.longest_refusal < 10
    (by,) = place.query("SELECT history_user_name FROM trials_historicaltrial WHERE history_type = '~'")
    assert by == ("system:migrate",)
    verified = place.run("verify_trail")
    assert verified.returncode == 0, verified.stderr


def test_a_killed_upgrade_leaves_data_schema_and_triggers_as_they_were(place):
    """AUD-06: the next write leaves its history, and the upgrade can be run again."""
    place.python(SAVE.format(slug="before"))
    kill(place.upgrade(seconds=30))
    columns = described(place)

    assert "trust_note" not in columns
    assert place.query("SELECT recruiting FROM trials_trial") in ([(True,)], [(1,)])
    assert place.python(CHECK) == "[] True"
    place.python(SAVE.format(slug="after"))
    assert place.query(upgrade.WITHOUT_HISTORY) == []

    again = place.upgrade(seconds=0)
    assert again.wait(upgrade.PATIENCE_SECONDS) == 0
    assert "trust_other" in described(place)
    assert place.python(CHECK) == "[] True"
    assert place.run("verify_trail").returncode == 0


def test_older_code_is_kept_out_until_the_upgrade_has_ended(place):
    """AUD-06: it sets the actor its own way and asks nobody; the locks of the transaction hold it."""
    running = place.upgrade(seconds=4)
    with (
        closing(place.connect()) as older,
        pytest.raises(Exception, match=r"database is locked|lock timeout"),
    ):
        older_save(older)
    running.wait(upgrade.PATIENCE_SECONDS)

    assert place.query("SELECT count(*) FROM trials_trial") == [(0,)]


@pytest.mark.skipif(not on_postgresql, reason="readers of SQLite see the state before the upgrade")
def test_during_an_upgrade_a_request_is_answered_at_once(place):
    """REL-09: with the sentence, where the tables cannot be read."""
    running = place.upgrade(seconds=6)
    assert place.python(PAGE) == "503 being upgraded"
    running.wait(upgrade.PATIENCE_SECONDS)
    assert place.python(PAGE) == "200 ok"


def described(place: Installation) -> set[str]:
    with closing(place.connect()) as opened:
        return {each[0] for each in opened.execute(COLUMNS).description}


def older_save(older) -> None:
    """Save as the version before did."""
    if isinstance(older, sqlite3.Connection):
        older.create_function("stroma_actor", 1, {"now": "2026-09-15 09:00:00", "user_name": "old"}.get)
        older.execute("PRAGMA busy_timeout = 500")
    else:
        older.execute("SET lock_timeout = '500ms'")
        older.execute("""SELECT set_config('stroma.actor', '{"user_name": "old"}', false)""")
    older.execute(
        "INSERT INTO trials_trial (slug, recruiting, time_zone) VALUES ('older', true, 'Europe/Brussels')"
    )
