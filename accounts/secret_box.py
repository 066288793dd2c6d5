"""Encryption of secrets in the database: one key per purpose, derived from the secret key."""

import base64

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


def box(purpose: str) -> Fernet:
    """Return authenticated encryption (AES-128-CBC with HMAC-SHA256) with the key of this purpose."""
    key = HKDF(SHA256(), 32, salt=None, info=f"stroma {purpose}".encode()).derive(
        settings.SECRET_KEY.encode()
    )
    return Fernet(base64.urlsafe_b64encode(key))
