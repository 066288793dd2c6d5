"""A signature needs the password, states its meaning, and is valid only as long as the content is unchanged."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from accounts.models import User
from audit import signatures, triggers
from audit.context import acting
from audit.models import AccessEvent, Meaning, Signature
from audit.signatures import SignatureState, sign, sign_many, verify
from audit.trail import tracked_models, trail_of
from patients.models import Record
from tests.support import build
from tests.support.database import tracked_rows

SIGNED = [model for model in tracked_models() if trail_of(model).signed_content]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("any_value")]


@pytest.fixture
def investigator(db) -> User:
    return build.user("investigator")


@pytest.fixture
def record(db) -> Record:
    with acting(system="test"):
        return tracked_rows.stored(Record)


def signed(target, by, **choices) -> Signature:
    with acting(user=by, role="investigator", reason=""):
        fields = {"meaning": Meaning.REVIEW, "password": build.PASSWORD, "zone": "Europe/Brussels", **choices}
        return sign(target=target, by=by, **fields)


def test_a_signature_prints_name_time_with_offset_and_meaning(record, investigator):
    """P11-13: 11.50(a)(1) to (3)."""
    with time_machine.travel(datetime(2026, 7, 1, 12, 0, 5, tzinfo=UTC), tick=False):
        signature = signed(record, investigator)

    assert signature.statement == (
        f"Signed by {investigator.full_name} ({investigator.username}), Investigator, "
        "01-Jul-2026 14:00:05 +02:00 [Europe/Brussels]: Review"
    )
    assert (signature.patient_id, signature.trial_id) == (record.patient_id, record.patient.trial_id)


def test_signing_is_in_the_trail(record, investigator):
    """AUD-09: the entry names the signer, in the role he signed in."""
    entry = signed(record, investigator).history.get()

    assert (entry.history_type, entry.history_user_id, entry.history_role) == (
        "+",
        investigator.pk,
        "investigator",
    )
    assert entry.history_patient == record.patient_id


def test_a_wrong_password_signs_nothing(record, investigator):
    """SIG-01, P11-18: the password is asked on the signing form itself."""
    with pytest.raises(ValidationError, match="not your password"):
        signed(record, investigator, password="another long password")

    assert not Signature.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_wrong_password_is_recorded_although_the_transaction_is_rolled_back(investigator):
    """P11-24: attempts are detected. Outside a transaction the constraints hold, so that the form is a real one."""
    record = build.record(
        build.enrolled(trial=build.trial()), "vitals", {"hr": "80"}, visit="INF1", draft=True
    )
    with pytest.raises(ValidationError), acting(user=investigator), transaction.atomic():
        sign(target=record, meaning=Meaning.REVIEW, password="wrong", by=investigator)
    event = AccessEvent.objects.get(kind="signing_failed")

    assert (event.user_id, event.detail) == (investigator.pk, {"rows": 1, "of": "patients.record"})


def test_after_five_wrong_passwords_signing_is_locked_for_fifteen_minutes(record, investigator):
    """P11-24: even the right password is refused then, and that is recorded."""
    at = datetime(2026, 7, 1, 12, tzinfo=UTC)
    with time_machine.travel(at) as clock:
        for _ in range(5):
            with pytest.raises(ValidationError, match="not your password"):
                signed(record, investigator, password="wrong")
        with pytest.raises(ValidationError, match="locked"):
            signed(record, investigator)
        events = AccessEvent.objects.filter(user_id=investigator.pk).order_by("pk")
        assert list(events.values_list("kind", flat=True)) == ["signing_failed"] * 5 + ["signing_locked"]
        clock.move_to(datetime(2026, 7, 1, 12, 16, tzinfo=UTC))
        assert signed(record, investigator).pk


def test_wrong_passwords_of_one_person_lock_nobody_else(record, investigator):
    for _ in range(5):
        with pytest.raises(ValidationError):
            signed(record, investigator, password="wrong")

    assert signed(record, build.user("investigator")).pk


def test_nobody_signs_for_another(record, investigator):
    """P11-19."""
    with acting(user=build.user("administrator")), pytest.raises(ValidationError, match="another person"):
        sign(target=record, meaning=Meaning.REVIEW, password=build.PASSWORD, by=investigator)


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"identity_verified_on": None}, "not verified"), ({"is_active": False}, "not active")],
)
def test_who_is_not_verified_or_not_active_cannot_sign(record, fields, said):
    """P11-16."""
    person = build.user("investigator", **fields)
    with pytest.raises(ValidationError, match=said):
        signed(record, person)


def test_a_meaning_must_be_chosen(record, investigator):
    """P11-13: from the list, nothing else."""
    with pytest.raises(ValidationError, match="Choose what"):
        signed(record, investigator, meaning="agreed")


def test_one_password_signs_several_rows_in_few_statements(investigator, django_assert_max_num_queries):
    """SIG-01: a statement each for the rows, the failures, the suspensions and what is inserted; none for each row."""
    with acting(system="test"):
        targets = [tracked_rows.stored(Record) for _ in range(4)]
    with acting(user=investigator, role="investigator"), django_assert_max_num_queries(8):
        made = sign_many(targets=targets, meaning=Meaning.APPROVAL, password=build.PASSWORD, by=investigator)

    assert [signature.target_id for signature in made] == [target.pk for target in targets]
    assert {signature.invalidated_at for signature in made} == {None}


def test_what_is_signed_is_the_stored_row_not_the_object_in_hand(record, investigator):
    """P11-14: an unsaved change in memory is not signed."""
    record.values = {"never": "stored"}

    assert verify(signed(record, investigator)) == SignatureState.VALID


def each_signed_column(test):
    # What a final row holds never changes: tests of triggers hold that.
    pairs = [
        (model, name)
        for model in SIGNED
        if not trail_of(model).final
        for name in trail_of(model).signed_content
    ]
    names = [f"{model._meta.label}.{name}" for model, name in pairs]
    return pytest.mark.parametrize(("model", "name"), pairs, ids=names)(test)


@each_signed_column
def test_a_change_of_any_signed_column_invalidates_the_signature(model, name, investigator):
    """SIG-02."""
    with acting(system="test"):
        target = tracked_rows.stored(model)
    signature = signed(target, investigator)
    assert verify(signature) == SignatureState.VALID

    field = model._meta.get_field(name)
    with acting(system="test", reason="typing error"):
        model._base_manager.filter(pk=target.pk).update(
            **{field.attname: tracked_rows.other(field, getattr(target, field.attname))}
        )
    signature.refresh_from_db()

    assert verify(signature) == SignatureState.INVALIDATED
    assert (signature.invalidated_by, signature.invalidated_reason) == ("system:test", "typing error")
    assert signature.invalidated_at is not None


def by_save(record):
    record.values = {"sbp": "131"}
    record.save()


def by_update(record):
    Record.objects.filter(pk=record.pk).update(values={"sbp": "131"})


def by_bulk_update(record):
    record.values = {"sbp": "131"}
    Record.objects.bulk_update([record], ["values"])


def by_raw_sql(record):
    with connection.cursor() as cursor:
        cursor.execute(
            'UPDATE patients_record SET "values" = %s WHERE id = %s', ['{"sbp": "131"}', record.pk]
        )


@pytest.mark.parametrize("write", [by_save, by_update, by_bulk_update, by_raw_sql])
def test_every_write_path_invalidates_with_a_row_in_the_trail(write, record, investigator):
    """SIG-02, AUD-09: un-signing is an event of the one who changed the content."""
    signature = signed(record, investigator)
    nurse = build.user("coordinator")
    with acting(user=nurse, role="coordinator", reason="read again"):
        write(record)
    signature.refresh_from_db()
    first, last = signature.history.order_by("history_id")

    assert signature.invalidated_by == nurse.full_name
    assert (first.invalidated_at, last.invalidated_at) == (None, signature.invalidated_at)
    assert (last.history_user_id, last.history_change_reason) == (nurse.pk, "read again")


def test_a_change_that_was_not_signed_leaves_the_signature(record, investigator):
    """Verification and locks are not part of the signed content."""
    signature = signed(record, investigator)
    with acting(system="test"):
        Record.objects.filter(pk=record.pk).update(version=7, verified_at=datetime(2026, 7, 1, tzinfo=UTC))
    signature.refresh_from_db()

    assert verify(signature) == SignatureState.VALID


def test_the_row_of_another_keeps_its_signature(investigator):
    with acting(system="test"):
        one, two = tracked_rows.stored(Record), tracked_rows.stored(Record)
    kept = signed(two, investigator)
    signed(one, investigator)
    with acting(system="test"):
        by_update(one)
    kept.refresh_from_db()

    assert verify(kept) == SignatureState.VALID


def test_an_invalidated_signature_can_be_given_again_and_the_old_one_stays(record, investigator):
    """SIG-02."""
    old = signed(record, investigator)
    with acting(system="test"):
        by_update(record)
    new = signed(record, investigator)
    old.refresh_from_db()

    assert [verify(old), verify(new)] == [SignatureState.INVALIDATED, SignatureState.VALID]


def test_a_signature_copied_to_another_row_does_not_verify(record, investigator):
    """P11-14: by SQL, with the content copied along; the triggers do not stop an insert."""
    signature = signed(record, investigator)
    with acting(system="test"):
        other = tracked_rows.stored(Record)
        Record.objects.filter(pk=other.pk).update(values=record.values)
        signature.pk, signature.target_id = None, other.pk
        signature.save(force_insert=True)

    assert verify(signature) == SignatureState.FORGED


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("printed_name", "Somebody Else"),
        ("signer_id", 999),
        ("meaning", "authorship"),
        ("role", "principal"),
        ("signed_at", datetime(2020, 1, 1, tzinfo=UTC)),
        ("zone", "America/Lima"),
        ("target_type", "patients.visit"),
        ("content_hash", "0" * 64),
    ],
)
def test_an_altered_signature_does_not_verify(record, investigator, column, value):
    """P11-14: altered with the triggers removed."""
    signature = signed(record, investigator)
    with triggers.lifted():
        Signature.objects.filter(pk=signature.pk).update(**{column: value})
    signature.refresh_from_db()

    assert verify(signature) == SignatureState.FORGED


def test_content_altered_behind_the_triggers_is_found(record, investigator):
    """P11-01."""
    signature = signed(record, investigator)
    with triggers.lifted():
        by_update(record)

    assert verify(signature) == SignatureState.CONTENT_DIFFERS


def test_a_signature_never_changes(record, investigator):
    """AUD-06: only once, and only to be invalidated."""
    signature = signed(record, investigator)
    mine = Signature.objects.filter(pk=signature.pk)
    at = datetime(2026, 7, 1, tzinfo=UTC)
    for change in (
        {"printed_name": "Somebody Else"},
        {"meaning": "authorship"},
        {"invalidated_by": "me"},
        {"invalidated_at": at, "role": "principal"},
    ):
        with (
            acting(system="test"),
            pytest.raises(IntegrityError, match="never changes"),
            transaction.atomic(),
        ):
            mine.update(**change)
    with acting(system="test"):
        assert mine.update(invalidated_at=at, invalidated_by="me", invalidated_reason="mistake") == 1
        mine.update(invalidated_at=at)
    for change in (
        {"invalidated_at": None},
        {"invalidated_reason": "other"},
        {"invalidated_at": at + timedelta(days=1)},
    ):
        with (
            acting(system="test"),
            pytest.raises(IntegrityError, match="never changes"),
            transaction.atomic(),
        ):
            mine.update(**change)


def test_verifying_many_signatures_costs_one_query_per_model(investigator, django_assert_num_queries):
    with acting(system="test"):
        targets = [tracked_rows.stored(Record) for _ in range(3)]
    made = [signed(target, investigator) for target in targets]
    with django_assert_num_queries(1):
        states = [states for _, states in signatures.verify_many(made)]

    assert states == [SignatureState.VALID] * 3
