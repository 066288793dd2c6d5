"""Keyed digests of password hashes: whoever replaces a hash in the database cannot make its digest.

The digest stands beside the hash and in the history row of every change. It is made where a password is set, never
where a row is read, so that a replaced hash keeps the digest of the old one.
"""

import hashlib
import hmac
from collections.abc import Iterator

from django.apps import apps
from django.conf import settings

from audit.sealing.verification import Tally, TrailFinding

REPLACED = "its password was not set by the application"
OTHER_KEY = (
    "no password has its digest: SECRET_KEY is not the one under which they were set. "
    "Verify with the SECRET_KEY of this database"
)


def password_digest(username: str, stored_hash: str) -> str:
    """Return HMAC-SHA256 over user name and hash, under a key derived from SECRET_KEY; 64 hexadecimal digits."""
    return hmac.new(_key(), f"{username}\0{stored_hash}".encode(), hashlib.sha256).hexdigest()


def findings(tally: Tally) -> Iterator[TrailFinding]:
    """Yield the users whose password hash is not the one that was set. One query."""
    users = apps.get_model("accounts.User")._base_manager.order_by("pk")
    rows = users.values_list("pk", "username", "password", "password_digest").iterator(1000)
    wrong, right = list[TrailFinding](), 0
    for key, username, stored_hash, digest in rows:
        if password_digest(username, stored_hash) == digest:
            right += 1
        else:
            wrong.append(TrailFinding(f"accounts_user {key}", REPLACED))
    if len(wrong) > 1 and not right:
        yield TrailFinding("accounts_user", OTHER_KEY)
    else:
        yield from wrong


def _key() -> bytes:
    # Imported here: seven megabytes that a command which sets and checks no password does without.
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), 32, salt=None, info=b"stroma password digests").derive(settings.SECRET_KEY.encode())
