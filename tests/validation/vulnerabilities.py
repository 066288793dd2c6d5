"""`make vulnerabilities`: ask PyPI which pinned packages have known weaknesses, with pip-audit. Needs a network.

Exits with 0 if every package was asked about and has none, with 1 if one has, with 2 if one could not be asked about:
pip-audit itself calls that a success.
"""

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements" / "worker.txt"
# In an environment of its own: its twenty packages are of no use to a test.
TOOL = ROOT / "build" / "pip-audit"
ANSWER = ROOT / "build" / "vulnerabilities.json"
WANTED = "pip-audit~=2.10"
SECONDS = 600
NONE, FOUND, NOT_CHECKED = 0, 1, 2


class NotChecked(Exception):
    """Nothing was asked; the message says why."""


def install() -> Path:
    """Return the program, installed if it is missing. Raises NotChecked."""
    program = TOOL / "bin" / "pip-audit"
    if not program.exists():
        venv.create(TOOL, with_pip=True, clear=True)
        _run(
            [str(TOOL / "bin" / "python"), "-m", "pip", "install", "--quiet", "--retries", "1", WANTED], (0,)
        )
    return program


def ask(program: Path) -> dict[str, Any]:
    """Return the answer of pip-audit about the lock. Raises NotChecked."""
    ANSWER.unlink(missing_ok=True)
    # Hashed and complete, so nothing is resolved or downloaded.
    options = ["--require-hashes", "--disable-pip", "--progress-spinner", "off"]
    _run([str(program), "-r", str(LOCK), *options, "-f", "json", "-o", str(ANSWER)], (0, 1))
    return json.loads(ANSWER.read_text(encoding="utf-8"))


def _run(command: list[str], good: tuple[int, ...]) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            stdout=sys.stderr,
            stderr=subprocess.PIPE,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotChecked(f"no answer within {SECONDS} s") from None
    # pip-audit ends with 1 for a weakness and for an error; only the first writes an answer.
    if done.returncode not in good or ("-o" in command and not ANSWER.exists()):
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise NotChecked(lines[-1] if lines else f"{command[0]} ended with {done.returncode}")


def told(answer: dict[str, Any]) -> tuple[int, list[str]]:
    """Return the exit code and the lines for a person."""
    packages = answer["dependencies"]
    skipped = [each for each in packages if "skip_reason" in each]
    weak = [(each, weakness) for each in packages for weakness in each.get("vulns", [])]
    lines = [
        f"{each['name']} {each['version']}: {weakness['id']}"
        f" (mended in {', '.join(weakness['fix_versions']) or 'no version yet'})"
        for each, weakness in weak
    ]
    if skipped:
        lines.append(
            f"NOT CHECKED: {len(skipped)} of {len(packages)} packages, such as {skipped[0]['name']} "
            f"({skipped[0]['skip_reason']}). Repeat this where pypi.org can be reached."
        )
    if not packages:
        lines.append("NOT CHECKED: no package was asked about.")
    if lines:
        return (FOUND if weak else NOT_CHECKED), lines
    return NONE, [f"{len(packages)} packages have no known weakness."]


def main() -> int:
    """Ask and tell."""
    ANSWER.parent.mkdir(exist_ok=True)
    try:
        code, lines = told(ask(install()))
    except NotChecked as error:
        code, lines = NOT_CHECKED, [f"NOT CHECKED: is there a network? {error}"]
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
