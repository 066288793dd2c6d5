"""Every test asserts something that may be false, and more than that a page answers (status 200 alone is no test)."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Calls that fail a test by themselves: pytest's, Django's query counts, Playwright's and unittest's.
ASSERTING = (
    "raises",
    "warns",
    "fail",
    "expect",
    "django_assert_num_queries",
    "django_assert_max_num_queries",
)
FILES = sorted((ROOT / "tests").rglob("test_*.py"))
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def functions(path: Path) -> dict[str, list[Function]]:
    """Return the functions and methods of a module by name."""
    found: dict[str, list[Function]] = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Function):
            found.setdefault(node.name, []).append(node)
    return found


@cache
def modules_read(path: Path) -> tuple[Path, ...]:
    """Return the module itself and the modules of `tests` from which it imports names."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    named = [f"{node.module}.{alias.name}" for node in imports for alias in node.names]
    parts = [name for node in imports for name in [str(node.module)]] + named
    files = [ROOT / f"{part.replace('.', '/')}.py" for part in parts if part.startswith("tests.")]
    return (path, *(file for file in dict.fromkeys(files) if file.exists()))


def called(function: Function) -> Iterator[str]:
    """Yield the names of the functions and methods that a function calls."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            yield str(name)


def conditions(function: Function) -> list[ast.expr]:
    return [node.test for node in ast.walk(function) if isinstance(node, ast.Assert)]


def is_helped(path: Path, function: Function, seen: frozenset[str] = frozenset()) -> bool:
    """Return True if a function calls one that fails a test: pytest's own, or one of this or an imported module."""
    names = set(called(function))
    return bool(names & set(ASSERTING)) or any(
        conditions(helper) or is_helped(module, helper, seen | names)
        for module in modules_read(path)
        for name in names - seen
        for helper in functions(module).get(name, ())
    )


def is_only_200(condition: ast.expr) -> bool:
    """Return True for `….status_code == 200`."""
    return (
        isinstance(condition, ast.Compare)
        and isinstance(condition.left, ast.Attribute)
        and condition.left.attr == "status_code"
        and [ast.unparse(other) for other in condition.comparators] == ["200"]
    )


def cannot_fail(condition: ast.expr) -> bool:
    """Return True for a constant, a tuple, `… or True`, `… in (True, False)`, `len(…) >= 0`."""
    if isinstance(condition, ast.BoolOp):
        every = [cannot_fail(each) for each in condition.values]
        return any(every) if isinstance(condition.op, ast.Or) else all(every)
    text = ast.unparse(condition)
    return isinstance(condition, ast.Constant | ast.Tuple | ast.List | ast.Dict | ast.JoinedStr) or bool(
        re.search(r" in [(\[{](True, False|False, True)[)\]}]$|^len\(.*\) >= 0$", text)
    )


def faults(path: Path) -> Iterator[str]:
    """Yield a sentence for each test of a file that cannot fail as it should."""
    for name, found in functions(path).items():
        for function in found if name.startswith("test_") else ():
            told = conditions(function)
            where = f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name}:{function.lineno} {name}"
            if all(map(is_only_200, told)) and not is_helped(path, function):
                yield f"{where} asserts {'only that a page answers' if told else 'nothing'}"
            yield from (
                f"{where} asserts what is always true: {ast.unparse(each)}"
                for each in told
                if cannot_fail(each)
            )


def test_every_test_can_fail_and_asserts_more_than_an_answer():
    assert len(FILES) > 100
    assert [fault for path in FILES for fault in faults(path)] == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("assert page.status_code == 200", "asserts only that a page answers"),
        (
            "assert get(1).status_code == 200\n    assert get(2).status_code == 200",
            "asserts only that a page answers",
        ),
        ("assert page.status_code == 200\n    assert 'Home' in page", None),
        ("assert page.status_code == 404", None),
        ("assert (page.status_code, page.url) == (302, '/')", None),
        ("page.get()", "asserts nothing"),
        ("helper()", None),
        ("idle()", "asserts nothing"),
        ("around()", None),
        ("with pytest.raises(ValueError):\n        go()", None),
        ("expect(page).to_be_visible()", None),
        ("assert True", "asserts what is always true: True"),
        ("assert x == 1 or True", "asserts what is always true: x == 1 or True"),
        ("assert x in (True, False)", "asserts what is always true: x in (True, False)"),
        ("assert len(x) >= 0", "asserts what is always true: len(x) >= 0"),
        ("assert (x == 1, 'told')", "asserts what is always true: (x == 1, 'told')"),
        ("assert x.count >= 0", None),
    ],
)
def test_what_asserts_nothing_is_found(tmp_path, body, fault):
    helpers = "def helper():\n    assert x\ndef idle():\n    return x\ndef around():\n    helper()\n"
    path = tmp_path / "test_invented.py"
    path.write_text(f"{helpers}def test_it():\n    {body}\n", encoding="utf-8")
    assert [found.partition("test_it ")[2] for found in faults(path)] == ([fault] if fault else [])
