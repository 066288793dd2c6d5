"""Backups are age files: whoever alters, cuts or moves a byte is found out (P11-12)."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operation.backups import bech32
from operation.backups.encryption import (
    CHUNK_BYTES,
    BackupKey,
    NotDecrypted,
    decrypted,
    encrypted,
    new_key,
    read_key,
    write_key,
)

KEY = BackupKey(bytes(range(32)))
# Public key and identity as the library of age made them.
PAIR = (
    "age1xv7ywyhwdqn2ymgz8yn0faahzrdq9da9z2zv47satwkaqpqndqksval4kj",
    "AGE-SECRET-KEY-18ECCV29V496WM2CQUT7E3ULT3PV6T0H367K6HS78WUGUWFLQKXRQ2H7RJ5",
)
SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]


def opened(data: bytes, key: BackupKey = KEY) -> bytes:
    return b"".join(decrypted(io.BytesIO(data), key))


@pytest.mark.parametrize("size", SIZES)
def test_what_was_encrypted_is_read_again_whatever_its_size(size):
    content = bytes(index % 251 for index in range(size))
    assert opened(b"".join(encrypted([content[: size // 2], content[size // 2 :]], KEY))) == content


def test_a_file_of_the_age_program_s_own_library_is_like_ours():
    """The header as age-encryption.org/v1 writes it: another program reads it without Stroma."""
    lines = b"".join(encrypted([b"x"], KEY)).split(b"\n")
    assert lines[0] == b"age-encryption.org/v1"
    assert lines[1].startswith(b"-> X25519 ")
    assert lines[3].startswith(b"--- ")


@given(place=st.integers(0, 400), bit=st.integers(0, 7))
def test_a_changed_bit_anywhere_is_refused(place, bit):
    whole = bytearray(b"".join(encrypted([b"a" * 150], KEY)))
    whole[place % len(whole)] ^= 1 << bit
    with pytest.raises(NotDecrypted):
        opened(bytes(whole))


@pytest.mark.parametrize("line", [1, 2, 3])
def test_a_spare_bit_at_the_end_of_a_line_of_the_header_is_refused(line):
    """The last sign of a base64 text holds bits that no byte needs; the format wants them to be zero."""
    lines = b"".join(encrypted([b"a" * 150], KEY)).split(b"\n", 4)
    signs = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    lines[line] = lines[line][:-1] + signs[signs.index(lines[line][-1:]) + 1 :][:1]
    with pytest.raises(NotDecrypted):
        opened(b"\n".join(lines))


@pytest.mark.parametrize("kept", [1, CHUNK_BYTES + 16, 2 * (CHUNK_BYTES + 16)])
def test_a_file_without_its_end_is_refused(kept):
    whole = b"".join(encrypted([bytes(3 * CHUNK_BYTES)], KEY))
    body = len(whole) - 3 * (CHUNK_BYTES + 16)
    with pytest.raises(NotDecrypted, match="cut off"):
        opened(whole[: body + kept])


def test_another_key_is_told_apart_from_damage():
    with pytest.raises(NotDecrypted, match="another key"):
        opened(b"".join(encrypted([b"a"], KEY)), new_key())


def test_a_key_survives_its_file_and_a_mistyped_one_is_refused(tmp_path):
    path = tmp_path / "backup.key"
    write_key(path, KEY)
    assert read_key(path) == KEY
    assert path.stat().st_mode & 0o077 == 0
    path.write_text(path.read_text().replace("Q", "P", 1))
    with pytest.raises(NotDecrypted, match="mistyped"):
        read_key(path)
    path.write_text("nothing here\n")
    with pytest.raises(NotDecrypted, match="backup_key"):
        read_key(path)


def test_the_public_key_is_written_as_age_writes_it():
    """The pair of an identity that the age library made."""
    identity = BackupKey(bech32.decode("age-secret-key-", PAIR[1]))
    assert identity.public_text == PAIR[0]
