"""Which test noticed each mutant in the last run: it is tried first in the next one."""

import json
from pathlib import Path

KEPT = "build/mutants.json"


class Killers:
    """The tests by the path of the module and the name of the mutant that they noticed, kept in a file."""

    def __init__(self, root: Path) -> None:
        self._file = root / KEPT
        self._known: dict[str, dict[str, str]] = {}
        if self._file.exists():
            self._known = json.loads(self._file.read_text(encoding="utf-8"))

    def of(self, path: str, mutant: str) -> str | None:
        """Return the test that noticed the mutant; None if none is known."""
        return self._known.get(path, {}).get(mutant)

    def note(self, path: str, killed: dict[str, str]) -> None:
        """Keep the tests that noticed the mutants of one module, instead of those of the run before."""
        self._known[path] = killed
        self._file.parent.mkdir(exist_ok=True)
        self._file.write_text(json.dumps(self._known, indent=1, sort_keys=True), encoding="utf-8")
