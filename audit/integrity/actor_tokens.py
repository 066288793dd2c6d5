"""Signed actors on PostgreSQL: the database takes a name only with a token that the application made.

The token is an HMAC-SHA256 over the database session and the actor. Its key is derived from SECRET_KEY; the database
keeps it in a table that the application's role cannot read. A database session has a random number that only its own
connection knows, so a token that was seen elsewhere is worth nothing.
"""

import hashlib
import hmac
from functools import cache

from django.conf import settings

BLOCK = 64


@cache
def _key(secret: str) -> bytes:
    return hashlib.sha256(b"stroma.actor:" + secret.encode()).digest()


def token(*, session: str, said: str) -> str:
    """Return the token of an actor (`said`, its JSON or empty) in one database session."""
    return hmac.new(_key(settings.SECRET_KEY), f"{session}.{said}".encode(), "sha256").hexdigest()


def pads() -> tuple[bytes, bytes]:
    """Return the key as the inner and the outer block of HMAC (RFC 2104), with which the database computes it."""
    block = _key(settings.SECRET_KEY).ljust(BLOCK, b"\0")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)
