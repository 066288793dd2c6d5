"""Every way of writing to the database is attributed or refused: statements, COPY, another program (AUD-01, P11-05)."""

import sqlite3
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import User
from audit.context import acting, because
from tests.support.database.writers import person, postgresql
from trials.models import Trial

sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'")


def last(user: User):
    return user.history.first()


@postgresql
@pytest.mark.parametrize(
    "statement",
    [
        "WITH x AS (UPDATE accounts_user SET email = 'w@b' RETURNING id) SELECT * FROM x",
        "/* a comment */ UPDATE accounts_user SET email = 'w@b'",
        "-- a comment\n  update accounts_user set email = 'w@b'",
        "DO $$ BEGIN UPDATE accounts_user SET email = 'w@b'; END $$",
        "EXPLAIN ANALYZE UPDATE accounts_user SET email = 'w@b'",
        "MERGE INTO accounts_user USING (SELECT 'w@b' e) s ON true WHEN MATCHED THEN UPDATE SET email = e",
    ],
)
@pytest.mark.django_db
def test_every_form_of_a_writing_statement_is_attributed(statement):
    """AUD-01: raw SQL on PostgreSQL."""
    with acting(system="before"):
        user = person("raw")
    with acting(system="raw"), connection.cursor() as cursor:
        cursor.execute(statement)

    assert (last(user).history_user_name, last(user).email) == ("system:raw", "w@b")


def copy_trials(*slugs: str) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY trials_trial (slug, recruiting) FROM STDIN") as copy,
    ):
        for slug in slugs:
            copy.write_row((slug, True))


@postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("inside", [True, False])
def test_copy_is_attributed(inside):
    """AUD-01: the fastest way into PostgreSQL leaves a row each, in a transaction or in autocommit."""
    with acting(system="copy"), transaction.atomic() if inside else because("loading"):
        copy_trials("one", "two")

    assert list(Trial.history.values_list("slug", "history_user_name").order_by("slug")) == [
        ("one", "system:copy"),
        ("two", "system:copy"),
    ]


@postgresql
@pytest.mark.django_db(transaction=True)
def test_copy_by_nobody_stores_nothing():
    """AUD-01."""
    with pytest.raises(Exception, match="Nobody is named"):
        copy_trials("three")

    assert Trial.objects.count() == 0


@postgresql
@pytest.mark.django_db(transaction=True)
def test_a_server_side_cursor_does_not_disturb_the_attribution():
    """Rows are streamed while others are written, as exports and imports do."""
    with acting(system="test"):
        User.objects.bulk_create(User(username=f"u{n}", full_name=str(n)) for n in range(5))
    with acting(system="stream"), transaction.atomic():
        for user in User.objects.order_by("pk").iterator(chunk_size=2):
            User.objects.filter(pk=user.pk).update(email="s@b")

    assert set(User.history.filter(history_type="~").values_list("history_user_name", flat=True)) == {
        "system:stream"
    }


@postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("statement", ["RESET ALL", "DISCARD ALL", "SET stroma.actor = ''"])
def test_what_a_pooler_sends_between_two_people_takes_no_attribution_away(statement):
    with acting(system="test"):
        user = person("discard")
    with acting(system="later"):
        with connection.cursor() as cursor:
            cursor.execute(statement)
        User.objects.filter(pk=user.pk).update(email="d@b")

    assert last(user).history_user_name == "system:later"


@sqlite
@pytest.mark.django_db(transaction=True)
def test_a_write_from_any_other_program_is_refused(tmp_path):
    """AUD-06: on SQLite only the application's connections know the function that names the actor."""
    with acting(system="test"):
        person("outside")
    file = tmp_path / "copy.sqlite3"
    with sqlite3.connect(file) as copy:
        connection.connection.backup(copy)
    other = sqlite3.connect(file)
    with pytest.raises(sqlite3.OperationalError, match="stroma_actor"):
        other.execute("UPDATE accounts_user SET email = 'x'")
    other.close()


@sqlite
@pytest.mark.django_db
def test_replacing_a_row_is_refused_as_the_deletion_it_is():
    """AUD-03: INSERT OR REPLACE would delete the old row without its trigger."""
    with acting(system="test"), connection.cursor() as cursor:
        trial = Trial.objects.create(slug="replaced")
        with pytest.raises(IntegrityError, match="never deleted"), transaction.atomic():
            cursor.execute(
                "REPLACE INTO trials_trial (id, slug, recruiting) VALUES (%s, 'new', 1)", [trial.pk]
            )


@pytest.mark.django_db
def test_an_insert_that_ignores_conflicts_does_not_ignore_the_trail():
    """AUD-01: OR IGNORE must not swallow a refused history row."""
    with pytest.raises(IntegrityError, match="Nobody is named"), transaction.atomic():
        Trial.objects.bulk_create([Trial(slug="ignored")], ignore_conflicts=True)
    with acting(system="test"):
        Trial.objects.bulk_create([Trial(slug="once")], ignore_conflicts=True)
        Trial.objects.bulk_create([Trial(slug="once")], ignore_conflicts=True)
        Trial.objects.bulk_create(
            [Trial(slug="once", recruiting=False)],
            update_conflicts=True, unique_fields=["slug"], update_fields=["recruiting"],
        )  # fmt: skip
    kinds = Trial.history.filter(slug="once").order_by("history_id").values_list("history_type", flat=True)
    assert list(kinds) == ["+", "~"]


@pytest.mark.django_db
def test_a_new_password_leaves_a_row_without_the_password():
    """AUD-08, SEC: that it was changed is recorded, the hash is not copied."""
    with acting(system="test"):
        user = person("secret")
        user.set_password("a long enough password")
        user.save()

    assert user.history.count() == 2
    assert not any(field.name == "password" for field in last(user)._meta.fields)


@pytest.mark.django_db
def test_signing_in_changes_no_row():
    """The time of the last sign-in is an access event, not a change of the person."""
    with acting(system="test"):
        user = person("visitor")
        User.objects.filter(pk=user.pk).update(last_login=datetime.now(UTC), theme="dark")

    assert user.history.count() == 1
