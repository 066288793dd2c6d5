"""Tests that no database changes run once, not once for each engine; another test with one is never left out."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WITH = """
import pytest
from django.test import SimpleTestCase

@pytest.fixture
def stored(db): ...

@pytest.fixture
def behind(stored): ...

@pytest.fixture
def opened(django_db_blocker): ...

@pytest.fixture(params=["one", "other"])
def either(request, behind): ...

def test_with_itself(db): ...
def test_with_transactions(transactional_db): ...
def test_with_server(live_server): ...
def test_with_fixture(stored): ...
def test_with_fixture_behind(behind): ...
def test_with_each(either): ...
def test_with_opened(opened): ...
def test_with_blocker(django_db_blocker): ...
@pytest.mark.django_db
def test_with_mark(): ...
@pytest.mark.usefixtures("behind")
def test_with_used(): ...
@pytest.mark.parametrize("number", [1, 2])
def test_with_parameters(number, behind): ...

@pytest.mark.django_db(transaction=True)
class TestMarked:
    def test_with_class(self): ...

class TestOfDjango(SimpleTestCase):
    def test_with_django(self): ...

class TestFixtures:
    @pytest.fixture(autouse=True)
    def _arranged(self, behind): ...
    def test_with_autouse(self): ...
"""
WITHOUT = """
import pytest

@pytest.fixture
def number(tmp_path, monkeypatch): return 1

def test_plain(): ...
def test_plain_with_fixture(number, settings, client, rf): ...
@pytest.mark.parametrize("value", [1, 2])
def test_plain_with_parameters(value, request): ...
@pytest.mark.one_engine
def test_plain_with_marker(db): ...
"""
SURPRISE = """
def test_surprise(request):
    request.getfixturevalue("trial")
"""


@pytest.fixture
def run(tmp_path):
    """Return a function that runs files of tests with the fixtures and options of this project."""

    def ran(*options: str, **files: str) -> str:
        (tmp_path / "conftest.py").write_text("from tests.conftest import *\n")
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)
        command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", *options, str(tmp_path)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout

    return ran


def kept(said: str) -> set[str]:
    return set(re.findall(r"::(test_\w+)", said))


def test_no_test_with_a_database_is_left_out(run):
    output = run("--collect-only", "--database-only", test_with=WITH, test_without=WITHOUT)
    assert kept(output) == set(re.findall(r"def (test_with\w+)", WITH))
    assert "5 tests left out: no fixture or marker of theirs gives them a database" in output


def test_without_the_option_every_test_runs(run):
    output = run("--collect-only", test_with=WITH, test_without=WITHOUT)
    assert kept(output) == set(re.findall(r"def (test_\w+)", WITH + WITHOUT))
    assert "left out" not in output


def test_the_number_left_out_is_reported_by_a_worker(run):
    output = run("-n", "1", "--database-only", test_without=WITHOUT + "def test_once_more(): ...")
    assert "6 tests left out" in output


def test_a_database_asked_for_in_the_body_of_a_test_is_an_error(run):
    """Its arguments do not tell that it needs one: it would be left out."""
    output = run(test_surprise=SURPRISE)
    assert "is asked for by name: take it as an argument, or mark the test" in output
    assert "1 failed" in output
