"""Addresses: the numbers in them, and addresses of one route reversed once and filled in many times."""

from functools import lru_cache
from urllib.parse import quote

from django.urls import get_script_prefix, reverse

# The signs that `reverse` leaves as they are within one part of an address.
_SAFE = "!$&'()*+,;=~:@"
# Numbers of nine digits satisfy every converter of the project and stand in no address of their own.
_FIRST_MARK = 918_273_640


class Number:
    """A number of up to nine digits; an address with a longer one does not exist."""

    regex = "[0-9]{1,9}"

    def to_python(self, text: str) -> int:
        """Return the number."""
        return int(text)

    def to_url(self, number: int | str) -> str:
        """Return the number as an address holds it."""
        return str(number)


def address(name: str, *parts: str | int) -> str:
    """Return what `reverse(name, args=parts)` returns, for parts that satisfy the route.

    A page with a thousand cells asks for the same few routes: each is reversed once per process and its parts are
    filled in. Raises NoReverseMatch for an unknown route, a wrong number of parts, or a part that takes no number
    (a UUID).
    """
    fixed = _fixed_text(name, len(parts), get_script_prefix())
    filled = (f"{quote(str(part), safe=_SAFE)}{text}" for part, text in zip(parts, fixed[1:], strict=True))
    return fixed[0] + "".join(filled)


@lru_cache(maxsize=1024)
def _fixed_text(name: str, count: int, prefix: str) -> tuple[str, ...]:
    """Return the text before, between and behind the parts of a route; `prefix` only tells cached routes apart."""
    marks = [str(_FIRST_MARK + number) for number in range(count)]
    rest, found = reverse(name, args=marks), []
    for mark in marks:
        before, _mark, rest = rest.partition(mark)
        found.append(before)
    return (*found, rest)
