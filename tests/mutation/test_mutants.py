"""The mutator itself: which faults it makes, and what it tells about an invented project of four modules."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest

from tests.mutation.listed import Unlisted, listed_modules
from tests.mutation.mutants import MutantModule
from tests.mutation.patching import NotPatched, forget_results, patch_constants

ROOT = Path(__file__).resolve().parents[2]
PROJECT = {
    "pyproject.toml": """
        [tool.stroma.mutants]
        "doses.py" = ["checks/test_doses.py"]
        "loops.py" = ["checks/test_loops.py"]
        "tables.py" = ["checks/test_tables.py"]
        """,
    "doses.py": '''
        """Doses."""
        HIGHEST = 10

        def is_too_high(dose: int) -> bool:
            """Return True above the highest dose."""
            return dose > HIGHEST

        def lowest() -> int:
            return HIGHEST // 2
        ''',
    "loops.py": """
        def halvings(dose: int) -> int:
            count = 0
            while dose > 1:
                dose = dose // 2
                count += 1
            return count
        """,
    "tables.py": """
        def _points(value):
            return 3 if value else 0

        POINTS = {each: _points(each) for each in ("AB", "")}
        """,
    "reading.py": """
        from tables import POINTS
        KEPT = list(POINTS.values())
        """,
    "checks/test_doses.py": """
        from doses import is_too_high, lowest

        def test_doses(tmp_path):
            assert tmp_path.is_dir()
            assert is_too_high(12)
            assert not is_too_high(9)
            assert lowest() == 5
        """,
    "checks/test_loops.py": """
        from loops import halvings

        def test_halvings():
            assert halvings(8) == 3
        """,
    "checks/test_tables.py": """
        from reading import KEPT
        from tables import POINTS

        def test_points():
            assert KEPT == [3, 0]
            assert POINTS == {"AB": 3, "": 0}
        """,
}
AT_THE_HIGHEST = """
        def test_the_highest_dose_is_not_too_high():
            assert not is_too_high(10)
            assert is_too_high(11)
        """


def write(folder: Path, **changed: str) -> Path:
    for name, text in {**PROJECT, **changed}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip(), encoding="utf-8")
    return folder


def run(folder: Path, *modules: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, "-m", "tests.mutation", "--root", str(folder), *modules]
    return subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """What is told about the project, in which no test gives the highest dose itself."""
    return run(write(tmp_path_factory.mktemp("project")))


def test_a_fault_that_no_test_notices_is_told_with_its_place(told: subprocess.CompletedProcess[str]) -> None:
    assert "doses.py:6  is_too_high: dose > HIGHEST -> dose >= HIGHEST" in told.stdout
    assert "dose > HIGHEST -> dose <= HIGHEST" not in told.stdout
    assert told.returncode == 1


def test_the_share_is_that_of_the_faults_noticed(told: subprocess.CompletedProcess[str]) -> None:
    """REL-15."""
    module = MutantModule(dedent(PROJECT["doses.py"]).lstrip(), "doses.py")
    survivors = [line for line in told.stdout.splitlines() if line.startswith("  doses.py:")]
    counted = len(module.mutants)
    line = next(each for each in told.stdout.splitlines() if each.startswith("doses.py"))
    share = 100 * (counted - len(survivors)) / counted
    assert len(survivors) > 0
    assert f"{counted} mutants" in line
    assert f"{counted - len(survivors)} killed" in line
    assert f"{share:.1f} %" in line


def test_a_fault_that_makes_a_loop_endless_is_noticed_by_its_time(
    told: subprocess.CompletedProcess[str],
) -> None:
    line = next(each for each in told.stdout.splitlines() if each.startswith("loops.py"))
    assert "by time" in line
    assert "dose // 2 -> dose * 2" not in told.stdout


def test_a_value_computed_when_the_module_was_imported_is_computed_with_the_fault(
    told: subprocess.CompletedProcess[str],
) -> None:
    """The points are made once, and kept in another module: only a fresh import shows the fault there."""
    line = next(each for each in told.stdout.splitlines() if each.startswith("tables.py"))
    assert "tables.py:2  _points: 3 -> 4" not in told.stdout
    assert "100.0 %" in line, told.stdout


def test_with_the_missing_test_the_share_is_reached(tmp_path: Path) -> None:
    checks = dedent(PROJECT["checks/test_doses.py"]) + dedent(AT_THE_HIGHEST)
    done = run(write(tmp_path, **{"checks/test_doses.py": checks}), "doses.py")
    assert done.returncode == 0, done.stdout
    assert "tables.py" not in done.stdout
    kept = json.loads((tmp_path / "build/mutants.json").read_text(encoding="utf-8"))
    assert kept["doses.py"][SURVIVOR] == "checks/test_doses.py::test_the_highest_dose_is_not_too_high"


SURVIVOR = "is_too_high: dose > HIGHEST -> dose >= HIGHEST"
NOTICED = "is_too_high: dose > HIGHEST -> dose <= HIGHEST"


def excuses(*names: str, reason: str = "Nobody gives it.") -> dict[str, str]:
    lines = "".join(f'"{name}" = "{reason}"\n' for name in names)
    return {"tests/mutation/equivalent.toml": f'["doses.py"]\n{lines}'}


def test_an_excused_survivor_is_not_counted_and_one_that_a_test_notices_is_not_excused(
    tmp_path: Path,
) -> None:
    done = run(write(tmp_path, **excuses(SURVIVOR, NOTICED)), "doses.py")
    assert f"  {SURVIVOR}" not in done.stdout
    assert "2 excused" in done.stdout
    assert f"excused, but noticed by a test: {NOTICED}" in done.stdout
    assert done.returncode == 1


def test_excuses_are_trusted_where_that_is_asked_for(tmp_path: Path) -> None:
    done = run(write(tmp_path, **excuses(SURVIVOR, NOTICED)), "--trust-excuses", "doses.py")
    assert "2 excused" in done.stdout
    assert "noticed by a test" not in done.stdout


def test_a_fault_in_a_line_that_no_test_runs_goes_unnoticed(tmp_path: Path) -> None:
    more = dedent(PROJECT["doses.py"]) + "\ndef highest() -> int:\n    return HIGHEST * 2\n"
    done = run(write(tmp_path, **{"doses.py": more}), "doses.py")
    assert "highest: HIGHEST * 2 -> HIGHEST / 2" in done.stdout


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"pyproject.toml": '[tool.stroma.mutants]\n"dose.py" = ["checks"]\n'}, "dose.py does not exist"),
        ({"pyproject.toml": '[tool.stroma.mutants]\n"doses.py" = ["check"]\n'}, "check does not exist"),
        ({"tests/mutation/equivalent.toml": '["other.py"]\n"a" = "b"\n'}, "other.py is not in the list"),
        (excuses("is_too_high: dose > LIMIT -> dose >= LIMIT"), "no mutant “is_too_high: dose > LIMIT"),
        (excuses(SURVIVOR, reason=" "), "needs a reason"),
    ],
)
def test_a_list_or_an_excuse_that_matches_nothing_is_refused(
    tmp_path: Path, changed: dict[str, str], problem: str
) -> None:
    with pytest.raises(Unlisted, match=re.escape(problem)):
        listed_modules(write(tmp_path, **changed))


def test_the_list_and_the_excuses_of_this_project_name_what_exists() -> None:
    """A rename in a module must not leave an excuse behind that excuses nothing."""
    assert [each.path for each in listed_modules(ROOT) if not each.module.mutants] == []


def test_modules_are_chosen_by_path_or_folder(tmp_path: Path) -> None:
    folder = write(tmp_path)
    assert [each.path for each in listed_modules(folder)] == ["doses.py", "loops.py", "tables.py"]
    assert [each.dotted for each in listed_modules(folder, ("tables",))] == ["tables"]
    with pytest.raises(Unlisted, match=r"No module of pyproject.toml is at other\.py"):
        listed_modules(folder, ("other.py",))


def test_a_test_that_fails_without_a_fault_stops_everything(tmp_path: Path) -> None:
    checks = PROJECT["checks/test_doses.py"].replace("lowest() == 5", "lowest() == 4")
    done = run(write(tmp_path, **{"checks/test_doses.py": checks}), "doses.py")
    assert "fail without a mutant" in done.stdout
    assert "checks/test_doses.py::test_doses" in done.stdout
    assert done.returncode == 2


def names(source: str) -> list[str]:
    return [each.name for each in MutantModule(dedent(source).lstrip(), "x.py").mutants]


def test_a_name_does_not_depend_on_the_line() -> None:
    source = "def f(a):\n    return a + 1\n"
    assert names(source) == names(f"import os\n\n\n{source}")
    assert "f: a + 1 -> a - 1" in names(source)


def test_two_faults_that_read_alike_have_two_names() -> None:
    assert [each for each in names("def f(a):\n    return (a + 1) * (a + 1)\n") if "a + 1 ->" in each] == [
        "f: a + 1 -> a - 1",
        "f: a + 1 -> a - 1 (2)",
    ]


def test_texts_annotations_and_docstrings_are_left_alone() -> None:
    source = '''
        """A module."""
        from typing import Literal

        def f(a: Literal["x", "y"]) -> Decimal | None:
            """Return nothing."""
            if a is None:
                raise ValueError("no a given")
            return refused("a_reason")
        '''
    assert names(source) == [
        "f: a is None -> True",
        "f: a is None -> False",
        "f: a is None -> a is not None",
        "f: raise ValueError('no a given') -> pass",
        "f: return refused('a_reason') -> return None",
    ]


@pytest.mark.parametrize(
    ("code", "faults"),
    [
        ("a < b", ["a <= b", "a >= b"]),
        ("a in b", ["a not in b"]),
        ("a and b", ["a or b", "b", "a"]),
        ("not a", ["a"]),
        ("x if a else b", ["x", "b"]),
        ("min(a, b)", ["max(a, b)"]),
        ("sorted(a)", ["a", "sorted(a, reverse=True)"]),
        ("a.filter(b=c, d=c)", ["a.exclude(b=c, d=c)", "a.filter(d=c)", "a.filter(b=c)"]),
        ("a.order_by('b')", ["a.order_by('-b')", "'b_'"]),
        ("a[:b]", [":"]),
        ("g('9.1')", ["'9.2'", "'9.0'"]),
        ("g('CODE', 'two words')", ["'CODE_'"]),
        ("g(7, True)", ["8", "6", "False"]),
        ("g(0.5)", ["0.6", "0.4"]),
        ("a % b", ["a // b"]),
    ],
)
def test_the_faults_of_an_expression(code: str, faults: list[str]) -> None:
    made = [name.rpartition(" -> ")[2] for name in names(f"def f(a, b, c, x):\n    y = {code}\n")]
    assert sorted(made) == sorted(faults)


@pytest.mark.parametrize(
    ("code", "faults"),
    [
        ("g(a)", ["g(a) -> pass"]),
        ("a.b = c", ["a.b = c -> pass"]),
        ("a += b", ["a += b -> pass"]),
        ("yield a", ["yield a -> yield from ()"]),
        ("return a", ["return a -> return None"]),
        ("for x in a: break", ["break -> continue"]),
    ],
)
def test_the_faults_of_a_statement(code: str, faults: list[str]) -> None:
    assert names(f"def f(a, b, c, x):\n    {code}\n") == [f"f: {each}" for each in faults]


def test_a_yes_or_no_is_turned() -> None:
    assert "f: return g(a) -> return not g(a)" in names("def f(a) -> bool:\n    return g(a)\n")
    assert "f: return g(a) -> return not g(a)" not in names("def f(a) -> int:\n    return g(a)\n")


def imported(monkeypatch: pytest.MonkeyPatch, *lines: str) -> Any:
    """Return a module of these lines, as if it were imported from `kept.py`."""
    module = ModuleType("kept")
    module.__file__ = "kept.py"
    exec("\n".join(lines), vars(module))  # noqa: S102
    monkeypatch.setitem(sys.modules, "kept", module)
    return module


def test_what_a_module_keeps_is_forgotten_before_a_fault_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the tests would be given what was computed without the fault."""
    lines = ("from functools import cache", "NAMES = {1: 'one'}", "_known = {1: 1}", "twice = cache(abs)")
    module = imported(monkeypatch, *lines)
    module.twice(1)
    forget_results({"kept.py"})
    assert (module.NAMES, module._known, module.twice.cache_info().currsize) == ({1: "one"}, {}, 0)


def test_a_table_of_functions_keeps_its_own_while_another_constant_is_exchanged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Functions made beside the module raise errors that no test catches: each fault would seem noticed."""
    lines = (
        "class Refused(ValueError): ...",
        "def read(): raise Refused",
        "READERS = {'a': read}",
        "MOST = 1",
    )
    module = imported(monkeypatch, *lines)
    patch_constants(module, compile("\n".join((*lines[:3], "MOST = 2")), "kept.py", "exec"))
    assert module.MOST == 2
    assert module.READERS["a"] is module.read
    with pytest.raises(NotPatched):
        patch_constants(
            module, compile("\n".join((*lines[:2], "READERS = {'b': read}", "MOST = 2")), "kept.py", "exec")
        )
