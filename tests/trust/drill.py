"""Restore a backup of a large trial and use it (`python -m tests.trust.drill [postgresql]`).

EVENTS (100000) and VALUES (1000000): adverse events and item values of the trial that is backed up. The drill compares
every table, signs in and opens casebooks; the time it takes is the RTO.
"""

import os
import re
import sys
import tempfile
import time
from pathlib import Path

from tests.trust.saving import Installation, on_engine, told

EVENTS, VALUES = int(os.environ.get("EVENTS") or 100_000), int(os.environ.get("VALUES") or 1_000_000)
MOST_SECONDS = 300
SAID = {
    "tables_compared": r"^Compared +(\d+) tables",
    "rows_compared": r"^Compared .* (\d+) rows",
    "casebooks_opened": r"opened (\d+) of",
    "seconds_of_work_lost_RPO": r"^RPO +(\d+) s",
    "seconds_until_somebody_works_RTO": r"^RTO +([\d.]+) s",
    "seconds_of_the_restore": r"restore ([\d.]+) s",
}


def drilled(here: Installation, backups: Path) -> dict[str, float]:
    """Back up, drill, and return the figures. Raises RuntimeError if the backup fails."""
    begun = time.monotonic()
    made = here.run("manage.py", "backup", "--to", str(backups))
    if made.returncode:
        raise RuntimeError(made.stderr)
    seconds = time.monotonic() - begun
    size = sum(path.stat().st_size for path in backups.rglob("*") if path.is_file())
    drill = here.run("manage.py", "restore_drill", "--from", str(backups))
    print(drill.stdout + drill.stderr, file=sys.stderr)
    return {
        "seconds_of_the_backup": round(seconds, 1),
        "megabytes_of_the_backup": round(size / 1e6, 1),
        **said(drill.stdout),
        "failed": int(drill.returncode != 0),
    }


def said(output: str) -> dict[str, float]:
    """Return the numbers that the drill prints."""
    found = {name: re.search(pattern, output, re.MULTILINE) for name, pattern in SAID.items()}
    return {
        name: float(match[1]) if "." in match[1] else int(match[1]) for name, match in found.items() if match
    }


def main() -> int:
    """Print the figures; exit 1 if the drill fails or takes longer than five minutes."""
    with on_engine() as url, tempfile.TemporaryDirectory() as name:
        here = Installation(Path(name) / "served", url)
        here.folder.mkdir()
        here.fill(events=EVENTS, values=VALUES, patients=50)
        figures = {"events": EVENTS, "values": VALUES, **drilled(here, Path(name) / "backups")}
    figures["over_five_minutes"] = int(
        figures.get("seconds_until_somebody_works_RTO", MOST_SECONDS + 1) > MOST_SECONDS
    )
    print(told(figures))
    return int(bool(figures["failed"] or figures["over_five_minutes"]))


if __name__ == "__main__":
    sys.exit(main())
