"""Answers shown to a person, as bytes that can be compared, and the walk along all links (BLD-01 to BLD-03)."""

import hashlib
import html
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.apps import apps
from django.core.management.color import no_style
from django.db import connection, transaction
from django.test import Client

from trials.models import Trial

_ID = re.compile(rb"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_KEY = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# What may differ between two answers to the same question: tokens, and ids drawn for one request.
DRAWN = (
    (re.compile(rb'(name="csrfmiddlewaretoken" value=")[^"]*'), rb"\1"),
    (re.compile(rb'("X-CSRFToken": ")[^"]*'), rb"\1"),
    (_ID, b"(id)"),
    (_KEY, b"(key)"),
    # The moment of an export is that of the database's clock, which goes on on PostgreSQL.
    (re.compile(rb'("data_as_of": ")[^"]*'), rb"\1"),
    # The hash of a file whose rows hold such ids, in the manifest, the register and the trail; the rows are compared.
    (re.compile(rb'("sha256": "|""sha256"": "")[^"]*'), rb"\1"),
    (
        re.compile(rb'(data-label="SHA-256">|SHA-256 of the file(?:,,|</dt>\s*<dd>))[0-9a-f]{64}'),
        rb"\1(hash)",
    ),
    (re.compile(rb"(,(?:finished|aborted|taken),[0-9]*,)[0-9a-f]{64}"), rb"\1(hash)"),
)
# Most pages hold no id, which a search for 32 digits in every byte of them finds out slowly.
_DIGITS_AS_ZERO = bytes(
    48 if byte in b"0123456789abcdef" else byte if byte == 45 else 32 for byte in range(256)
)
_NO_ID, _NO_KEY = b"0" * 32, b"00000000-0000-0000-0000-000000000000"
HEADERS = (
    "Content-Type",
    "Content-Disposition",
    "Content-Language",
    "Location",
    "HX-Trigger",
    "Cache-Control",
)
# Pages of the same kind, of which the first stands for all: a visit or captured form of any patient, a field of it.
ALIKE = (
    (re.compile(r"/patients/[^/]+/visits/[^/]+/"), "/patients/*/visits/*/"),
    (re.compile(r"/patients/[^/]+/logs/"), "/patients/*/logs/"),
    (re.compile(r"/locks/(record|visit|patient)/[0-9]+/"), r"/locks/\1/*/"),
    (re.compile(r"/redactions/([a-z._]+)/[0-9]+/"), r"/redactions/\1/*/"),
    # A PNG is made from the SVG of the same figure, which is read for each figure.
    (re.compile(r"/figures/[^/]+/figure\.png"), "/figures/*/figure.png"),
    (re.compile(r"\bfield=.*"), ""),
)
LINK = re.compile(r'(?:href|src|hx-get)="([^"#]*)')


@contextmanager
def undone() -> Iterator[None]:
    """Take back everything that was stored inside: two readings start from the same rows and numbers."""
    count_from_the_rows()
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    count_from_the_rows()


def count_from_the_rows() -> None:
    """Let the next rows be numbered after those that there are.

    PostgreSQL goes on counting after a rollback, and numbers of rows stand in the trail and its export.
    """
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), apps.get_models()):
            cursor.execute(statement)


def hashed(data: bytes) -> bytes:
    """Return the replacement of a PDF or an image in a comparison: the hash of all its bytes."""
    return hashlib.sha512(data).hexdigest().encode()


def shown(response: Any, read_pdf: Callable[[bytes], bytes] = hashed) -> bytes:
    """Return status, headers and content of an answer without what is drawn anew for each; a zip file by file.

    read_pdf: returns what stands for a PDF.
    """
    body = b"".join(response.streaming_content) if response.streaming else response.content
    if response.get("Content-Type") == "application/zip":
        body = _unzipped(body)
    if response.get("Content-Type") == "application/pdf":
        body = read_pdf(body)
    if response.get("Content-Type") == "image/png":
        # By its hash: three letters of a product stand by chance in a compressed drawing.
        body = hashed(body)
    body = without_drawn(body)
    head = "".join(f"{name}: {response[name]}\n" for name in HEADERS if name in response)
    return f"{response.status_code}\n{head}\n".encode() + body


def without_drawn(body: bytes) -> bytes:
    """Return a content without what is drawn anew for each answer."""
    zeros = body.translate(_DIGITS_AS_ZERO)
    absent = {_ID: _NO_ID not in zeros, _KEY: _NO_KEY not in zeros}
    for pattern, kept in DRAWN:
        if not absent.get(pattern):
            body = pattern.sub(kept, body)
    return body


def _unzipped(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return b"\n".join(name.encode() + b"\n" + archive.read(name) for name in archive.namelist())


Show = Callable[[Any], bytes]


def crawl(client: Client, urls: Iterable[str], *, show: Show = shown) -> dict[str, bytes]:
    """Return by address what a person is shown there."""
    return {url: show(client.get(url)) for url in urls}


class Seen:
    """The kinds of pages that a walk has read: an address and the names of its parameters."""

    def __init__(self) -> None:
        self._shapes: set[tuple[str, tuple[str, ...]]] = set()

    def add(self, url: str) -> bool:
        """Note an address that is read; return whether its kind is new."""
        count = len(self._shapes)
        self._shapes.add(shape_of(url))
        return len(self._shapes) > count


def walk(
    client: Client,
    start: str,
    *,
    within: str,
    also: Iterable[str],
    show: Show = shown,
    seen: Seen | None = None,
) -> dict[str, bytes]:
    """Follow every link from `start` and `also` inside `within`; of pages of the same kind only the first.

    seen: decides which are of the same kind.
    """
    seen = Seen() if seen is None else seen
    found, waiting = crawl(client, also, show=show), [start]
    for url in found:
        if "?" not in url:
            seen.add(url)
    while waiting:
        url = waiting.pop(0)
        if not seen.add(url):
            continue
        response = client.get(url)
        found[url] = show(response)
        if response.get("Content-Type", "").startswith("text/html"):
            waiting += [link for link in links_of(found[url], url) if link.startswith(within)]
    return found


# A page links to the same few hundred addresses as the one before.
@lru_cache(maxsize=4096)
def shape_of(url: str) -> tuple[str, tuple[str, ...]]:
    """Return what pages of the same kind have in common: the address, and the names of its parameters."""
    for pattern, kept in ALIKE:
        url = pattern.sub(kept, url)
    parts = urlsplit(url)
    return parts.path, tuple(sorted(parse_qs(parts.query)))


def links_of(page: bytes, at: str) -> Iterator[str]:
    for link in LINK.findall(page.decode()):
        address = html.unescape(link)
        yield urlsplit(at).path + address if address.startswith("?") else address


def differences(before: dict[str, bytes], after: dict[str, bytes]) -> dict[str, tuple[str, str]]:
    """Return by address the first line in which two readings differ; nothing when all bytes are the same."""
    found = {}
    for url in {**before, **after}:
        one, other = before.get(url, b"(not reached)"), after.get(url, b"(not reached)")
        if one != other:
            lines = zip([*one.splitlines(), b""], [*other.splitlines(), b""], strict=False)
            found[url] = next(
                ((a.decode(), b.decode()) for a, b in lines if a != b),
                ("(length)", f"{len(one)} {len(other)}"),
            )
    return found


def read_after(
    trial: Trial, change: Callable[[Trial], None], read: Callable[[], dict[str, bytes]]
) -> dict[str, bytes]:
    """Return a reading made after a change; both are taken back."""
    with undone():
        change(trial)
        return read()
