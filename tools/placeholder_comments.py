"""Write above each text of a catalogue what its placeholders stand for: `python tools/placeholder_comments.py FILE`.

The meanings stand in `tools/placeholders.toml`. The catalogue is one that `makemessages` has just written.
"""

import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

MEANINGS: Mapping[str, str] = tomllib.loads(
    Path(__file__).with_name("placeholders.toml").read_text(encoding="utf-8")
)
PLACEHOLDER = re.compile(r"%\((\w+)\)")
_TEXT = re.compile(r'^msgid(?:_plural)? (?:".*"\n?)+', re.MULTILINE)


def commented(catalogue: str) -> str:
    """Return the catalogue with a comment for each placeholder. Raises KeyError for one without a meaning."""
    return "\n\n".join(map(_commented, catalogue.split("\n\n")))


def _commented(entry: str) -> str:
    names = dict.fromkeys(PLACEHOLDER.findall("".join(_TEXT.findall(entry))))
    lines = "".join(f"#. %({name})s: {MEANINGS[name]}\n" for name in names)
    # After the comments of programmers that gettext wrote, before the places: the order in which it reads them again.
    first = re.search(r"^(#[:,|]|msg)", entry, re.MULTILINE)
    return entry if first is None else entry[: first.start()] + lines + entry[first.start() :]


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(commented(file.read_text(encoding="utf-8")), encoding="utf-8")
