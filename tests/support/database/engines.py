"""Tests that run for every role on one engine, and for some of them on each."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def each_engine_or_one(roles: Iterable[str], *, on_each: Collection[str]) -> list[Any]:
    """Return the roles as parameters: rights do not depend on the engine, statements and the order of rows may.

    on_each: the roles whose pages are read on each engine; together they open every kind of page that is tested.
    """
    return [pytest.param(role, marks=[] if role in on_each else pytest.mark.one_engine) for role in roles]
