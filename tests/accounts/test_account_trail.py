"""A replaced password, an emptied or exchanged factor and an altered role are seen by the verification (REL-07)."""

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import make_password
from django.db import DatabaseError, connection, transaction

from accounts.models import User
from accounts.passwords.password_digests import OTHER_KEY, REPLACED
from audit import triggers
from audit.context import acting
from audit.sealing.verification import Tally, findings
from tests.support import build

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(trial) -> User:
    return build.user("investigator", trial=trial)


@pytest.fixture
def factor(person) -> Authenticator:
    with acting(system="test"):
        return Authenticator.objects.create(user=person, type="totp", data={"secret": "encrypted"})


def found() -> list[str]:
    return [str(finding) for finding in findings(Tally())]


def tamper(sql: str, *params) -> None:
    """Write as whoever can lift the triggers."""
    with triggers.lifted(), connection.cursor() as cursor:
        cursor.execute(sql, params)


class TestPasswords:
    def test_a_password_that_a_person_or_an_administrator_sets_verifies(self, person):
        with acting(system="test"):
            person.set_password("another long password")
            person.save(update_fields=["password"])
            build.user("monitor")
            person.set_unusable_password()
            person.save()
        assert found() == []

    def test_a_hash_put_in_its_place_is_named(self, person):
        tamper("UPDATE accounts_user SET password = %s WHERE id = %s", make_password("mine"), person.pk)
        assert found() == [f"accounts_user {person.pk}: {REPLACED}"]

    def test_a_hash_put_in_its_place_under_an_actor_is_named_too(self, person):
        """The triggers record the change; the digest shows that the application did not make it."""
        with acting(system="forger"):
            User.objects.filter(pk=person.pk).update(password=make_password("mine"))
        assert found() == [f"accounts_user {person.pk}: {REPLACED}"]

    def test_the_hash_and_digest_of_another_person_are_named(self, person):
        """Whoever knows one password cannot give it to another account."""
        other = build.user("monitor")
        with acting(system="forger"):
            User.objects.filter(pk=person.pk).update(
                password=other.password, password_digest=other.password_digest
            )
        assert found() == [f"accounts_user {person.pk}: {REPLACED}"]

    def test_an_earlier_hash_put_back_with_its_digest_differs_from_the_history(self, person):
        before = (person.password, person.password_digest)
        with acting(system="test"):
            person.set_password("another long password")
            person.save()
        tamper(
            "UPDATE accounts_user SET password = %s, password_digest = %s WHERE id = %s", *before, person.pk
        )
        assert found() == [f"accounts_user {person.pk}: differs from its newest history row"]

    def test_saving_an_account_does_not_confirm_a_replaced_hash(self, person):
        tamper("UPDATE accounts_user SET password = %s WHERE id = %s", make_password("mine"), person.pk)
        again = User.objects.get(pk=person.pk)
        with acting(system="test"):
            again.email = "new@hospital.example"
            again.save()
        assert found() == [f"accounts_user {person.pk}: {REPLACED}"]

    def test_another_secret_key_is_said_once(self, person, settings):
        build.user("monitor")
        settings.SECRET_KEY = "another key of this installation" * 2
        assert found() == [f"accounts_user: {OTHER_KEY}"]

    def test_the_history_holds_the_digest_and_no_page_shows_it(self, person, trial):
        """SEC-21: neither the hash nor what is made of it is for reading."""
        with acting(system="test"):
            person.set_password("another long password")
            person.save()
        newest = person.history.order_by("-history_id")[0]
        assert newest.password_digest == person.password_digest
        page = build.client(build.user("administrator", trial=trial)).get(f"/trials/{trial.slug}/trail/")
        assert person.password_digest not in page.content.decode()
        assert "changed (not shown)" in page.content.decode()


class TestSecondFactors:
    def test_adding_and_removing_a_factor_are_rows_of_the_trail(self, person, factor, trial):
        with acting(system="test"):
            Authenticator.objects.filter(pk=factor.pk).delete()
        rows = Authenticator.history.filter(user_id=person.pk).order_by("history_id")
        assert [row.history_type for row in rows] == ["+", "-"]
        assert found() == []
        page = build.client(build.user("administrator", trial=trial)).get(f"/trials/{trial.slug}/trail/")
        assert "encrypted" not in page.content.decode()
        assert page.content.decode().count("not shown") >= 1

    def test_signing_in_with_a_factor_leaves_no_row(self, factor):
        with acting(system="test"):
            factor.record_usage()
        assert Authenticator.history.count() == 1

    def test_a_factor_is_not_removed_without_an_actor(self, factor):
        with pytest.raises(DatabaseError, match="Nobody is named"), transaction.atomic():
            factor.delete()

    def test_an_emptied_factor_is_named(self, factor):
        tamper("DELETE FROM mfa_authenticator")
        assert found() == [f"mfa_authenticator {factor.pk}: is gone without a trace"]

    def test_an_exchanged_secret_is_named(self, factor):
        tamper("UPDATE mfa_authenticator SET data = %s", '{"secret": "mine"}')
        assert found() == [f"mfa_authenticator {factor.pk}: differs from its newest history row"]

    def test_a_factor_put_beside_the_others_is_named(self, person, factor):
        tamper(
            "INSERT INTO mfa_authenticator (user_id, type, data, created_at)"
            " SELECT user_id, 'webauthn', data, created_at FROM mfa_authenticator"
        )
        assert found() == [f"mfa_authenticator {factor.pk + 1}: has no history"]


def test_an_altered_role_is_named(person):
    role = person.delegations.get()
    tamper("UPDATE trials_delegation SET role = 'administrator' WHERE id = %s", role.pk)
    assert found() == [f"trials_delegation {role.pk}: differs from its newest history row"]
