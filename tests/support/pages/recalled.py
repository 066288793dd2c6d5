"""A browser that need not be answered again: a page whose statements all find the same rows is the same page.

What the application shows follows from the request, the clock, the rows that its statements find and the files that
rows name; its cache is a table too. A test that reads everything twice, with other rows the second time, therefore
sends the statements of each page again, in their order and with their values. If one of them finds other rows, or a
statement could not be noted, the page is asked for again; else its first answer stands. A statement that writes is
sent again like the others, so the rows afterwards are those that the page would have left.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from http.cookies import SimpleCookie
from itertools import islice
from sys import intern
from typing import Any
from unittest import mock

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction
from django.db.backends.utils import CursorWrapper
from django.http import HttpResponse
from django.test import Client
from django.test.client import FakePayload

from audit.context import Actor, acting_as, current_actor
from operation.blinding.readings import count_from_the_rows

# Drawn anew for each visitor; pages show it in inputs that no comparison reads.
DRAWN_COOKIE = "csrftoken"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as it was sent, who acted, and the hash of what it found."""

    sql: Any
    params: Any
    many: bool
    actor: Actor | None
    found: bytes

    def finds_the_same(self, cursor: CursorWrapper) -> bool:
        """Send the statement again; return whether it finds the same rows. Raises DatabaseError."""
        with acting_as(self.actor):
            (cursor.executemany if self.many else cursor.execute)(self.sql, self.params)
        rows = cursor.fetchall() if cursor.cursor.description else None
        return found_of(cursor.cursor, rows) == self.found


def found_of(cursor: Any, rows: list[Any] | None) -> bytes:
    """Return the hash of what a statement found, its rows or how many it changed: the rows would fill gigabytes."""
    return sha256(repr(cursor.rowcount if rows is None else rows).encode("utf-8", "surrogatepass")).digest()


@dataclass(slots=True)
class Noted:
    """The statements of one request; `complete` unless something was sent that cannot be sent again."""

    statements: list[Statement] = field(default_factory=list)
    complete: bool = True


class NotingCursor(CursorWrapper):
    """Django's cursor that notes each statement with all its rows, which it then gives as they are asked for."""

    def __init__(self, cursor: Any, db: Any, noted: Noted) -> None:
        super().__init__(cursor, db)
        self._noted = noted
        self._rows: Iterator[Any] = iter(())

    def _execute(self, sql: Any, params: Any, *ignored: Any) -> Any:
        return self._note(super()._execute, sql, params, many=False)  # type: ignore[misc]

    def _executemany(self, sql: Any, param_list: Any, *ignored: Any) -> Any:
        return self._note(super()._executemany, sql, list(param_list), many=True)  # type: ignore[misc]

    def _note(self, send: Callable[..., Any], sql: Any, params: Any, *, many: bool) -> Any:
        try:
            answer = send(sql, params)
        except BaseException:
            self._noted.complete = False
            raise
        rows = self.cursor.fetchall() if self.cursor.description else None
        self._rows = iter(rows or ())
        actor, found = current_actor(), found_of(self.cursor, rows)
        text = intern(sql) if type(sql) is str else sql
        self._noted.statements.append(Statement(text, params, many, actor, found))
        return answer

    def __getattr__(self, name: str) -> Any:
        if name in {"callproc", "copy", "nextset"}:
            self._noted.complete = False
        return super().__getattr__(name)

    def fetchone(self) -> Any:
        """Return the next row, or None."""
        return next(self._rows, None)

    def fetchmany(self, size: int = 1) -> list[Any]:
        """Return the next rows, at most so many."""
        return list(islice(self._rows, size))

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        return list(self._rows)

    def __iter__(self) -> Iterator[Any]:
        return self._rows


class Answer(HttpResponse):
    """An answer with its whole content, which can be given again. `as_shown` is for who compares it."""

    as_shown: bytes | None = None


class Browser(Client):
    """A test client in which someone is signed in; it gives answers of earlier readings again where that is right.

    recalls: False to ask for every page. asked, recalled: the requests that were answered in each way.
    """

    def __init__(self, signed_in: Client) -> None:
        super().__init__()
        self._signed_in = signed_in.cookies.output(header="", sep=";")
        self._known: dict[str, tuple[Noted, Answer]] = {}
        self._read: dict[str, tuple[Noted, Answer]] = {}
        self.recalls = True
        self.asked, self.recalled = 0, 0
        self.begin()

    def begin(self) -> None:
        """Begin a reading: the cookies are those of signing in. Only what was read before it is recalled in it."""
        self._known = {**self._read, **self._known}
        self._read = {}
        self.cookies = SimpleCookie(self._signed_in)

    def request(self, **request: Any) -> Any:
        """Return the known answer if each of its statements finds the same rows; else ask."""
        key = self._key(request)
        known = self._known.get(key)
        if self.recalls and known is not None and known[0].complete and _finds_the_same(known[0]):
            self.recalled += 1
            self.cookies.update(known[1].cookies)
            return known[1]
        self.asked += 1
        noted = Noted()
        database = connections[DEFAULT_DB_ALIAS]
        with mock.patch.object(database, "make_cursor", partial(NotingCursor, db=database, noted=noted)):
            response: Any = super().request(**request)
            content = b"".join(response)
        answer = Answer(content, status=response.status_code, headers=dict(response.headers))
        answer.cookies = response.cookies
        self._read.setdefault(key, (noted, answer))
        return answer

    def _key(self, request: dict[str, Any]) -> str:
        """Return what the application knows of a request."""
        sent = b""
        if "wsgi.input" in request:
            sent = request["wsgi.input"].read()
            request["wsgi.input"] = FakePayload(sent)
        cookies = {name: each.value for name, each in self.cookies.items() if name != DRAWN_COOKIE}
        said = {name: each for name, each in request.items() if name != "wsgi.input"}
        return repr((sorted(said.items()), sorted(cookies.items()), sent))


def _finds_the_same(noted: Noted) -> bool:
    """Send the statements of a page again; what they wrote is taken back if one finds other rows."""
    point = transaction.savepoint()
    try:
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            same = all(each.finds_the_same(cursor) for each in noted.statements)
    except DatabaseError:
        # What it wrote cannot be written again: it is asked for again.
        same = False
    (transaction.savepoint_commit if same else transaction.savepoint_rollback)(point)
    if not same and any("INSERT INTO" in str(each.sql) for each in noted.statements):
        count_from_the_rows()
    return same
