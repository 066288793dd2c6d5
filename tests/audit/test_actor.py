"""The actor: every write is attributed to a person, and the attribution ends with the transaction (AUD-01)."""

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import User
from audit.context import Actor, acting, because, current_actor, set_actor
from tests.support.database.writers import person, postgresql
from tests.support.trail_clock import trail_now
from trials.models import Trial

ANNA = Actor(
    user_id=7,
    user_name="anna",
    full_name='Änna "O\'Neil" 100 %',
    role="investigator",
    reason="50 % too low\n'; --",
    origin="web",
    request_id="r1",
    session="s1",
    address="192.0.2.7",
)


def write_and_fail(user: User) -> None:
    User.objects.filter(pk=user.pk).update(email="x@example.org")
    raise ZeroDivisionError


def names(user: User) -> list[str]:
    return [entry.history_user_name for entry in user.history.order_by("history_id")]


@pytest.mark.django_db
def test_a_row_shows_who_when_why_and_from_where():
    """AUD-02: the golden row. Quotes, percent signs and line breaks arrive as they were written."""
    set_actor(ANNA)
    before = trail_now()
    trial = Trial.objects.create(slug="golden")
    entry = trial.history.get()

    assert {k: v for k, v in vars(entry).items() if k.startswith("history_") and k != "history_date"} == {
        "history_id": entry.history_id,
        "history_type": "+",
        "history_user_id": 7,
        "history_user_name": "anna",
        "history_full_name": 'Änna "O\'Neil" 100 %',
        "history_role": "investigator",
        "history_change_reason": "50 % too low\n'; --",
        "history_origin": "web",
        "history_request": "r1",
        "history_session": "s1",
        "history_address": "192.0.2.7",
        "history_trial": trial.pk,
        "history_patient": None,
    }
    assert abs((entry.history_date - before).total_seconds()) < 20
    assert entry.history_date.utcoffset().total_seconds() == 0


@pytest.mark.django_db
def test_a_history_row_does_not_change_when_the_user_does():
    """AUD-02: names are kept as text."""
    with acting(system="test"):
        author = person("first name")
    with acting(user=author, role="coordinator"):
        trial = Trial.objects.create(slug="kept")
    with acting(system="test"):
        User.objects.filter(pk=author.pk).update(full_name="Second Name", is_active=False)

    assert trial.history.get().history_full_name == "First Name"


@pytest.mark.django_db
def test_a_system_process_names_the_person_whose_action_caused_it():
    """AUD-10: derived values and queries raised by checks."""
    with acting(system="test"):
        nurse = person("nurse")
    with acting(user=nurse, role="coordinator", reason="typing error"), acting(system="check"):
        trial = Trial.objects.create(slug="derived")
    entry = trial.history.get()

    assert (entry.history_user_name, entry.history_user_id) == ("system:check for nurse", nurse.pk)
    assert entry.history_role == "coordinator"


@pytest.mark.django_db
def test_a_task_acts_as_the_system_for_the_person_who_started_it():
    """AUD-10."""
    with acting(system="test"):
        manager = person("manager")
    with acting(system="import", user=manager, origin="task"):
        assert (current_actor().user_name, current_actor().origin) == ("system:import for manager", "task")


def test_nobody_cannot_act():
    with pytest.raises(ValueError, match="needs a user"), acting():
        pass


@pytest.mark.django_db
def test_the_actor_and_the_reason_may_change_within_one_transaction():
    """AUD-02: each statement has its own actor, also on PostgreSQL, where the actor is a setting of the transaction."""
    with acting(system="outer"):
        user = person("changed")
        user.email = "a@example.org"
        with because("typing error"):
            user.save()
        with acting(system="inner"):
            user.email = "b@example.org"
            user.save()
        user.email = "c@example.org"
        user.save()

    assert [(e.history_user_name, e.history_change_reason) for e in user.history.order_by("history_id")] == [
        ("system:outer", ""),
        ("system:outer", "typing error"),
        ("system:inner", ""),
        ("system:outer", ""),
    ]


@pytest.mark.django_db
def test_an_actor_does_not_stay_when_he_has_left():
    """AUD-01: the next statement of the same transaction has no actor."""
    with acting(system="test"):
        user = person("left")
    with pytest.raises(IntegrityError, match="Nobody is named"), transaction.atomic():
        User.objects.filter(pk=user.pk).update(email="x@example.org")


@pytest.mark.django_db
def test_the_actor_is_set_again_after_a_rollback_to_a_savepoint():
    """AUD-02: a rollback to a savepoint also rolls back the setting on PostgreSQL."""
    with acting(system="outer"):
        user = person("saved")
        with acting(system="inner"):
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                write_and_fail(user)
            User.objects.filter(pk=user.pk).update(email="y@example.org")

    assert names(user) == ["system:outer", "system:inner"]


@pytest.mark.django_db
def test_an_actor_of_a_rolled_back_savepoint_does_not_come_back():
    """AUD-01: there is no actor, although there was one before the savepoint."""
    with acting(system="outer"):
        user = person("ghost")
    with pytest.raises(ZeroDivisionError), transaction.atomic(), acting(system="inner"):
        write_and_fail(user)
    with pytest.raises(IntegrityError, match="Nobody is named"), transaction.atomic():
        User.objects.filter(pk=user.pk).update(email="y@example.org")


@pytest.mark.django_db(transaction=True)
def test_every_transaction_begins_without_an_actor():
    """AUD-01: a pooled or persistent connection never carries a name into another's work."""
    with acting(system="first"), transaction.atomic():
        user = person("pooled")
    with pytest.raises(IntegrityError, match="Nobody is named"), transaction.atomic():
        User.objects.filter(pk=user.pk).update(email="x@example.org")
    with acting(system="second"), transaction.atomic():
        assert User.objects.count() == 1
        User.objects.filter(pk=user.pk).update(email="y@example.org")
    with pytest.raises(ZeroDivisionError), acting(system="third"), transaction.atomic():
        write_and_fail(user)
    with acting(system="third"), transaction.atomic():
        User.objects.filter(pk=user.pk).update(email="z@example.org")

    assert names(user) == ["system:first", "system:second", "system:third"]


@pytest.mark.django_db(transaction=True)
def test_a_write_in_autocommit_is_attributed_with_its_data_or_not_stored():
    """AUD-01: without a transaction of the caller."""
    with acting(system="auto"):
        user = person("auto")
        user.email = "50%@example.org"
        user.save(update_fields=["email"])
        with connection.cursor() as cursor:
            cursor.execute("UPDATE accounts_user SET full_name = 'x' || '%'")
            cursor.executemany(
                "UPDATE accounts_user SET email = %s WHERE id = %s", [(f"{n}@b", user.pk) for n in (1, 2)]
            )
    with pytest.raises(IntegrityError, match="Nobody is named"):
        User.objects.update(email="nobody@example.org")

    assert [e.email for e in user.history.order_by("history_id")] == [
        "", "50%@example.org", "50%@example.org", "1@b", "2@b",
    ]  # fmt: skip
    assert set(names(user)) == {"system:auto"}
    assert User.objects.get().email == "2@b"


@pytest.mark.django_db
def test_a_value_returned_by_the_database_arrives():
    """The key of a new row, the count of changed rows and RETURNING are those of the statement itself."""
    with acting(system="test"), connection.cursor() as cursor:
        user = person("counted")
        cursor.execute("UPDATE accounts_user SET email = 'q' WHERE id = %s RETURNING id, email", [user.pk])
        assert cursor.fetchone() == (user.pk, "q")
        assert User.objects.filter(pk=user.pk).update(email="r") == 1
        assert User.objects.filter(pk=user.pk, email="q").update(email="s") == 0


@postgresql
@pytest.mark.django_db
def test_the_actor_is_set_once_in_a_transaction_and_never_for_reads():
    """The actor is sent with the first write of a transaction: no extra round trip, and nothing for a reader."""
    sent = sent_messages()
    with acting(system="test"), sent:
        User.objects.count()
        user = person("once")
        User.objects.filter(pk=user.pk).update(email="a@b")
        User.objects.filter(pk=user.pk).update(email="b@b")

    result = [text for text in sent.texts if "stroma_act(" in text]
    # The first of all opens the session of the connection.
    assert [text for text in sent.texts if "stroma_session" in text] == sent.texts[1:2]
    assert len(sent.texts) == 5
    assert len(result) == 1
    assert "INSERT INTO" in result[0]


class sent_messages:
    """Collect the messages sent to the server, below Django."""

    def __enter__(self):
        from psycopg.client_cursor import ClientCursorMixin

        self.texts, self.kept = [], ClientCursorMixin._execute_send
        kept, texts = self.kept, self.texts

        def send(cursor, query, **options):
            texts.append(query.query.decode())
            return kept(cursor, query, **options)

        ClientCursorMixin._execute_send = send

    def __exit__(self, *_):
        from psycopg.client_cursor import ClientCursorMixin

        ClientCursorMixin._execute_send = self.kept
