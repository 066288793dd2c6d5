"""Kit numbers: six random signs and a check sign, the same for every arm, read aloud and scanned (CEL-18).

Alphabet: 31 signs without those that look alike on paper (0, 1, I, L, O). With the weights 1 to 7 the signs of a
number, taken by their place in the alphabet, sum up to a multiple of 31. 31 is prime, so every wrong sign and every
exchange of two signs is noticed. No Django.
"""

from collections.abc import Callable

from protocol.values.refusals import ValueRefused, gettext_noop

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
LENGTH = 7
_ORDER = len(ALPHABET)
_NOT_A_KIT = gettext_noop(
    "%(typed)s is no kit number: a kit number has seven letters and digits, such as %(example)s."
)
_WRONG_CHECK = gettext_noop(
    "%(typed)s is no kit number: a sign is wrong or two are exchanged. Read it again."
)
EXAMPLE = "K7Q-2MXZ"


def kit_number(draw: Callable[[int], int]) -> str:
    """Return a new number. draw: returns a random number from 0 to below its argument, such as `secrets.randbelow`."""
    signs = "".join(ALPHABET[draw(_ORDER)] for _sign in range(LENGTH - 1))
    return signs + check_sign(signs)


def check_sign(signs: str) -> str:
    """Return the last sign of a number that begins with `signs`. Raises ValueError for a sign not in the alphabet."""
    # LENGTH is the weight of the check sign itself: its value makes the whole sum a multiple of 31.
    total = _weighted(signs)
    return ALPHABET[-total * pow(LENGTH, -1, _ORDER) % _ORDER]


def read_kit_number(text: str) -> str:
    """Return the number as stored, from what was typed or scanned: in any case, with hyphens and spaces or without.

    Raises ValueRefused with a sentence for anything else.
    """
    found = "".join(sign for sign in text.upper() if sign not in "- ")
    if len(found) != LENGTH or any(sign not in ALPHABET for sign in found):
        raise ValueRefused(_NOT_A_KIT, typed=text.strip()[:40], example=EXAMPLE)
    if _weighted(found) % _ORDER:
        raise ValueRefused(_WRONG_CHECK, typed=text.strip()[:40])
    return found


def written(number: str) -> str:
    """Return a number as it is shown and printed: `K7Q-2MXZ`."""
    return f"{number[:3]}-{number[3:]}"


def _weighted(signs: str) -> int:
    return sum(weight * ALPHABET.index(sign) for weight, sign in enumerate(signs, start=1))
