"""Attempts to change the trail, or what it covers, unnoticed; each is refused by the database, named, or left.

`stage` makes one row of every audited table, a signature, a file and a seal, in the transaction of the caller.
`outcome` tries one attempt on it and takes everything back.
"""

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import DatabaseError, connection, models, transaction

from accounts.models import User
from audit import events
from audit.context import acting, acting_as
from audit.models import AccessEvent, ClockTurn, Seal, SealedPart, Signature, TrailReview
from audit.sealing import seal_files, seals
from audit.sealing.verification import Tally, findings
from audit.signatures import sign
from audit.testing import lifted_triggers
from audit.trail import history_model, tracked_models, trail_of
from patients.models import Attachment, Record
from patients.models.attachments import attachment_storage
from tests.support import build
from tests.support.database import tracked_rows
from trials.models import Trial

REFUSED, NAMED, LEFT = "refused", "named", "left"
# Who tries: SQL of a program that names nobody, the application's rights with an actor, the owner of the tables, and
# the owner with the triggers lifted for a moment.
NOBODY, APPLICATION, SCHEMA, OWNER = "names nobody", "application", "owner", "owner, triggers lifted"


@dataclass(frozen=True)
class Attempt:
    """One attempt: what is done, by whom, and what is expected of it (`left`: the documented rest)."""

    name: str
    by: str
    act: Callable[[], Any]
    expected: str = NAMED


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt, with the sentence that refused or named it."""

    what: str
    sentence: str = ""


@dataclass
class Stage:
    """Rows by model, and what the verification says before anything was tried (invented rows have no real content)."""

    rows: dict[type[models.Model], Any]
    before: frozenset[str]
    file: str


def stage() -> Stage:
    """Make the rows, seal them, and return them."""
    by = build.user("investigator")
    with acting(system="test"):
        rows = {model: tracked_rows.stored(model, bare=True) for model in tracked_models()}
        events.record(kind=events.AccessKind.EXPORTED, detail={"rows": 1})
        for model in (TrailReview, ClockTurn):
            tracked_rows.stored(model)
        attachment_storage().save("f" * 32, io.BytesIO(b"a report"))
        _filed(rows)
    with acting(user=by, role="investigator"):
        sign(target=rows[Record], meaning="review", password=build.PASSWORD, by=by)
    with acting(system="seal"):
        one = seals.seal(reason="test")
    assert one is not None
    Path(settings.SEAL_FILE).write_text(
        "".join(f"{seal_files.file_line(each)}\n" for each in Seal.objects.order_by("number"))
    )
    rows[User] = by
    return Stage(rows, frozenset(found()), Path(settings.SEAL_FILE).read_text())


def leave_unsealed() -> None:
    """Add a row that has no seal yet."""
    with acting(system="test"):
        Trial.objects.create(slug="new-and-unsealed")


def _filed(rows: dict[type[models.Model], Any]) -> None:
    row = tracked_rows.unsaved(Attachment, bare=True)
    row.key, row.sha256 = "f" * 32, hashlib.sha256(b"a report").hexdigest()
    row.save(force_insert=True)
    rows[Attachment] = row


def found() -> list[str]:
    """Return what the verification names."""
    return [str(each) for each in findings(Tally())]


def outcome(attempt: Attempt, on: Stage) -> Outcome:
    """Try, look, and take everything back."""
    try:
        with transaction.atomic():
            try:
                _try(attempt)
            except DatabaseError as error:
                raise _Over(Outcome(REFUSED, str(error).splitlines()[0])) from error
            new = [each for each in found() if each not in on.before]
            raise _Over(Outcome(NAMED, new[0]) if new else Outcome(LEFT))
    except _Over as over:
        return over.outcome
    finally:
        Path(settings.SEAL_FILE).write_text(on.file)
        attachment_storage().delete("f" * 32)
        attachment_storage().save("f" * 32, io.BytesIO(b"a report"))


class _Over(Exception):
    """Rolls the attempt back."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


def _try(attempt: Attempt) -> None:
    # In a block of its own: PostgreSQL must still answer the verification after a refusal.
    with transaction.atomic():
        match attempt.by:
            case "names nobody":
                with acting_as(None):
                    attempt.act()
            case "application" | "owner":
                with acting(system="forger"):
                    attempt.act()
            case _:
                with _owner():
                    attempt.act()


@contextmanager
def _owner() -> Iterator[None]:
    with acting(system="forger"), lifted_triggers():
        yield


def on_every_table(on: Stage) -> Iterator[Attempt]:
    """Yield the attempts that are the same for every audited table."""
    for model in tracked_models():
        row, history = on.rows[model], history_model(model)
        table, past = model._meta.db_table, history._meta.db_table
        here = model._base_manager.filter(pk=row.pk)
        newest = history._default_manager.filter(**{str(model._meta.pk.attname): row.pk})
        number = newest.order_by("-history_id").values_list("history_id", flat=True)[0]
        then = history._default_manager.filter(history_id=number)
        column = next(each for each in tracked_rows.changeable(model) if _is_plain(each))
        value = tracked_rows.other(column, getattr(row, column.attname))
        change = _call(here.update, **{column.name: value})
        yield Attempt(f"{table}: a value changed", NOBODY, change, REFUSED)
        yield Attempt(f"{table}: a value changed", OWNER, change)
        yield Attempt(f"{table}: a row removed", OWNER, _call(here._raw_delete, using="default"))
        if not trail_of(model).deletable:
            removal = _call(here._raw_delete, using="default")
            yield Attempt(f"{table}: a row removed", APPLICATION, removal, REFUSED)
        rewrite = _call(then.update, history_user_name="nobody")
        yield Attempt(f"{past}: the author exchanged", APPLICATION, rewrite, REFUSED)
        yield Attempt(f"{past}: the author exchanged", OWNER, rewrite)
        remove = _call(then._raw_delete, using="default")
        yield Attempt(f"{past}: a row removed", APPLICATION, remove, REFUSED)
        yield Attempt(f"{past}: a row removed", OWNER, remove)
        yield Attempt(f"{past}: a row inserted before", OWNER, _call(_copied, past, number, -3))


def _is_plain(field: Any) -> bool:
    return not field.is_relation and not isinstance(field, models.JSONField) and not field.choices


def _call(verb: Callable[..., Any], *arguments: Any, **options: Any) -> Callable[[], Any]:
    return lambda: verb(*arguments, **options)


def _sql(text: str, *parameters: Any) -> Callable[[], Any]:
    def run() -> None:
        with connection.cursor() as cursor:
            cursor.execute(text, parameters)

    return run


def _copied(table: str, number: int, key: int) -> None:
    with connection.cursor() as cursor:
        columns = [each.name for each in connection.introspection.get_table_description(cursor, table)]
        names = ", ".join(f'"{name}"' for name in columns if name != "history_id")
        copy = f'SELECT {key}, {names} FROM "{table}" WHERE history_id = {number}'
        cursor.execute(f'INSERT INTO "{table}" (history_id, {names}) {copy}')


def particular(on: Stage) -> Iterator[Attempt]:
    """Yield the attempts on accounts, files, signatures, events, seals and the places of their heads."""
    user, signature = on.rows[User].pk, Signature.objects.order_by("-pk").first()
    assert signature is not None
    people, signatures = User.objects.filter(pk=user), Signature.objects.filter(pk=signature.pk)
    password = _call(people.update, password=make_password("mine"))
    yield Attempt("a password hash put in its place", OWNER, password)
    yield Attempt("a password hash put in its place", APPLICATION, password)
    other = User.objects.exclude(pk=user).first()
    assert other is not None
    yield Attempt(
        "hash and digest of another person", APPLICATION,
        _call(people.update, password=other.password, password_digest=other.password_digest),
    )  # fmt: skip
    yield Attempt("a second factor emptied", OWNER, _sql("DELETE FROM mfa_authenticator"))
    yield Attempt("a file altered on the disk", OWNER, _rewritten_file)
    yield Attempt("a file removed from the disk", OWNER, _call(attachment_storage().delete, "f" * 32))
    yield Attempt(
        "the hash of a file exchanged",
        APPLICATION,
        _sql("UPDATE patients_attachment SET sha256 = 'x'"),
        REFUSED,
    )
    for name, change in (
        ("signer", {"signer_name": "nobody"}), ("meaning", {"meaning": "approval"}),
        ("statement", {"statement": "Signed by nobody"}), ("row", {"target_id": signature.target_id + 1}),
    ):  # fmt: skip
        yield Attempt(
            f"a signature with another {name}", APPLICATION, _call(signatures.update, **change), REFUSED
        )
        yield Attempt(f"a signature with another {name}", OWNER, _call(signatures.update, **change))
    for model in (AccessEvent, TrailReview, ClockTurn, Seal, SealedPart):
        table, last = (
            model._meta.db_table,
            model._base_manager.order_by("-pk").values_list("pk", flat=True)[0],
        )
        here = model._base_manager.filter(pk=last)
        text = next(each for each in model._meta.concrete_fields if _is_text_or_moment(each))
        change = _call(here.update, **{text.name: tracked_rows.other(text, None)})
        removal = _call(here._raw_delete, using="default")
        for by, expected in ((APPLICATION, REFUSED), (OWNER, NAMED)):
            yield Attempt(f"{table}: a value changed", by, change, expected)
            yield Attempt(f"{table}: a row removed", by, removal, expected)
    yield from _places(on)
    yield Attempt("a trigger dropped", SCHEMA, _dropped_trigger)
    # What is left (docs/audit.md, Limits).
    yield Attempt("the newest row and its history, before their seal", OWNER, _unsealed_pair, LEFT)
    yield Attempt("history, chain and the only seal file made anew", OWNER, _chain_and_file, LEFT)


def _is_text_or_moment(field: Any) -> bool:
    return type(field) in (models.CharField, models.DateTimeField) and not field.choices


def _rewritten_file() -> None:
    attachment_storage().delete("f" * 32)
    attachment_storage().save("f" * 32, io.BytesIO(b"another"))


def _places(on: Stage) -> Iterator[Attempt]:
    path = Path(settings.SEAL_FILE)
    last = on.file.splitlines()[-1]
    yield Attempt("the seal file emptied", OWNER, _call(path.write_text, ""))
    yield Attempt("the seal file removed", OWNER, _call(path.unlink))
    yield Attempt(
        "a head altered in the file", OWNER, _call(path.write_text, on.file.replace(last[-4:], "0000"))
    )
    yield Attempt("a line of somebody else", OWNER, _call(path.write_text, f"{on.file}hello\n"))
    newer = f"{on.file}9 2026-01-01T00:00:00.0Z {'a' * 64}\n"
    yield Attempt("an older database restored", OWNER, _call(path.write_text, newer))
    yield Attempt("history and chain made anew", OWNER, _chain)


def _chain() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE trials_historicaltrial SET history_user_name = 'nobody'")
        cursor.execute("DELETE FROM audit_sealedpart")
        cursor.execute("DELETE FROM audit_seal")
    seals.seal(reason="test")


def _chain_and_file() -> None:
    _chain()
    lines = (f"{seal_files.file_line(each)}\n" for each in Seal.objects.order_by("number"))
    Path(settings.SEAL_FILE).write_text("".join(lines))


def _dropped_trigger() -> None:
    name = "stroma_trials_trial_update" if connection.vendor == "sqlite" else "stroma_trail ON trials_trial"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {name}")


def _unsealed_pair() -> None:
    with connection.cursor() as cursor:
        for table in ("trials_trial", "trials_historicaltrial"):
            cursor.execute(f"UPDATE {table} SET recruiting = NOT recruiting WHERE slug = 'new-and-unsealed'")
