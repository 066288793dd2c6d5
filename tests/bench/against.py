"""`make bench BASE=<commit>`: compare this tree with an older commit, in alternating turns of one run.

The older commit is checked out in a worktree of its own and fills its own database with its own code. It gets its own
packages only if its pinned packages differ. This tree's client sends requests to both over HTTP in turns
(A B A B …), because the speed of a shared machine changes within seconds. The table holds for each figure the median
over the turns of each side, and the median of the ratios of neighbouring turns.

SECONDS: duration of the mixed load on each side (60). TURNS: number of turns of each side (6).
ENGINES: `sqlite` or `postgresql` to measure only one. EVENTS: adverse events of the second trial (1000).
PARTS: some of `pages,study,load` to measure only these: single pages, the export of a whole study, the mixed load.
BASE_PYTHON: a Python that has the packages of the older commit, where one is at hand.
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

from tests.bench import mixed, timed, whole_study
from tests.bench.servers import ROOT, Server, serving

FILL = """
from tests.bench import fill
fill.EVENTS, fill.ITEM_VALUES = {events}, {values}
fill.fill_stroma()
"""
PARTS = ("pages", "study", "load")
Turn = dict[str, float]
"""The figures of one turn by name; the name includes the unit."""


@dataclass(frozen=True)
class Side:
    """One of the two compared trees: root of its code, its Python, and the environment with its database."""

    name: str
    root: Path
    python: str
    environment: dict[str, str]

    def run(self, *arguments: str) -> None:
        """Run its Python in its root. Raises CalledProcessError if that fails."""
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
    """Check out a commit until the block ends; yield its root and a Python with its packages."""
    root = folder / "base"
    subprocess.run(["git", "worktree", "add", "--detach", "--quiet", str(root), commit], cwd=ROOT, check=True)
    try:
        yield root, _python_for(root, folder / "venv")
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", str(root)], cwd=ROOT, check=True)


def _python_for(root: Path, venv: Path) -> str:
    if ready := os.environ.get("BASE_PYTHON"):
        return ready
    # The packages of the tests: the code that fills the database stands among the tests.
    lock = Path("requirements/test.txt")
    if (root / lock).read_bytes() == (ROOT / lock).read_bytes():
        return sys.executable
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    python = str(venv / "bin" / "python")
    install = ["-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(root / lock)]
    subprocess.run([python, *install], check=True)
    return python


def databases(folder: Path) -> dict[str, Callable[[str], dict[str, str]]]:
    """Return by engine a function that creates an empty database for a side and returns its environment."""

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
    """Serve all sides at once and measure them in alternating turns; return the turns of each side."""
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


def chosen_parts(text: str) -> list[str]:
    """Return the named parts. Raises ValueError for another name."""
    found = text.split(",")
    if unknown := set(found) - set(PARTS):
        raise ValueError(f"unknown part {', '.join(sorted(unknown))}: PARTS names some of {', '.join(PARTS)}")
    return found


def main() -> None:
    """Check out, fill, measure and print."""
    # Exit by an exception on SIGTERM, so that the worktree and the servers are still removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    commit, seconds = sys.argv[1], float(os.environ.get("SECONDS_OF_LOAD") or 60)
    turns, events = int(os.environ.get("TURNS") or 6), int(os.environ.get("EVENTS") or 1000)
    parts = chosen_parts(os.environ.get("PARTS") or ",".join(PARTS))
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
            if "pages" in parts:
                print(printed(names, *by_turns(sides, timed.Figures(), turns)), flush=True)
            if "study" in parts:
                # The first turn of each of the two workers loads what an export needs.
                print(printed(names, *by_turns(sides, whole_study.Export(), max(turns, 4))), flush=True)
                print(f"  {whole_study.AIM}", flush=True)
            if "load" in parts:
                load = by_turns(sides, mixed.Load(seconds / 2), 2)
                print(
                    f"\n{engine}, mixed load: {mixed.PEOPLE} people without pauses, {seconds:.0f} s each side"
                )
                print(printed(names, *load), flush=True)


if __name__ == "__main__":
    main()
