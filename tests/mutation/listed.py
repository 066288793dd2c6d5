"""The modules whose mutants are counted with their tests (pyproject.toml), and the mutants excused as equivalent."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mutation.mutants import MutantModule

EXCUSES = "tests/mutation/equivalent.toml"


class Unlisted(Exception):
    """The list of modules or the excuses contradict the code; the message says where."""


@dataclass(frozen=True)
class ListedModule:
    """A module, the tests that should notice its faults, and its excused mutants by name, each with the reason."""

    path: str
    tests: tuple[str, ...]
    excused: dict[str, str]
    module: MutantModule

    @property
    def dotted(self) -> str:
        """Name by which the module is imported."""
        return self.path.removesuffix(".py").replace("/", ".")


def listed_modules(root: Path, only: tuple[str, ...] = ()) -> list[ListedModule]:
    """Return the modules of `[tool.stroma.mutants]`, or those among them whose path begins with one of `only`.

    Raises Unlisted for a file that does not exist, a module not in the list, and an excuse of no mutant or no reason.
    """
    listed = _table(root / "pyproject.toml", "tool", "stroma", "mutants")
    excuses = _table(root / EXCUSES)
    for path in excuses:
        if path not in listed:
            raise Unlisted(f"{EXCUSES}: {path} is not in the list of pyproject.toml")
    wanted = [path for path in listed if not only or any(path.startswith(each) for each in only)]
    if not wanted:
        raise Unlisted(f"No module of pyproject.toml is at {' or '.join(only)}")
    return [_listed(root, path, listed[path], excuses.get(path, {})) for path in wanted]


def _table(file: Path, *keys: str) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for key in keys:
        found = found.get(key, {})
    return found


def _listed(root: Path, path: str, tests: list[str], excused: dict[str, str]) -> ListedModule:
    for each in (path, *tests):
        if not (root / each).exists():
            raise Unlisted(f"pyproject.toml: {each} does not exist")
    module = MutantModule((root / path).read_text(encoding="utf-8"), str(root / path))
    names = {each.name for each in module.mutants}
    for name, reason in excused.items():
        if name not in names:
            raise Unlisted(f"{EXCUSES}: {path} has no mutant “{name}”")
        if not reason.strip():
            raise Unlisted(f"{EXCUSES}: {path}: “{name}” needs a reason")
    return ListedModule(path, tuple(tests), excused, module)
