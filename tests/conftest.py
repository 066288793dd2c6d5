"""Fixtures every test may use. Builders are in tests/build.py."""

import pytest

from audit.context import acting, set_actor


@pytest.fixture(autouse=True)
def _nobody_acts_by_accident():
    """Each test starts without an actor: forgetting one must fail as it would in production."""
    set_actor(None)
    yield
    set_actor(None)


@pytest.fixture
def as_test(db):
    """Act as the test process, for arranging data directly."""
    with acting(system="test", reason="arranging a test"):
        yield
