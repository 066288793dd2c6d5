"""Encryption of backups in the open format of age (age-encryption.org/v1), in constant memory.

Whoever holds the key file can read a backup without Stroma: `age --decrypt --identity backup.key database.age`.
The key is an X25519 identity; each file has a key of its own, wrapped for the recipient. The content is encrypted in
chunks of 64 KiB with ChaCha20-Poly1305, so that a part that was altered, cut off or moved is refused.
"""

import base64
import binascii
import hmac
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from operation.backups import bech32

CHUNK_BYTES = 65536
TAG_BYTES = 16
INTRO = b"age-encryption.org/v1"
PREFIX = "age-secret-key-"
NO_NONCE = bytes(12)


class NotDecrypted(Exception):
    """A file that is no backup, was damaged, or was encrypted with another key; the message says which."""


@dataclass(frozen=True)
class BackupKey:
    """An X25519 identity of age: 32 secret bytes."""

    secret: bytes

    @property
    def recipient(self) -> bytes:
        """The public key, 32 bytes."""
        return X25519PrivateKey.from_private_bytes(self.secret).public_key().public_bytes_raw()

    @property
    def fingerprint(self) -> str:
        """Eight characters that tell keys apart without revealing them."""
        return derived(self.recipient, b"", b"stroma key fingerprint")[:4].hex()

    @property
    def public_text(self) -> str:
        """The public key as age writes it: `age1…`."""
        return bech32.encode("age", self.recipient)

    def mac(self, content: bytes) -> str:
        """Return a keyed hash, which nobody without the key can make for other content."""
        return hmac.digest(derived(self.secret, b"", b"stroma manifest"), content, "sha256").hex()


def new_key() -> BackupKey:
    """Return a new random key."""
    return BackupKey(X25519PrivateKey.generate().private_bytes_raw())


def read_key(path: Path) -> BackupKey:
    """Return the key of an identity file of age. Raises OSError, or NotDecrypted if the file holds no key."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip().lower().startswith(PREFIX):
            try:
                return BackupKey(bech32.decode(PREFIX, line.strip()))
            except ValueError as wrong:
                raise NotDecrypted(f"{path} holds a key that was mistyped or cut off: {wrong}") from wrong
    raise NotDecrypted(f"{path} holds no key: make one with `manage.py backup_key FILE`")


def write_key(path: Path, key: BackupKey) -> None:
    """Write an identity file that only its owner may read. Raises FileExistsError: a key is never overwritten."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = f"# public key: {key.public_text}\n{bech32.encode(PREFIX, key.secret).upper()}\n"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def derived(secret: bytes, salt: bytes, purpose: bytes) -> bytes:
    """Return 32 bytes derived from a secret (HKDF with SHA-256, RFC 5869)."""
    return HKDF(SHA256(), 32, salt=salt, info=purpose).derive(secret)


def encrypted(content: Iterable[bytes], key: BackupKey) -> Iterator[bytes]:
    """Yield an age file with this content, for the holder of the key."""
    file_key, nonce = os.urandom(16), os.urandom(16)
    yield _header(file_key, key.recipient) + nonce
    cipher, number, left = ChaCha20Poly1305(derived(file_key, nonce, b"payload")), 0, bytearray()
    for piece in content:
        left += piece
        # The last chunk is marked as such, so a full one waits until more follows.
        while len(left) > CHUNK_BYTES:
            yield cipher.encrypt(_chunk_nonce(number, last=False), bytes(left[:CHUNK_BYTES]), None)
            del left[:CHUNK_BYTES]
            number += 1
    yield cipher.encrypt(_chunk_nonce(number, last=True), bytes(left), None)


def decrypted(source: BinaryIO, key: BackupKey) -> Iterator[bytes]:
    """Yield the content of an age file. Raises NotDecrypted at the first chunk that is not as it was written."""
    file_key = _unwrapped(source, key)
    nonce = source.read(16)
    cipher, number = ChaCha20Poly1305(derived(file_key, nonce, b"payload")), 0
    chunk = source.read(CHUNK_BYTES + TAG_BYTES)
    while True:
        following = source.read(CHUNK_BYTES + TAG_BYTES)
        try:
            yield cipher.decrypt(_chunk_nonce(number, last=not following), chunk, None)
        except InvalidTag as wrong:
            raise NotDecrypted("the file was altered, damaged or cut off") from wrong
        if not following:
            return
        chunk, number = following, number + 1


def _header(file_key: bytes, recipient: bytes) -> bytes:
    ephemeral = X25519PrivateKey.generate()
    share = ephemeral.public_key().public_bytes_raw()
    secret = ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient))
    wrapped = ChaCha20Poly1305(_wrapping(secret, share, recipient)).encrypt(NO_NONCE, file_key, None)
    lines = INTRO + b"\n-> X25519 " + _text(share) + b"\n" + _text(wrapped) + b"\n---"
    return lines + b" " + _text(_header_mac(file_key, lines)) + b"\n"


def _unwrapped(source: BinaryIO, key: BackupKey) -> bytes:
    """Read the header and return the key of the file. Raises NotDecrypted."""
    lines = [source.readline(200) for _ in range(4)]
    try:
        intro, stanza, body, mac = (line.rstrip(b"\n") for line in lines)
        arrow, kind, share_text = stanza.split(b" ")
        if (intro, arrow, kind, mac[:4]) != (INTRO, b"->", b"X25519", b"--- "):
            raise ValueError("not our header")
        share, wrapped, expected = _bytes(share_text), _bytes(body), _bytes(mac[4:])
    except (ValueError, binascii.Error) as wrong:
        raise NotDecrypted("the file is no backup of Stroma, or its beginning was damaged") from wrong
    secret = X25519PrivateKey.from_private_bytes(key.secret).exchange(
        X25519PublicKey.from_public_bytes(share)
    )
    try:
        file_key = ChaCha20Poly1305(_wrapping(secret, share, key.recipient)).decrypt(NO_NONCE, wrapped, None)
    except InvalidTag as wrong:
        raise NotDecrypted("the file was encrypted with another key than the one in the key file") from wrong
    if not hmac.compare_digest(_header_mac(file_key, b"".join(lines[:3]) + b"---"), expected):
        raise NotDecrypted("the beginning of the file was altered")
    return file_key


def _wrapping(secret: bytes, share: bytes, recipient: bytes) -> bytes:
    return derived(secret, share + recipient, b"age-encryption.org/v1/X25519")


def _header_mac(file_key: bytes, lines: bytes) -> bytes:
    return hmac.digest(derived(file_key, b"", b"header"), lines, "sha256")


def _chunk_nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _text(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _bytes(text: bytes) -> bytes:
    data = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    # The last sign has spare bits, which decoding ignores: a changed one would pass unseen. The format forbids it too.
    if _text(data) != text:
        raise ValueError("not written as base64 is")
    return data
