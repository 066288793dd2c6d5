"""A history row is written by the triggers only, and nobody writes in another's name (AUD-01, AUD-06)."""

import json
import sqlite3
from contextlib import closing, contextmanager

import psycopg
import pytest
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction

from accounts.models import User
from audit.context import acting
from audit.integrity.actor_tokens import token
from audit.models import AccessEvent
from audit.trail import history_model, tracked_models
from audit.triggers.tables import append_only_tables
from tests.support.database.writers import postgresql
from tests.trust import upgrade
from trials.models import Trial

pytestmark = pytest.mark.django_db
sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'")


def run(sql: str, *params) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def copied(table: str, **changed: str) -> str:
    """Return a statement that adds a copy of the first row of a history, with some columns changed."""
    model = next(history_model(m) for m in tracked_models() if history_model(m)._meta.db_table == table)
    names = [field.column for field in model._meta.concrete_fields if field.column != "history_id"]
    values = ", ".join(changed.get(name, f'"{name}"') for name in names)
    listed = ", ".join(f'"{name}"' for name in names)
    return f"INSERT INTO {table} ({listed}) SELECT {values} FROM {table} LIMIT 1"


@pytest.mark.parametrize(
    "changed",
    [
        {"history_user_name": "'somebody else'"},
        {"slug": "'another'"},
        {"history_type": "'-'"},
        {"history_user_id": "4711"},
        {"id": "987654"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_the_application_itself_cannot_add_a_history_row_that_is_not_true(changed):
    """On PostgreSQL it cannot add any; on SQLite only what the audited row holds now, in the actor's own name."""
    with acting(system="test"):
        Trial.objects.create(slug="one")
        with pytest.raises(IntegrityError, match="Only the triggers add to"), transaction.atomic():
            run(copied("trials_historicaltrial", **changed))

    assert Trial.history.count() == 1


@postgresql
def test_a_plain_insert_into_a_history_is_refused_even_to_the_owner():
    with acting(system="test"):
        Trial.objects.create(slug="one")
        with pytest.raises(IntegrityError, match="Only the triggers add to"), transaction.atomic():
            run(copied("trials_historicaltrial"))


@sqlite
def test_a_history_row_cannot_be_replaced():
    """INSERT OR REPLACE deletes the old row without asking, unless the connection fires its triggers."""
    with acting(system="test"):
        one = Trial.objects.create(slug="one")
        entry = Trial.history.get()
        columns = ", ".join(f'"{field.column}"' for field in type(entry)._meta.concrete_fields)
        table = "trials_historicaltrial"
        replace = f"INSERT OR REPLACE INTO {table} ({columns}) SELECT {columns} FROM {table}"
        with pytest.raises(IntegrityError, match="can only be added to"), transaction.atomic():
            run(replace)

    assert one.history.get() == entry


@sqlite
@pytest.mark.parametrize("verb", ["INSERT", "INSERT OR REPLACE", "INSERT OR IGNORE"])
def test_another_program_cannot_add_to_anything_that_is_audited(verb):
    """Every audited table, every history, events, seals and reviews: the statement does not even compile."""
    audited = [model._meta.db_table for model in tracked_models()]
    histories = [history_model(model)._meta.db_table for model in tracked_models()]
    with upgrade.installation() as place, closing(place.connect()) as other:
        for table in [*audited, *histories, *append_only_tables()]:
            columns = [name for _n, name, *_rest in other.execute(f"PRAGMA table_info({table})")]
            written = ", ".join(f'"{name}"' for name in columns if name not in GENERATED)
            values = ", ".join("1" for name in columns if name not in GENERATED)
            with pytest.raises(sqlite3.OperationalError, match="no such function: stroma_actor"):
                other.execute(f"{verb} INTO {table} ({written}) VALUES ({values})")


GENERATED = {"serious", "related"}


@contextmanager
def stolen():
    """Act as somebody who has the application's database password, and nothing of the application."""
    run("CREATE ROLE stroma_app_test")
    call_command("grant_role", "stroma_app_test")
    run("SET ROLE stroma_app_test")
    try:
        yield
    finally:
        run("RESET ROLE")


ANNA = json.dumps({"user_id": 1, "user_name": "anna", "full_name": "Anna", "role": "investigator"})

FORGED = (
    "INSERT INTO trials_trial (slug, recruiting, time_zone) VALUES ('forged', true, 'UTC')",
    """INSERT INTO audit_accessevent (at, kind, user_name, full_name, role, origin, request, session, address, agent,
    see, detail) VALUES (now(), 'exported', 'anna', '', '', 'web', '', '', '', '', '', '{}')""",
)


@postgresql
@pytest.mark.parametrize(
    "before",
    [
        f"SELECT set_config('stroma.actor', '{ANNA}', true)",
        f"SELECT set_config('stroma.actor', '{ANNA}', true), set_config('stroma.token', '', true)",
        f"SELECT stroma_session(), set_config('stroma.actor', '{ANNA}', true)",
    ],
    ids=["the old setting", "an empty token", "a session of its own"],
)
def test_a_stolen_database_role_cannot_write_as_another_person(before):
    """Neither an audited row nor an event."""
    with stolen(), transaction.atomic(), acting(system="nobody"):
        for statement in FORGED:
            with pytest.raises(Exception, match=r"Nobody is named|Only the application adds"):
                past_the_application(before, statement)

    assert not Trial.objects.exists()
    assert not AccessEvent.objects.filter(user_name="anna").exists()


@postgresql
def test_a_token_of_another_session_is_worth_nothing():
    """It is bound to the number of the session, which stands in no statement."""
    seen = token(session="0" * 32, said=ANNA)
    refused = pytest.raises(Exception, match="not signed by this installation")
    with stolen(), transaction.atomic(), refused:
        past_the_application(f"SELECT stroma_act('{ANNA}', '{seen}')")


@postgresql
@pytest.mark.parametrize(
    "statement", ["SELECT * FROM stroma_key", "UPDATE stroma_key SET inner_pad = ''", "DROP TABLE stroma_key"]
)
def test_the_key_is_for_the_owner_only(statement):
    with stolen(), transaction.atomic(), pytest.raises(Exception, match=r"permission denied|must be owner"):
        past_the_application(statement)


def past_the_application(*statements: str) -> None:
    """Run statements with a cursor of the driver, without what the application adds to them."""
    raw = connection.connection
    with raw.transaction():
        for statement in statements:
            psycopg.ClientCursor(raw).execute(statement)


@postgresql
def test_the_token_is_the_one_that_the_database_computes():
    """Names with any letters, quotes and percent signs."""
    with acting(system="test"):
        author = User.objects.create_user("anna", None, full_name='Änna "O\'Neil" 100 %')
    with acting(user=author, role="coordinator", reason="50 % \\ ' --"):
        one = Trial.objects.create(slug="signed")

    assert one.history.get().history_full_name == 'Änna "O\'Neil" 100 %'


@postgresql
def test_the_actor_ends_with_the_transaction_of_a_stolen_connection_too():
    """DatabaseError, not a row in the name of the last person."""
    with acting(system="test"):
        Trial.objects.create(slug="one")
    with pytest.raises(DatabaseError, match="Nobody is named"), transaction.atomic():
        run("UPDATE trials_trial SET slug = 'two'")
