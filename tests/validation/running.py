"""Run the whole suite on each engine, with results that say what was tested."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = os.environ.get("BROWSERS", "2")
# As in `make test`: the walks come after the rest, because a browser beside other tests waits for them.
PARTS = {
    "rest": ("-n", "auto", "--ignore", "tests/browser"),
    "browser": ("-n", BROWSERS, "tests/browser"),
}
ENGINES: dict[str, tuple[list[str], list[str]]] = {
    "sqlite": ([], []),
    "postgresql": (["tools/with-postgres"], ["--database-only"]),
}


def run(engines: list[str], folder: Path) -> list[Path]:
    """Run the tests on the engines and return the files of results. A failed test does not stop the run."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for engine in engines:
        before, options = ENGINES[engine]
        for part, chosen in PARTS.items():
            file = folder / f"{engine}-{part}.xml"
            file.unlink(missing_ok=True)
            command = [
                *before, sys.executable, "-m", "pytest", "-p", "tests.validation.recording",
                f"--junitxml={file}", "--dist", "worksteal", *options, *chosen,
            ]  # fmt: skip
            print(f"{engine}, {part}", flush=True)
            subprocess.run(command, cwd=ROOT, check=False)
            files.append(file)
    return files
