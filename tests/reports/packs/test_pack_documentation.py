"""docs/reports.md names every pack with its right and chapters (OUT-21)."""

import re
from pathlib import Path

from reports.packs.registry import PACKS

TEXT = (Path(__file__).parents[3] / "docs/reports.md").read_text(encoding="utf-8")


def documented() -> dict[str, str]:
    """Return by pack the right that the table names."""
    return dict(re.findall(r"^\| `([a-z-]+)` \| `([a-z_]+)` \|", TEXT, re.MULTILINE))


def test_every_pack_is_documented_with_the_right_that_it_needs():
    assert documented() == {code: str(pack.see) for code, pack in PACKS.items()}


def test_every_module_of_the_packs_that_makes_a_chapter_is_documented():
    modules = {
        section.__module__.replace(".", "/") + ".py" for pack in PACKS.values() for section in pack.sections
    }
    assert modules - set(re.findall(r"`(reports/packs/[a-z_]+\.py)`", TEXT)) == set()
