"""The actor of a change: who, in which role, why and from where. Passed to the triggers that write the trail."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

from audit.stored_text import Text, written

# An account of the operating system, as the name of who runs a command: `account:deploy@ward-server`.
ACCOUNT = "account:"


@dataclass(frozen=True)
class Actor:
    """The author of a change, as text: the history must not change when the user does.

    `reason` is the text of the column, as `audit.stored_text.written` returns it.
    """

    user_id: int | None
    user_name: str
    full_name: str
    role: str = ""
    reason: str = ""
    origin: str = "command"
    request_id: str = ""
    session: str = ""
    address: str = ""

    @cached_property
    def as_json(self) -> str:
        """JSON that is set in a PostgreSQL transaction."""
        # Not `asdict`, which copies every text.
        return json.dumps({each.name: getattr(self, each.name) for each in fields(self)}, ensure_ascii=False)


_current: ContextVar[Actor | None] = ContextVar("stroma_actor", default=None)
_deferred: ContextVar[tuple[Callable[[], Any], ...]] = ContextVar("stroma_put_off", default=())


def current_actor() -> Actor | None:
    """Return the actor of this thread or task, or None if there is none."""
    return _current.get()


def set_actor(actor: Actor | None) -> None:
    """Replace the actor for the rest of this context (middleware only)."""
    _current.set(actor)


def set_role(role: str) -> None:
    """Set the role of the current actor."""
    actor = _current.get()
    if actor is not None and actor.role != role:
        _current.set(replace(actor, role=role))


def set_user(user: Any, *, session: str = "") -> None:
    """Make `user`, who has just signed in with a new session, the current actor."""
    actor = _current.get()
    if actor is not None:
        name, full_name = user.get_username(), user.get_full_name()
        _current.set(replace(actor, user_id=user.pk, user_name=name, full_name=full_name, session=session))


@contextmanager
def acting(
    *,
    user: Any = None,
    system: str = "",
    role: str | None = None,
    reason: Text = "",
    origin: str | None = None,
) -> Iterator[Actor]:
    """Act as `user`, or as `system:<name>` on behalf of the user if both are given.

    Inside a request or another actor, origin, request id and address of the outer actor are kept, and a system process
    names the person whose action caused it (AUD-10). Raises ValueError if neither is given.
    """
    if user is None and not system:
        raise ValueError("acting() needs a user or the name of a system process")
    outer = _current.get()
    actor = Actor(
        **_person(user, system, outer),
        role=role if role is not None else (outer.role if outer else ("system" if system else "")),
        reason=written(reason),
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
        if outer is None:
            run_deferred()


def defer(work: Callable[[], Any]) -> None:
    """Run `work` after the current actor has finished, so that it is not rolled back with the actor's transaction."""
    _deferred.set((*_deferred.get(), work))


def run_deferred() -> None:
    """Run the work that was put off."""
    work = _deferred.get()
    _deferred.set(())
    for step in work:
        step()


@contextmanager
def because(reason: Text) -> Iterator[None]:
    """Give the reason for the changes made inside, keeping the actor."""
    actor = _current.get()
    token = _current.set(replace(actor, reason=written(reason)) if actor else None)
    try:
        yield
    finally:
        _current.reset(token)


def _person(user: Any, system: str, outer: Actor | None) -> dict[str, Any]:
    """Return the names of the actor; a system process acts for `user`, or else for the outer actor."""
    if not system:
        return {
            "user_id": user.pk,
            "user_name": user.get_username(),
            "full_name": user.get_full_name() or user.get_username(),
        }
    label = f"system:{system}"
    if user is not None:
        cause = user.pk, user.get_username(), user.get_full_name()
    elif outer is not None and _is_cause(outer):
        cause = outer.user_id, outer.user_name, outer.full_name
    else:
        return {"user_id": None, "user_name": label, "full_name": label}
    return {
        "user_id": cause[0],
        "user_name": f"{label} for {cause[1]}",
        "full_name": f"{label} for {cause[2]}",
    }


def _is_cause(outer: Actor) -> bool:
    """Return True for a person, or the account that runs a command; a process is named once."""
    is_known = outer.user_id is not None or outer.user_name.startswith(ACCOUNT)
    return is_known and not outer.user_name.startswith("system:")


@contextmanager
def acting_as(actor: Actor | None) -> Iterator[None]:
    """Act as an earlier actor: a streamed response is written after its request has ended."""
    token = _current.set(actor)
    try:
        yield
    finally:
        _current.reset(token)
