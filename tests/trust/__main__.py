"""`make trust`: run every part, write its figures in docs/reliability.md, and fail if one is not as it must be.

PARTS: names of parts, such as `power_cut,kills-sqlite`; the others keep their figures of the last run.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.bench.servers import ROOT

PAGE = ROOT / "docs" / "reliability.md"
KEPT = ROOT / "docs" / "reliability.json"
HEAD = """# What was tried to make Stroma lose something

Written by `make trust`, which kills, cuts the power, fills the disk, restores, upgrades under load, tampers and crawls.
The tests have a short form of each, and prove that each figure can be wrong. A figure in bold is not as it must be.
"""


@dataclass(frozen=True)
class Part:
    """One trial of strength: the module that runs it, what it does, and the figures that must be zero.

    server: on PostgreSQL it needs a server that is started for it; the others start their own.
    """

    module: str
    title: str
    does: str
    zero: tuple[str, ...]
    engine: str = "sqlite"
    server: bool = False

    @property
    def name(self) -> str:
        """The name by which PARTS asks for it."""
        return f"{self.module}-{self.engine}"


ENGINES = (("SQLite", "sqlite"), ("PostgreSQL", "postgresql"))
LOST = ("lost", "without_history", "half_stored", "not_whole", "not_verified")
CRAWLED = (
    "unstated", "unfilled", "server_errors", "without_a_right", "refused_all_the_same", "existence_told",
    "told_of_another_trial", "written",
)  # fmt: skip
TOLD = ("stored_twice", "stored_and_denied", "answered_without_reason")
FULL_DISK = (
    "typed_lost",
    "pages_500",
    "locked_out",
    "without_a_sentence",
    "earlier_backups_harmed",
    "rests_left",
    "not_again_with_room",
)
KILLS = (
    "Eight people save while processes are killed with SIGKILL at random moments: the workers, now and then also their "
    "parent. A save that nobody acknowledged is sent once more. After each kill every acknowledged save is looked for "
    "with its row of history; after each hundredth the whole trail is verified. Nobody repairs anything by hand."
)
KILLED_DATABASE = (
    " Now and then one process of the database server is killed, or all, with the workers or under them."
)
FULL_DATABASE = " Then the same for the processes of the database server."
FULL = (
    "A save, an upload, a sign-in, a seal and a backup, again and again: first their first write finds no room nor any "
    "after it, then all from the second on, and so forth. A write is a call that writes, makes room, renames or syncs. "
    "Of a long row of equal ones, as when a database is copied page by page, eighty are tried, then each 25th."
)
DRILL = (
    "A trial is backed up, restored into a scratch database, compared table by table and used: somebody signs in and "
    "opens five casebooks."
)
SYNCS = (
    "Four people save at this tree and at commit 8cae21f, by turns; the ratio is the median over the turns. Delays are "
    "injected by a tracer, whose own cost falls on both."
)
ON_SQLITE = (
    " The older commit acknowledged before the disk had the save: it synced only at checkpoints. So a delay in each "
    "sync costs it nearly nothing, and costs this tree what it must: a sync is held under the lock of the only writer "
    "that SQLite knows, and the saves of all people wait for it in turn. What is compared is the speed without delay."
)
PARTS = (
    Part(
        "power_cut", "Power cut, SQLite",
        "Right after each acknowledged save the disk loses what was not synced: once all of it, once half of it.",
        (*LOST, "not_writable", "not_one_sync"),
    ),
    *(
        Part("kills", f"kill -9, {name}", KILLS + also, (*LOST, *TOLD), engine)
        for (name, engine), also in zip(ENGINES, ("", KILLED_DATABASE), strict=True)
    ),
    *(
        Part("disk_full", f"Full disk, {name}", FULL + also, (*LOST, *TOLD, *FULL_DISK), engine)
        for (name, engine), also in zip(ENGINES, ("", FULL_DATABASE), strict=True)
    ),
    *(
        Part("drill", f"Restore drill, {name}", DRILL, ("failed", "over_five_minutes"), engine)
        for name, engine in ENGINES
    ),
    *(
        Part("syncs", f"Syncs and speed, {name}", SYNCS + why, ("not_one_sync", "over_10_in_100_fewer"), engine)
        for (name, engine), why in zip(ENGINES, (ON_SQLITE, ""), strict=True)
    ),
    *(
        Part(
            "upgrade", f"Upgrade under load, {name}",
            "Four processes save while `migrate` changes their table for six seconds.",
            (*LOST, "fewer_than_500_saves", "refused_over_10_seconds"), engine, server=True,
        )
        for name, engine in ENGINES
    ),
    *(
        Part(
            "tamper", f"Tampering, {name}",
            "Rows, triggers, files and seals are altered behind the application. Each attempt is refused, or named by "
            "`verify_trail`, or is one of those that docs/audit.md lists.",
            ("otherwise_than_expected",), engine, server=True,
        )
        for name, engine in ENGINES
    ),
    *(
        Part(
            "crawl", f"Crawl, {name}",
            "Every address of the URLconf, as each role, without signing in, and as people whose role is elsewhere, "
            "over or to come; for an own object, one of another trial and none; reading, and sending an empty form. "
            "The rights are stated in the crawler, apart from the application and from the matrix of the other tests.",
            CRAWLED, engine, server=True,
        )
        for name, engine in ENGINES
    ),
)  # fmt: skip


def run(part: Part) -> dict[str, Any]:
    """Run a part and return its figures. Raises RuntimeError if it prints none."""
    command = [sys.executable, "-m", f"tests.trust.{part.module}", part.engine]
    if part.engine == "postgresql" and part.server:
        command.insert(0, "tools/with-postgres")
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.splitlines()
    if not lines:
        raise RuntimeError(f"{part.name} printed no figures and ended with {done.returncode}")
    return json.loads(lines[-1]) | {"on": f"{datetime.now(UTC):%Y-%m-%d}"}


def written(figures: dict[str, dict[str, Any]]) -> str:
    """Return the page."""
    lines = [HEAD]
    for part in PARTS:
        found = figures.get(part.name)
        lines += [f"## {part.title}", "", part.does, ""]
        if found is None:
            lines += ["Not run yet.", ""]
            continue
        lines += ["| figure | |", "|---|---|"]
        for name, value in found.items():
            wrong = name in part.zero and value
            lines.append(f"| {name.replace('_', ' ')} | {f'**{value}**' if wrong else value} |")
        lines.append("")
    return "\n".join(lines)


def main() -> int:
    """Run the parts and write the page; exit 1 if a figure is not zero that must be."""
    asked = {name for name in os.environ.get("PARTS", "").split(",") if name}
    figures = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    wrong = []
    for part in PARTS:
        if asked and part.name not in asked and part.module not in asked:
            continue
        print(part.title, flush=True)
        figures[part.name] = run(part)
        print(json.dumps(figures[part.name]), flush=True)
        wrong += [f"{part.name}: {name}" for name in part.zero if figures[part.name].get(name)]
    KEPT.write_text(json.dumps(figures, indent=1) + "\n")
    PAGE.write_text(written(figures))
    print("\n".join(wrong) or "As it must be.")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
