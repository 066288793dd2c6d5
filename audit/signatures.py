"""Electronic signatures: password, meaning, printed name, time, and a hash of the signed content.

A signature belongs to one row and to its content as stored. Any later change of that content invalidates it in the
same statement (`audit.triggers`), on every write path; it is never deleted (21 CFR 11.50, 11.70, 11.200).
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit import events
from audit.canonical import sha256
from audit.context import current_actor
from audit.models import Meaning, Signature
from audit.sealing import seals
from audit.stored_text import reader_language
from audit.system_texts import role_title
from audit.trail import history_model, model_labelled, trail_of
from protocol.values.site_clock import minutes_east
from protocol.values.writing import second_text

ATTEMPTS = 5
ATTEMPTS_WITHIN = timedelta(minutes=15)
MANIFEST = (
    "content_hash", "target_type", "target_id", "trial_id", "patient_id", "meaning",
    "signer_id", "signer_name", "printed_name", "role", "signed_at", "zone", "statement", "language",
)  # fmt: skip


class SignatureState(models.TextChoices):
    """Current state of a signature."""

    VALID = "valid", gettext_lazy("Valid")
    INVALIDATED = "invalidated", gettext_lazy("Invalidated by a later change")
    FORGED = "forged", gettext_lazy("Altered or moved: this signature was not given like this")
    CONTENT_DIFFERS = "content_differs", gettext_lazy("The content is not what was signed")
    GONE = "gone", gettext_lazy("What was signed is gone")


def sign(*, target: Any, meaning: str, password: str, by: Any, zone: str = "UTC") -> Signature:
    """Sign one row. See `sign_many`."""
    return sign_many(targets=[target], meaning=meaning, password=password, by=by, zone=zone)[0]


@transaction.atomic
def sign_many(
    *, targets: Sequence[Any], meaning: str, password: str, by: Any, zone: str = "UTC"
) -> list[Signature]:
    """Sign rows of one model with one password: one signature per row, all or none.

    The stored row is signed, read and locked here, not the object passed in. The same signature sent again (a double
    click) is the first one: same person, meaning and content, still valid. `zone` is the time zone of the site, shown
    with the time. Raises ValidationError for an unknown meaning, an unverified identity, suspended signing, or a
    wrong password; wrong passwords are recorded, and after five in fifteen minutes every attempt is refused.
    """
    if meaning not in Meaning.values:
        raise ValidationError({"meaning": _("Choose what your signature means.")})
    _require_right_to_sign(by, targets)
    _require_password(password, by, targets)
    rows = _locked_rows(targets)
    given = _given_already(rows, meaning=meaning, by=by)
    fresh = [_signature(row, meaning=meaning, by=by, zone=zone) for row in rows if row.pk not in given]
    made = {signature.target_id: signature for signature in Signature.objects.bulk_create(fresh)}
    if fresh:
        # Robust: a failing seal must not make a stored signature look refused.
        transaction.on_commit(lambda: seals.seal(reason="signature"), robust=True)
    return [made.get(row.pk) or given[row.pk] for row in rows]


def _given_already(rows: Sequence[Any], *, meaning: str, by: Any) -> dict[int, Signature]:
    """Return by row key the valid signature of the same person and meaning on the content as it is now. One query."""
    if not rows:
        return {}
    kind, keys = rows[0]._meta.label_lower, {row.pk: row for row in rows}
    valid = Signature.objects.filter(target_type=kind, target_id__in=keys, invalidated_at=None)
    mine = valid.filter(signer_id=by.pk, meaning=str(meaning)).order_by("-pk")
    return {each.target_id: each for each in mine if content_hash(keys[each.target_id]) == each.content_hash}


def verify(signature: Signature) -> SignatureState:
    """Recompute both hashes and return the state of the signature. One query."""
    return next(state for _signature, state in verify_many([signature]))


def verify_many(signatures: Sequence[Signature]) -> Iterator[tuple[Signature, SignatureState]]:
    """Yield each signature with its state. One query per signed model."""
    ids_by_model: dict[str, set[int]] = {}
    for signature in signatures:
        ids_by_model.setdefault(signature.target_type, set()).add(signature.target_id)
    models_by_name = {name: model_labelled(name) for name in ids_by_model}
    rows = {
        name: model._base_manager.in_bulk(ids_by_model[name])
        for name, model in models_by_name.items()
        if model
    }
    for signature in signatures:
        yield signature, _state(signature, rows.get(signature.target_type, {}).get(signature.target_id))


def recorded_state(signature: Signature) -> SignatureState:
    """Return the state of a signature without reading what was signed: valid, invalidated or forged. No query."""
    if manifest_hash(signature) != signature.manifest_hash:
        return SignatureState.FORGED
    return SignatureState.VALID if signature.invalidated_at is None else SignatureState.INVALIDATED


def _state(signature: Signature, target: Any) -> SignatureState:
    if (state := recorded_state(signature)) != SignatureState.VALID:
        return state
    if target is None:
        return SignatureState.GONE
    return (
        SignatureState.VALID
        if content_hash(target) == signature.content_hash
        else SignatureState.CONTENT_DIFFERS
    )


def content_hash(target: Any) -> str:
    """Return the SHA-256 of the signed content: the identity of the row and its content."""
    return sha256({"of": [target._meta.label_lower, target.pk], "content": target.signed_content()})


def manifest_hash(signature: Signature) -> str:
    """Return the SHA-256 of who signed which content when, as what, with which meaning and statement."""
    return sha256({name: getattr(signature, name) for name in MANIFEST})


def refuse_suspended(by: Any, of: str = "") -> None:
    """Raise ValidationError while the person must confirm who they are, and record the attempt. One query."""
    if by.signing_suspended:
        events.record_outside_transaction(
            kind=events.AccessKind.SIGNING_SUSPENDED, user=by, detail={"of": of}
        )
        raise ValidationError(
            _(
                "You cannot sign yet: others gave you a new password or removed your second factors. Confirm who you"
                " are first, on the page of your profile."
            )
        )


def _require_right_to_sign(by: Any, targets: Sequence[Any]) -> None:
    actor = current_actor()
    if actor is not None and actor.user_id not in (None, by.pk):
        raise ValidationError(_("Nobody can sign for another person."))
    if not by.is_active:
        raise ValidationError(_("This account is not active."))
    if by.identity_verified_on is None:
        raise ValidationError(
            _("Your identity is not verified yet, so you cannot sign. Ask an administrator to record it.")
        )
    refuse_suspended(by, targets[0]._meta.label_lower if targets else "")


def _require_password(password: str, by: Any, targets: Sequence[Any]) -> None:
    if recent_failures(by) >= ATTEMPTS:
        _refuse(events.AccessKind.SIGNING_LOCKED, by, targets)
        raise ValidationError(
            {"password": _("Too many wrong passwords. Signing is locked for you for fifteen minutes.")}
        )
    if not by.check_password(password):
        _refuse(events.AccessKind.SIGNING_FAILED, by, targets)
        raise ValidationError({"password": _("This is not your password. Nothing was signed.")})


def recent_failures(by: Any) -> int:
    """Return the number of wrong passwords this user entered when signing in the last fifteen minutes."""
    return events.count_recent(kind=events.AccessKind.SIGNING_FAILED, user=by, within=ATTEMPTS_WITHIN)


def _refuse(kind: str, by: Any, targets: Sequence[Any]) -> None:
    first = targets[0] if targets else None
    detail = {"rows": len(targets), "of": first._meta.label_lower if first is not None else ""}
    events.record_outside_transaction(kind=kind, user=by, detail=detail)


def _locked_rows(targets: Sequence[Any]) -> list[Any]:
    """Read and lock the rows. A concurrent change waits for the lock and then invalidates the signature."""
    if not targets:
        return []
    model: type[models.Model] = type(targets[0])
    rows = model._base_manager.select_for_update(of=("self",)).select_related(*_relations(model))
    # Locked in key order, so that two signers of the same rows cannot deadlock.
    found: dict[Any, Any] = rows.order_by("pk").in_bulk([target.pk for target in targets])
    # A statement of its own: one that waits for a lock would still see the history as it was before.
    key = str(model._meta.pk.attname)
    past = history_model(model)._default_manager.filter(**{f"{key}__in": list(found)}).order_by()
    newest = dict(past.values_list(key).annotate(Max("history_id")))
    for row in found.values():
        row.newest_history = newest.get(row.pk)
    return [found[target.pk] for target in targets]


def _relations(model: type[models.Model]) -> list[str]:
    trail = trail_of(model)
    heads = {path.rpartition("__")[0] for path in (trail.trial, trail.patient)}
    return sorted(heads - {""}) or [None]  # type: ignore[list-item]


def _signature(target: Any, *, meaning: str, by: Any, zone: str) -> Signature:
    actor, trail = current_actor(), trail_of(type(target))
    signature = Signature(
        target_type=target._meta.label_lower,
        target_id=target.pk,
        target_history=target.newest_history,
        trial_id=_follow(target, trail.trial),
        patient_id=_follow(target, trail.patient),
        meaning=str(meaning),
        signer_id=by.pk,
        signer_name=by.get_username(),
        printed_name=by.get_full_name(),
        role=actor.role if actor else "",
        signed_at=timezone.now(),
        zone=zone,
        content_hash=content_hash(target),
        language=reader_language(),
    )
    signature.statement = _statement(signature)
    signature.manifest_hash = manifest_hash(signature)
    return signature


def _statement(signature: Signature) -> str:
    """Return the line that the signer is shown: name, role, time with offset, meaning (21 CFR 11.50)."""
    at = signature.at_site
    # Translators: the statement of a signature; it is kept in this language for every reader.
    return _("Signed by %(name)s (%(user)s), %(role)s, %(time)s [%(zone)s]: %(meaning)s") % {
        "name": signature.printed_name,
        "user": signature.signer_name,
        "role": role_title(signature.role),
        "time": second_text(at, signature.language, minutes_east(at)),
        "zone": signature.zone,
        "meaning": signature.get_meaning_display(),
    }


def _follow(row: Any, path: str) -> Any:
    for step in path.split("__") if path else ():
        row = getattr(row, step)
    return row if path else None
