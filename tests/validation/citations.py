"""Which tests cite which requirements: read from docstrings, without importing the tests."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Two digits only: LIE-001 is the code of a patient.
ID = re.compile(r"\b[A-Z][A-Z0-9]{2}-\d{2}\b")
WORD = re.compile(r"([A-Z])")
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class CitingTest:
    """A test function. `key` is its name in a result: `tests.audit.test_seals.TestHead.test_it_is_kept`.

    ids: requirements cited in its own docstring, in that of its class, or in that of its module.
    """

    key: str
    file: str
    name: str
    ids: frozenset[str]

    @property
    def sentence(self) -> str:
        """The name as a person reads it, after the words of its class: `dosing: a withdrawn patient is refused`."""
        module = ".".join(Path(self.file).with_suffix("").parts)
        classes = self.key.removeprefix(f"{module}.").split(".")[:-1]
        words = [WORD.sub(r" \1", each.removeprefix("Test")).strip().lower() for each in classes]
        return ": ".join([*words, self.name.removeprefix("test_").replace("_", " ")])


def citing_tests(folder: Path, root: Path) -> list[CitingTest]:
    """Return every test of the folder, sorted by file and place; paths and modules are relative to `root`."""
    found: list[CitingTest] = []
    for path in sorted(folder.rglob("test_*.py")):
        file = path.relative_to(root)
        tree = _parsed(path)
        module = ".".join(file.with_suffix("").parts)
        found += _tests(tree, module, str(file), _cited(tree))
    return found


def unknown_citations(folder: Path, root: Path, known: set[str]) -> list[str]:
    """Return `file:line: id` of every id in a docstring, helpers included, that is not in `known`."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(_parsed(path)):
            if isinstance(node, Documented):
                line = node.body[0].lineno if node.body else 1
                wrong = sorted(_cited(node) - known)
                found += [f"{path.relative_to(root)}:{line}: {cited}" for cited in wrong]
    return found


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _cited(node: Documented) -> frozenset[str]:
    return frozenset(ID.findall(ast.get_docstring(node, clean=False) or ""))


def _tests(
    within: ast.Module | ast.ClassDef, prefix: str, file: str, ids: frozenset[str]
) -> Iterator[CitingTest]:
    for node in within.body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from _tests(node, f"{prefix}.{node.name}", file, ids | _cited(node))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield CitingTest(f"{prefix}.{node.name}", file, node.name, ids | _cited(node))
