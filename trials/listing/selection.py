"""Rows ticked in a listing, parsed from a URL or a form."""

import re
from collections.abc import Iterable

from django.core.exceptions import BadRequest
from django.utils.translation import gettext as _

MOST = 1000
NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
ITEM = re.compile(r"[a-z0-9_]{1,80}", re.ASCII)


def _refuse() -> BadRequest:
    return BadRequest(_("These rows were not chosen in the listing. Choose them there."))


def _number(text: str) -> int:
    if not NUMBER.fullmatch(text):
        raise _refuse()
    return int(text)


def _few(texts: Iterable[str]) -> list[str]:
    found = list(dict.fromkeys(texts))
    if len(found) > MOST:
        raise _refuse()
    return found


def numbers_of(texts: Iterable[str]) -> list[int]:
    """Return primary keys. Raises BadRequest for any other text."""
    return [_number(text) for text in _few(texts)]


def pairs_of(texts: Iterable[str]) -> dict[int, int]:
    """Return `<key>:<number>` as pairs; without a number, 0. Raises BadRequest for any other text."""
    return {
        _number(key): _number(rest or "0")
        for key, _colon, rest in (text.partition(":") for text in _few(texts))
    }


def items_of(texts: Iterable[str]) -> list[tuple[int, str]]:
    """Return `<record>:<item>` as pairs; `<record>` alone has an empty item. Raises BadRequest for any other text."""
    found = [text.partition(":")[::2] for text in _few(texts)]
    if any(item and not ITEM.fullmatch(item) for _record, item in found):
        raise _refuse()
    return [(_number(record), item) for record, item in found]
