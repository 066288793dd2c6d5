"""Without the triggers the application writes nothing, and says so (AUD-06)."""

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction

from audit import triggers
from audit.context import acting
from audit.integrity.guard import BUSY, UNGUARDED, UPGRADING, refusal_of
from audit.triggers import guard, installation
from tests.support.database.writers import postgresql
from trials.models import Trial

pytestmark = pytest.mark.django_db
sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'")


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def create(slug: str) -> Trial:
    with acting(system="test"), transaction.atomic():
        return Trial.objects.create(slug=slug)


def as_in_another_process() -> None:
    """Forget what this connection knows of the guard."""
    installation.lift(connection, False)


def test_without_any_trigger_nothing_is_written():
    """A migration that was killed by an earlier version leaves a database like this."""
    triggers.remove()
    as_in_another_process()

    with pytest.raises(OperationalError, match=UNGUARDED):
        create("unseen")
    assert not Trial.objects.exists()
    triggers.install()
    assert create("seen").history.count() == 1


ONE_OFF = {
    "sqlite": "DROP TRIGGER stroma_trials_trial_insert",
    "postgresql": "ALTER TABLE trials_trial DISABLE TRIGGER stroma_trail",
}
REPLACED = {
    "sqlite": "CREATE TRIGGER stroma_other AFTER INSERT ON trials_trial BEGIN SELECT 1; END",
    "postgresql": "ALTER TABLE trials_trial ENABLE REPLICA TRIGGER stroma_trail",
}


@pytest.mark.parametrize("change", [ONE_OFF, REPLACED], ids=["one switched off", "one altered"])
def test_with_one_trigger_changed_a_new_connection_writes_nothing(change):
    """SQLite notices in every connection at once, PostgreSQL when a connection begins to write."""
    run(change[connection.vendor])
    as_in_another_process()

    with pytest.raises(OperationalError, match=UNGUARDED):
        create("unseen")
    assert not triggers.guarded(connection)


@sqlite
def test_a_kept_connection_notices_a_change_of_the_triggers_at_once():
    create("before")
    run("DROP TRIGGER stroma_trials_trial_insert")

    with pytest.raises(OperationalError, match=UNGUARDED):
        create("after")


@sqlite
def test_a_rollback_takes_the_knowledge_of_the_guard_back():
    """The number of the schema falls with it, and the next change may have the same number."""
    with transaction.atomic():
        run("CREATE TABLE other (id integer)")
        create("inside")
        transaction.set_rollback(True)
    run("DROP TRIGGER stroma_trials_trial_insert")

    with pytest.raises(OperationalError, match=UNGUARDED):
        create("after")


@sqlite
def test_the_triggers_are_not_compared_again_after_a_rollback_of_rows():
    """A refused save costs the next one nothing: comparing takes longer than many a save."""
    create("before")
    statements: list[str] = []
    connection.connection.set_trace_callback(statements.append)
    try:
        with transaction.atomic():
            create("inside")
            transaction.set_rollback(True)
        create("after")
    finally:
        connection.connection.set_trace_callback(None)
    assert [text for text in statements if "sqlite_master" in text] == []


@sqlite
@pytest.mark.django_db(transaction=True)
def test_a_change_of_the_schema_that_is_rolled_back_and_made_again_is_noticed():
    """Each has the number of the other; only a number that was committed is trusted after a rollback."""
    create("before")
    with transaction.atomic():
        run("CREATE TABLE other (id integer)")
        create("inside")
        transaction.set_rollback(True)
    run("DROP TRIGGER stroma_trials_trial_insert")
    with pytest.raises(OperationalError, match=UNGUARDED):
        create("after")
    triggers.install()
    assert create("after").history.count() == 1


def test_a_rollback_that_brings_the_triggers_back_brings_the_guard_back_too():
    """The connection that removed them writes with their history again."""
    with transaction.atomic():
        triggers.remove()
        transaction.set_rollback(True)

    assert create("seen").history.count() == 1


def test_the_triggers_stay_away_when_something_else_is_rolled_back():
    triggers.remove()
    with transaction.atomic():
        run("CREATE TABLE other (id integer)")
        transaction.set_rollback(True)
    assert create("without").history.count() == 0
    triggers.install()


@sqlite
def test_another_change_of_the_schema_does_not_stop_the_application():
    run("CREATE TABLE other (id integer)", "CREATE INDEX other_id ON other (id)")
    assert create("seen").history.count() == 1


def test_tables_that_are_not_audited_are_not_written_either():
    """The whole application stops: a session that is saved would let people go on working."""
    triggers.remove()
    as_in_another_process()

    with pytest.raises(OperationalError, match=UNGUARDED), transaction.atomic():
        run("DELETE FROM django_session")


def test_the_health_page_says_that_the_trail_is_not_guarded(client):
    triggers.remove()
    as_in_another_process()
    answer = client.get("/healthz")

    assert (answer.status_code, answer.json()["status"]) == (503, "trail not guarded")


def test_migrate_puts_the_triggers_back_when_there_is_nothing_else_to_do():
    from django.core.management import call_command

    triggers.remove()
    as_in_another_process()
    call_command("migrate", verbosity=0)

    assert triggers.defects() == []
    assert create("seen").history.count() == 1


@postgresql
def test_a_new_secret_key_needs_migrate(settings):
    """The key with which actors are signed is derived from it."""
    from django.core.management import call_command

    settings.SECRET_KEY = "another key" * 6
    with pytest.raises(OperationalError, match="not signed by this installation"):
        create("unseen")
    call_command("migrate", verbosity=0)

    assert guard.is_current(connection)
    assert create("seen").history.count() == 1


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (UPGRADING, "upgrading"),
        (UNGUARDED, "unguarded"),
        *((words, "busy") for words in BUSY),
        ("disk full", ""),
    ],
)
def test_a_refusal_is_told_from_an_error(said, why):
    assert refusal_of(DatabaseError(said)) == why
