"""Rooms above that make documents of their own: by the kind of document, a function that imports and returns the maker.

They are filled when the applications start. What makes documents is imported only where one is made or asked for: most
commands and every export of tables need none of it.
"""

from collections.abc import Callable
from typing import Any

MAKERS: dict[str, Callable[[], Any]] = {}
"""Each returns an `exports.documents.Maker`."""
