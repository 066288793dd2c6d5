"""URLs: the converter for numbers, and URLs of one route reversed once and filled in many times."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from urllib.parse import quote

from django.urls import get_script_prefix, reverse

# Characters that `reverse` does not quote within one part of a URL.
_SAFE = "!$&'()*+,;=~:@"
# A part that needs no quoting, which is nearly every one: quoting costs more than all the rest.
_PLAIN = re.compile(r"[A-Za-z0-9_.!$&'()*+,;=~:@-]*")
# Nine digits satisfy every converter of the project and occur in none of its routes.
_FIRST_MARK = 918_273_640


class Number:
    """A number of up to nine digits; a URL with a longer one does not exist."""

    regex = "[0-9]{1,9}"

    def to_python(self, text: str) -> int:
        """Return the number."""
        return int(text)

    def to_url(self, number: int | str) -> str:
        """Return the number as text."""
        return str(number)


def address(name: str, *parts: str | int) -> str:
    """Return the same as `reverse(name, args=parts)`, for parts that satisfy the route.

    A page with a thousand cells needs the same few routes: each is reversed once per process, and its parts are filled
    in. Raises NoReverseMatch for an unknown route, a wrong number of parts, or a part that cannot be a number (a UUID).
    """
    return _filled(_fixed_text(name, len(parts), get_script_prefix()), parts)


def address_below(name: str, *parts: str | int, more: int) -> Callable[..., str]:
    """Return a function that fills in the last `more` parts of an address, for the cells of one row of a table."""
    fixed = _fixed_text(name, len(parts) + more, get_script_prefix())
    start, rest = _filled(fixed[: len(parts) + 1], parts), fixed[len(parts) + 1 :]
    return lambda *last: start + _end(rest, last)


@lru_cache(maxsize=4096)
def _end(fixed: tuple[str, ...], parts: tuple[str | int, ...]) -> str:
    """Return the end of an address: the rows of a table differ in its start."""
    return _filled(("", *fixed), parts)


def _filled(fixed: Sequence[str], parts: Sequence[str | int]) -> str:
    found = fixed[0]
    for part, text in zip(parts, fixed[1:], strict=True):
        written = str(part)
        found += (written if _PLAIN.fullmatch(written) else quote(written, safe=_SAFE)) + text
    return found


@lru_cache(maxsize=1024)
def _fixed_text(name: str, count: int, prefix: str) -> tuple[str, ...]:
    """Return the text before, between and after the parts of a route. `prefix` only separates cached routes."""
    marks = [str(_FIRST_MARK + number) for number in range(count)]
    rest, found = reverse(name, args=marks), []
    for mark in marks:
        before, _mark, rest = rest.partition(mark)
        found.append(before)
    return (*found, rest)
