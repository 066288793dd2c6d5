"""Tests that run for every role on one engine, and for some of them on each."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest

# A blinded one and one that knows the treatment: together they make every kind of statement that rights decide on.
ONE_OF_EACH_KIND = ("coordinator", "statistician")


def each_engine_or_one(roles: Iterable[str], *, on_each: Collection[str] = ONE_OF_EACH_KIND) -> list[Any]:
    """Return the roles as parameters: rights do not depend on the engine, statements and the order of rows may.

    on_each: the roles whose pages are read on each engine; together they open every kind of page that is tested.
    """
    listed = list(roles)
    assert not set(on_each).isdisjoint(listed), f"none of {listed} would be tested on each engine"
    return [pytest.param(role, marks=[] if role in on_each else pytest.mark.one_engine) for role in listed]
