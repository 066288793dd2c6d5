"""`make bench BASE=<commit>`: this tree beside an older commit, by turns in one run.

The older commit is checked out in a worktree of its own and fills its own database with its own code. It has its
own packages only if those that it pins for its servers differ. Both are asked over HTTP by this tree's client, by
turns (A B A B …), since a machine that others share changes its speed within seconds. Printed is for each figure the
median over the turns of both, and the median of the ratios of neighbouring turns.

SECONDS: how long the mixed load takes on each side (60). TURNS: how often each side has its turn (6).
ENGINES: `sqlite` or `postgresql` to measure one. EVENTS: adverse events of the second trial (1000).
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench import mixed, timed
from tests.bench.servers import ROOT, Server, serving

FILL = """
from tests.bench import fill
fill.EVENTS, fill.ITEM_VALUES = {events}, {values}
fill.fill_stroma()
"""
Turn = dict[str, float]
"""By figure what one turn found; the unit stands in the name."""


@dataclass(frozen=True)
class Side:
    """One of the two: where its code lies, what runs it, and its database."""

    name: str
    root: Path
    python: str
    environment: dict[str, str]

    def run(self, *arguments: str) -> None:
        """Run its Python in its folder; raises CalledProcessError if that fails."""
        environment = {**os.environ, **self.environment}
        subprocess.run(
            [self.python, *arguments], cwd=self.root, env=environment, check=True, stdout=subprocess.DEVNULL
        )

    def fill(self, events: int) -> None:
        """Fill its database with its own code."""
        self.run("manage.py", "collectstatic", "--noinput", "--verbosity=0")
        self.run("-c", FILL.format(events=events, values=events * 10))


@contextmanager
def older(commit: str, folder: Path) -> Iterator[tuple[Path, str]]:
    """Check a commit out; yield its folder and the Python that has what it needs."""
    root = folder / "base"
    subprocess.run(["git", "worktree", "add", "--detach", "--quiet", str(root), commit], cwd=ROOT, check=True)
    try:
        yield root, _python_for(root, folder / "venv")
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", str(root)], cwd=ROOT, check=True)


def _python_for(root: Path, venv: Path) -> str:
    lock = Path("requirements/worker.txt")
    if (root / lock).read_bytes() == (ROOT / lock).read_bytes():
        return sys.executable
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    python = str(venv / "bin" / "python")
    install = ["-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(root / lock)]
    subprocess.run([python, *install], check=True)
    return python


def databases(folder: Path) -> dict[str, Callable[[str], dict[str, str]]]:
    """Return by engine a function that makes an empty database for a side and returns its environment."""

    def common(name: str) -> dict[str, str]:
        own = folder / name
        own.mkdir(exist_ok=True)
        return {"STROMA_ENV": "training", "STROMA_DATA": str(own), "SEAL_FILE": str(own / "seals.log")}

    def sqlite(name: str) -> dict[str, str]:
        return {**common(f"{name}-sqlite"), "DATABASE_URL": ""}

    def postgresql(name: str) -> dict[str, str]:
        address = os.environ["DATABASE_URL"]
        subprocess.run(
            ["createdb", "-h", address.partition("host=")[2], "-U", "stroma", f"bench_{name}"], check=True
        )
        return {**common(name), "DATABASE_URL": address.replace("/stroma?", f"/bench_{name}?")}

    found = {"sqlite": sqlite}
    if os.environ.get("DATABASE_URL"):
        found["postgresql"] = postgresql
    wanted = os.environ.get("ENGINES") or ",".join(found)
    return {name: found[name] for name in wanted.split(",")}


def by_turns(sides: list[Side], measure: Callable[[Server], Turn], turns: int) -> list[list[Turn]]:
    """Serve all sides at once and measure one after the other, again and again; return the turns of each side."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(serving("config.wsgi", side.environment, root=side.root, python=side.python))
            for side in sides
        ]
        found = [[measure(server) for server in servers] for _turn in range(turns)]
    return [list(each) for each in zip(*found, strict=True)]


def printed(names: list[str], ours: list[Turn], theirs: list[Turn]) -> str:
    """Return a table of medians and ratios."""
    lines = [f"{'':44} {names[0]:>12} {names[1]:>12}    ratio"]
    for figure in ours[0]:
        mine, other = ([turn[figure] for turn in side] for side in (ours, theirs))
        ratio = median(one / two if two else float("nan") for one, two in zip(mine, other, strict=True))
        lines.append(f"{figure:44} {median(mine):12.1f} {median(other):12.1f}  × {ratio:5.2f}")
    return "\n".join(lines)


def main() -> None:
    """Build, fill, measure and print."""
    # Ended from outside, it still takes its worktree and its servers away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    commit, seconds = sys.argv[1], float(os.environ.get("SECONDS_OF_LOAD") or 60)
    turns, events = int(os.environ.get("TURNS") or 6), int(os.environ.get("EVENTS") or 1000)
    with tempfile.TemporaryDirectory() as name, older(commit, Path(name)) as (root, python):
        for engine, made in databases(Path(name)).items():
            sides = [
                Side("this tree", ROOT, sys.executable, made("here")),
                Side(commit[:12], root, python, made("base")),
            ]
            for side in sides:
                side.fill(events)
            names = [side.name for side in sides]
            print(f"\n{engine}, {turns} turns each", flush=True)
            print(printed(names, *by_turns(sides, timed.Figures(), turns)), flush=True)
            load = by_turns(sides, mixed.Load(seconds / 2), 2)
            print(f"\n{engine}, mixed load: {mixed.PEOPLE} people without pauses, {seconds:.0f} s each side")
            print(printed(names, *load), flush=True)


if __name__ == "__main__":
    main()
