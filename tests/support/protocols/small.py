"""The small protocol of the tests as text, and its mistakes after a replacement."""

from protocol.checking.mistakes import problems
from tests.support.protocols.shipped import ROOT

SMALL = (ROOT / "tests/support/protocols/small.toml").read_text(encoding="utf-8")


def said(old: str, new: str) -> list[str]:
    """Return the mistakes of the small protocol after one replacement."""
    assert old in SMALL
    return [str(problem) for problem in problems(SMALL.replace(old, new, 1))]
