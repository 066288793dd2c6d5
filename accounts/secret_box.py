"""Encryption of secrets in the database: one key per purpose, derived from the secret key."""

import base64
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


def box(purpose: str) -> "Fernet":
    """Return authenticated encryption (AES-128-CBC with HMAC-SHA256) with the key of this purpose."""
    # Imported here: most processes open no secret, and the library takes seven megabytes.
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    key = HKDF(SHA256(), 32, salt=None, info=f"stroma {purpose}".encode()).derive(
        settings.SECRET_KEY.encode()
    )
    return Fernet(base64.urlsafe_b64encode(key))
