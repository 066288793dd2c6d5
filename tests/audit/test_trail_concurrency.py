"""Concurrency: a transaction in progress is neither sealed in part nor signed in its old state."""

import contextlib
import threading

import pytest
from django.db import connection, transaction

from accounts.models import User
from audit.context import acting
from audit.models import Seal
from audit.sealing import seal_files, seals
from audit.sealing.verification import Tally, findings
from audit.signatures import SignatureState, sign, verify
from audit.trail import history_model
from patients.models import Patient
from tests.support import build
from tests.support.meanwhile import PATIENCE_SECONDS, Meanwhile
from trials.models import Trial

pytestmark = [
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite lets one writer in at a time"),
    pytest.mark.django_db(transaction=True),
]


def test_a_seal_waits_for_a_row_that_is_on_its_way():
    """AUD-07: otherwise it would appear below the mark later, like an insertion."""
    with acting(system="test"):
        Trial.objects.create(slug="before")
    with Meanwhile(lambda: Trial.objects.create(slug="slow")) as slow:
        with acting(system="test"):
            Trial.objects.create(slug="fast")
        threading.Timer(0.5, slow.finish.set).start()
        with acting(system="seal"):
            seals.seal(reason="test")
    tally = Tally()

    assert list(findings(tally)) == []
    assert tally.newer == 0
    assert Trial.objects.count() == 3


def test_a_seal_gives_up_rather_than_block_those_who_write(monkeypatch):
    monkeypatch.setattr(seals, "LOCK_TRIES", 2)
    with Meanwhile(lambda: Trial.objects.create(slug="slow")):
        with acting(system="seal"), pytest.raises(seal_files.SealBroken, match="could not be locked"):
            seals.seal(reason="test")
        with acting(system="test"):
            Trial.objects.create(slug="other")
    with acting(system="seal"):
        assert seals.seal(reason="test").rows >= 2


@pytest.mark.parametrize("lock", ["SHARE UPDATE EXCLUSIVE", "ACCESS SHARE"])
def test_a_seal_does_not_wait_for_a_vacuum_or_a_reader(lock, monkeypatch):
    """AUD-07: autovacuum and ANALYZE hold such a lock on a trail table for minutes; no seal waits for them."""
    monkeypatch.setattr(seals, "LOCK_TRIES", 1)
    with acting(system="test"):
        Trial.objects.create(slug="before")
    table = history_model(Trial)._meta.db_table

    def vacuum():
        with connection.cursor() as cursor:
            cursor.execute(f'LOCK TABLE "{table}" IN {lock} MODE')

    with Meanwhile(vacuum):
        with acting(system="seal"):
            assert seals.seal(reason="test").rows >= 1
        with acting(system="test"):
            Trial.objects.create(slug="after")
    assert list(findings(Tally())) == []


def test_a_seal_waits_for_a_write_that_began_before_it_has_a_key(monkeypatch):
    """AUD-07: a transaction shares the lock from its first write on, whatever table that is."""
    monkeypatch.setattr(seals, "LOCK_TRIES", 1)
    person = build.user()
    refused = pytest.raises(seal_files.SealBroken, match="could not be locked")
    change = Meanwhile(lambda: User.objects.filter(pk=person.pk).update(last_login=None))
    with change, acting(system="seal"), refused:
        seals.seal(reason="test")


def test_a_write_that_was_taken_back_keeps_the_seal_waiting_only_with_what_follows(monkeypatch):
    """The lock goes with the savepoint that took it; the next write of the transaction takes it again."""
    monkeypatch.setattr(seals, "LOCK_TRIES", 1)

    def rolled_back_and_written():
        with contextlib.suppress(ZeroDivisionError), transaction.atomic():
            Trial.objects.create(slug="taken-back")
            raise ZeroDivisionError
        Trial.objects.create(slug="kept")

    refused = pytest.raises(seal_files.SealBroken, match="could not be locked")
    with Meanwhile(rolled_back_and_written), acting(system="seal"), refused:
        seals.seal(reason="test")
    with acting(system="seal"):
        seals.seal(reason="test")
    assert list(findings(Tally())) == []


def test_a_signature_waits_for_a_change_that_is_on_its_way():
    """SIG-02: what is signed is what is stored when it is signed."""
    by, event = _an_event()
    change = Meanwhile(lambda: type(event).objects.filter(pk=event.pk).update(term="Chills"))
    with change:
        threading.Timer(0.5, change.finish.set).start()
        with acting(user=by, role="investigator"):
            signature = sign(target=event, meaning="review", password=build.PASSWORD, by=by)

    assert verify(signature) == SignatureState.VALID
    assert type(event).objects.get().term == "Chills"


def test_a_change_that_waits_for_a_signature_invalidates_it():
    """SIG-02: the signature was not there when the change began."""
    by, event = _an_event()
    done = threading.Event()

    def change():
        try:
            with acting(system="meanwhile"):
                type(event).objects.filter(pk=event.pk).update(term="Chills")
        finally:
            done.set()
            connection.close()

    with acting(user=by, role="investigator"), transaction.atomic():
        signature = sign(target=event, meaning="review", password=build.PASSWORD, by=by)
        waiting = threading.Thread(target=change, daemon=True)
        waiting.start()
        assert not done.wait(0.5)
    waiting.join(PATIENCE_SECONDS)
    signature.refresh_from_db()

    assert verify(signature) == SignatureState.INVALIDATED
    assert signature.invalidated_by == "system:meanwhile"


def test_two_seals_at_once_seal_every_row_once():
    with acting(system="test"):
        Trial.objects.bulk_create(Trial(slug=f"t{n}") for n in range(50))
    start, failures = threading.Barrier(2), []

    def run():
        try:
            start.wait(PATIENCE_SECONDS)
            with acting(system="seal"):
                seals.seal(reason="test")
        except Exception as problem:
            failures.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)

    assert failures == []
    assert list(findings(Tally())) == []


def test_a_seal_that_waits_for_another_finds_its_rows_sealed_already():
    """AUD-07: two seals with one number would end the chain, and the second would be refused by the database."""
    with acting(system="test"):
        Trial.objects.create(slug="one")
    with Meanwhile(lambda: seals.seal(reason="first")) as first:
        first.ends_in(0.5)
        with acting(system="seal"):
            assert seals.seal(reason="second") is None

    assert list(Seal.objects.values_list("number", "reason")) == [(1, "first")]
    assert list(findings(Tally())) == []


def _an_event():
    trial = build.trial()
    by = build.user("investigator", trial=trial)
    patient = build.patient(trial=trial, by=by)
    assert Patient.objects.get() == patient
    return by, build.event(patient=patient, by=by)
