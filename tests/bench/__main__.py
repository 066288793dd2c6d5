"""`make bench`: compare Stroma with a plain Django admin with simple-history, in one run, on SQLite and PostgreSQL."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench import mixed, pairs, plain_runs, stroma_runs
from tests.bench.figures import Figures, printed
from tests.bench.servers import ROOT, serving

SAVES = 300


def environments(folder: Path) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    """Return by engine the environment of Stroma and of the plain admin; PostgreSQL only with DATABASE_URL."""
    stroma = {"STROMA_ENV": "training", "STROMA_DATA": str(folder), "SEAL_FILE": str(folder / "seals.log")}
    found = {"SQLite": ({**stroma, "DATABASE_URL": ""}, {"PLAIN_DATABASE": str(folder / "plain.sqlite3")})}
    address = os.environ.get("DATABASE_URL", "")
    if address:
        plain_address = address.replace("/stroma?", "/plain?")
        host = address.partition("host=")[2]
        subprocess.run(["createdb", "-h", host, "-U", "stroma", "plain"], check=True)
        found["PostgreSQL"] = (
            {**stroma, "DATABASE_URL": address, "SEAL_FILE": str(folder / "seals-postgresql.log")},
            {"PLAIN_DATABASE": "unused", "PLAIN_DATABASE_URL": plain_address, "DATABASE_URL": address},
        )
    return found


def filled(which: str, environment: dict[str, str]) -> str:
    """Fill a database in a process of its own and return what it printed."""
    command = [sys.executable, "-m", "tests.bench.fill", which]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, check=True, capture_output=True, text=True
    )
    return done.stdout


def measure(engine: str, stroma: dict[str, str], plain: dict[str, str]) -> Figures:
    """Run every scenario on one engine."""
    figures = Figures(engine)
    figures.note_lines(filled("stroma", stroma))
    filled("plain", plain)
    pairs.run(figures, stroma, plain, saves=SAVES)
    stroma_runs.run(figures, stroma)
    plain_runs.run(figures, plain)
    loaded(figures, stroma)
    return figures


def loaded(figures: Figures, environment: dict[str, str]) -> None:
    """Add the figures of the mixed load as a note."""
    with serving("config.wsgi", environment) as server:
        found = mixed.Load(float(os.environ.get("SECONDS_OF_LOAD") or 60))(server)
    result = ", ".join(f"{name} {value:.1f}" for name, value in found.items())
    figures.note(f"mixed load, {mixed.PEOPLE} people without pauses: {result}")


def main() -> None:
    """Measure every engine and print its table."""
    subprocess.run([sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory() as folder:
        for engine, (stroma, plain) in environments(Path(folder)).items():
            print(printed(measure(engine, stroma, plain)), flush=True)


if __name__ == "__main__":
    main()
