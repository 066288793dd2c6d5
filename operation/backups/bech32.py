"""Bech32 (BIP 173): the text form of the keys of age, with a checksum that finds typing mistakes."""

from collections.abc import Iterable

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def encode(prefix: str, data: bytes) -> str:
    """Return the data as text, in lower case."""
    digits = _regrouped(data, 8, 5, pad=True)
    checked = _checksum(prefix, [*digits, 0, 0, 0, 0, 0, 0]) ^ 1
    digits += [(checked >> 5 * (5 - place)) & 31 for place in range(6)]
    return f"{prefix}1{''.join(ALPHABET[digit] for digit in digits)}"


def decode(prefix: str, text: str) -> bytes:
    """Return the data of a text. Raises ValueError if the prefix or the checksum is another."""
    if text not in (text.lower(), text.upper()):
        raise ValueError("small and capital letters are mixed")
    found, _one, rest = text.lower().rpartition("1")
    if found != prefix or set(rest) - set(ALPHABET):
        raise ValueError("it has letters that no key has")
    digits = [ALPHABET.index(letter) for letter in rest]
    if _checksum(prefix, digits) != 1:
        raise ValueError("its checksum is wrong")
    return bytes(_regrouped(digits[:-6], 5, 8, pad=False))


def _checksum(prefix: str, digits: list[int]) -> int:
    total = 1
    for value in [*(ord(sign) >> 5 for sign in prefix), 0, *(ord(sign) & 31 for sign in prefix), *digits]:
        top = total >> 25
        total = (total & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(GENERATORS):
            total ^= generator if (top >> place) & 1 else 0
    return total


def _regrouped(values: Iterable[int], width: int, into: int, *, pad: bool) -> list[int]:
    held, bits, found = 0, 0, []
    for value in values:
        held, bits = (held << width) | value, bits + width
        while bits >= into:
            bits -= into
            found.append((held >> bits) & ((1 << into) - 1))
    if pad and bits:
        found.append((held << (into - bits)) & ((1 << into) - 1))
    return found
