"""Fixtures every test may use. Builders are in tests/build.py."""

import pytest
from django.test import TransactionTestCase

from audit.context import acting, set_actor
from audit.testing import lifted_triggers


@pytest.fixture(autouse=True, scope="session")
def _flush_without_triggers():
    """Tables are emptied after each test with real transactions, which the trail rightly refuses."""
    flush = TransactionTestCase._fixture_teardown

    def lifted_flush(case):
        with lifted_triggers():
            flush(case)

    TransactionTestCase._fixture_teardown = lifted_flush
    yield
    TransactionTestCase._fixture_teardown = flush


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
