"""A second engine runs the tests that together make every statement; the rest would make the same again."""

import re
import shutil
import subprocess
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.config.test_database_selection import ROOT, kept, run  # noqa: F401  a fixture
from tests.support.database.noting import digest
from tests.support.database.statements import TIMES, Noted, covering, kind_of, kinds_of, shape_of

ALIKE = [
    ("SELECT a FROM t WHERE b IN (%s, %s, %s)", "SELECT a FROM t WHERE b IN (%s, %s)"),
    ("SELECT a FROM t WHERE b = 'one'", "SELECT a FROM t WHERE b = 'it''s another'"),
    ("SELECT a FROM t LIMIT 20", "SELECT a FROM t LIMIT 1"),
    ('SAVEPOINT "s139_x1"', 'SAVEPOINT "s140_x27"'),
    (
        "INSERT INTO t (a, b) VALUES (%s, %s), (%s, %s)",
        "INSERT INTO t (a, b) VALUES (%s, %s), (%s, %s), (%s, %s)",
    ),
]
DIFFERENT = [
    ("SELECT a FROM t WHERE b = %s", "SELECT a FROM t WHERE c = %s"),
    ("SELECT a FROM t ORDER BY a", "SELECT a FROM t"),
    ("SELECT a FROM t WHERE b IN (%s, %s)", "SELECT a FROM t WHERE b IN (%s)"),
    ('SAVEPOINT "s139_x1"', 'RELEASE SAVEPOINT "s139_x1"'),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_statements_that_differ_in_values_are_alike(one, other):
    assert shape_of(one) == shape_of(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_statements_that_ask_for_something_else_are_not(one, other):
    assert shape_of(one) != shape_of(other)


@pytest.mark.parametrize(
    ("below", "above"),
    [
        (2**31 - 1, 2**31),
        (-(2**31), -(2**31) - 1),
        (2**63 - 1, 2**63),
        ("", "a"),
        ("a" * 255, "a" * 256),
        ("a" * 8000, "a" * 8001),
        ("cells", "célls"),
        ("a b", "a\nb"),
        (Decimal("999999999999999"), Decimal("1000000000000000")),
        (1, True),
        (0, None),
        ("1", 1),
        (b"1", "1"),
    ],
)
def test_values_that_an_engine_may_treat_otherwise_are_of_another_kind(below, above):
    assert kind_of(below) != kind_of(above)


def test_the_kinds_of_a_statement_stand_once_each_whatever_their_order():
    assert kinds_of(["a", 1, "b", None]) == kinds_of({"x": None, "y": 7, "z": "c"}) == "integer, none, text 1"
    assert kinds_of(None) == ""


noted_tests = st.dictionaries(
    st.text("abc", min_size=1, max_size=4),
    st.builds(
        Noted,
        statements=st.frozensets(st.integers(0, 12).map(str)),
        seconds=st.floats(0, 30),
        always=st.sampled_from([(), (), ("it commits",)]),
    ),
    max_size=14,
)


@given(noted_tests)
def test_the_chosen_tests_make_every_statement_twice_where_two_have_it(noted):
    chosen = covering(noted)
    for statement in {each for test in noted.values() for each in test.statements}:
        having = {name for name, test in noted.items() if statement in test.statements}
        assert len(having & chosen) >= min(len(having), TIMES)


@given(noted_tests)
def test_a_choice_is_repeatable_and_holds_what_each_engine_must_run(noted):
    chosen = covering(noted)
    assert covering(dict(reversed(noted.items()))) == chosen
    assert {name for name, test in noted.items() if test.always} <= chosen
    assert all(noted[name].statements or noted[name].always for name in chosen)


def test_the_cheaper_of_equal_tests_are_chosen():
    noted = {
        name: Noted({"one"}, seconds) for name, seconds in (("a", 9.0), ("b", 0.1), ("c", 3.0), ("d", 5.0))
    }
    assert covering(noted, times=1) == {"b"}
    assert covering(noted, times=2) == {"b", "c"}


TESTS = """
import subprocess
import sys
import pytest
from django.db import IntegrityError, transaction
from accounts.models import User
from tests.support import build
from trials.models import Trial

pytestmark = pytest.mark.django_db

def test_first(): "The database is made."
def test_alike_1(): assert list(Trial.objects.filter(slug="a")) == []
def test_alike_2(): assert list(Trial.objects.filter(slug="b")) == []
def test_alike_3(): assert list(Trial.objects.filter(slug="c")) == []
def test_alike_4(): assert list(Trial.objects.filter(slug="d")) == []
def test_other(): assert list(Trial.objects.filter(slug="a" * 3000)) == []
def test_process():
    assert list(Trial.objects.filter(slug="e")) == []
    assert subprocess.run([sys.executable, "-c", ""]).returncode == 0
def test_refused():
    User.objects.filter(username="no").exists()
    with pytest.raises(IntegrityError), transaction.atomic():
        Trial.objects.bulk_create([Trial()])
@pytest.mark.django_db(transaction=True)
def test_commits(): assert list(Trial.objects.filter(slug="f")) == []
@pytest.mark.one_engine
def test_on_one_engine(): assert list(Trial.objects.exclude(slug="g")) == []
"""


@pytest.fixture
def noting(run, tmp_path):  # noqa: F811  the imported fixture
    """Return a function that notes what the tests above do and tells which of them are left for another engine."""
    folder = tmp_path / "notes"

    def chosen(*, of_tree: str) -> str:
        said = run("--note-statements", str(folder), test_noted=TESTS)
        assert "10 passed" in said, said
        for path in folder.iterdir():
            path.rename(path.with_name(path.name.replace(digest(), of_tree)))
        return run("--collect-only", "--database-only", "--noted", str(folder))

    return chosen


def test_another_engine_runs_two_of_the_tests_that_do_the_same_and_all_that_do_more(noting):
    output = noting(of_tree=digest())
    left = kept(output)
    assert {"test_other", "test_process", "test_refused", "test_commits"} <= left
    assert "test_on_one_engine" not in left
    # Two that always run have the statement of the alike ones already.
    assert not {name for name in left if re.match("test_alike", name)}
    assert (
        "4 tests left out: each of their statements, with values of the same kinds, is run by 2 others"
        in output
    )


def test_notes_of_another_tree_leave_nothing_out(noting):
    output = noting(of_tree="0" * 16)
    assert {f"test_alike_{number}" for number in (1, 2, 3, 4)} <= kept(output)
    assert "is run by" not in output


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
@pytest.mark.parametrize(("goal", "option"), [("test", "--note-statements"), ("test-postgres", "--noted")])
def test_make_gives_the_folder_as_a_part_of_the_option(goal, option):
    """Where the folder exists, pytest took it for the tests to run, read no `conftest.py` and knew no option of ours.

    The walks of `make test` come after the folder was made, and all of `make test-postgres` does.
    """
    told = subprocess.run(["make", "-n", goal], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert told.count(f"{option}=.statements ") == 2
    assert f"{option} " not in told
