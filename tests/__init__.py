"""Tests as sentences about the trial; the modules beside them are what they share."""

from pathlib import Path

import pytest

SHARED = [path.stem for path in Path(__file__).parent.glob("[a-z]*.py") if not path.stem.startswith("test_")]
# What a shared module asserts is explained like an assertion of a test.
pytest.register_assert_rewrite("tests.browser", *(f"tests.{name}" for name in SHARED))
