"""Tests as sentences about the trial, in the same rooms as the code; `support` is what they share."""

import pytest

# What a shared module asserts is explained like an assertion of a test.
pytest.register_assert_rewrite("tests.browser", "tests.support")
