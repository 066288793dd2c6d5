"""Who acts, in which role, why and from where: carried to the triggers that write the trail."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Actor:
    """The author of a change, as text: the history must not change when the user does."""

    user_id: int | None
    user_name: str
    full_name: str
    role: str = ""
    reason: str = ""
    origin: str = "command"
    request_id: str = ""
    session: str = ""
    address: str = ""


_current: ContextVar[Actor | None] = ContextVar("stroma_actor", default=None)


def current_actor() -> Actor | None:
    """Return the actor of this thread or task, or None when nobody acts."""
    return _current.get()


def set_actor(actor: Actor | None) -> None:
    """Replace the actor for the rest of this context (middleware only)."""
    _current.set(actor)


def set_role(role: str) -> None:
    """Tell the trail in which role the current actor acts."""
    actor = _current.get()
    if actor is not None:
        _current.set(replace(actor, role=role))


@contextmanager
def acting(
    *,
    user: Any = None,
    system: str = "",
    role: str | None = None,
    reason: str = "",
    origin: str | None = None,
) -> Iterator[Actor]:
    """Act as `user`, or as `system:<name>` for the named user when both are given.

    Inside a request the origin, request id and address of the request are kept.
    Raises ValueError when neither a user nor a system name is given.
    """
    if user is None and not system:
        raise ValueError("acting() needs a user or the name of a system process")
    outer = _current.get()
    name = getattr(user, "username", "") if user is not None else ""
    label = f"system:{system}" if system else name
    if system and name:
        label = f"{label} for {name}"
    actor = Actor(
        user_id=getattr(user, "pk", None),
        user_name=label,
        full_name=getattr(user, "full_name", "") or label,
        role=role if role is not None else (outer.role if outer else ("system" if system else "")),
        reason=reason,
        origin=origin or (outer.origin if outer else ("system" if system else "command")),
        request_id=outer.request_id if outer else uuid.uuid4().hex,
        session=outer.session if outer else "",
        address=outer.address if outer else "",
    )
    token = _current.set(actor)
    try:
        yield actor
    finally:
        _current.reset(token)


@contextmanager
def because(reason: str) -> Iterator[None]:
    """Give the reason for the changes made inside, keeping the actor."""
    actor = _current.get()
    token = _current.set(replace(actor, reason=reason) if actor else None)
    try:
        yield
    finally:
        _current.reset(token)
