"""Names, labels and texts fitted to the limits of a file format, so that no writer or reader cuts one in silence.

Pure: no Django, no file. The dictionary of the archive lists each changed name, label and text with the original.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

ELLIPSIS: Final = "..."
_OTHER = re.compile(r"[^A-Za-z0-9_]")
_SPACE = re.compile(r"\s+")
# Every program reads a name that begins with a letter and ends with a letter or digit.
_START = "v_"


@dataclass(frozen=True, slots=True)
class FileLimits:
    """The limits of a format. Names are ASCII; a label counts bytes of UTF-8 or characters.

    reserved: names that a program keeps for itself, in lower case.
    """

    name: int
    label: int
    label_in_bytes: bool = True
    upper: bool = False
    reserved: Collection[str] = frozenset()


def fitted_names(names: Iterable[str], limits: FileLimits, taken: Collection[str] = ()) -> dict[str, str]:
    """Return by name the name in the file: unique whatever the case, and unchanged wherever that is possible.

    taken: names of the file that are used already. Raises ValueError if a name stands twice in `names`.
    """
    wanted = list(names)
    if len(set(wanted)) != len(wanted):
        raise ValueError("a name stands twice")
    used = {name.casefold() for name in taken} | set(limits.reserved)
    found: dict[str, str] = {}
    # Names that fit come first: a shortened one never takes the name of another column.
    for name in wanted:
        plain = _plain(name, limits)
        if len(plain) <= limits.name and plain.casefold() == name.casefold() and plain.casefold() not in used:
            found[name] = plain
            used.add(plain.casefold())
    for name in wanted:
        if name not in found:
            found[name] = _free(_plain(name, limits), limits.name, used)
            used.add(found[name].casefold())
    return {name: found[name] for name in wanted}


def _plain(name: str, limits: FileLimits) -> str:
    plain = _OTHER.sub("_", name)
    if not plain or not (plain[0].isalpha()):
        plain = _START + plain
    plain = plain.rstrip("_") or _START.rstrip("_")
    return plain.upper() if limits.upper else plain


def _free(plain: str, most: int, used: Collection[str]) -> str:
    """Return the name, cut if it must be, with the first number that makes it unique.

    `haemoglobin__missing` is `HAEMOG_M` in eight characters: a part of an item keeps its first letter.
    """
    base, _dash, part = plain.rpartition("__")
    cut = (
        f"{base[: most - 2].rstrip('_')}_{part[0]}"
        if base and len(plain) > most
        else plain[:most].rstrip("_")
    )
    number = 1
    while cut.casefold() in used:
        number += 1
        ending = f"_{number}"
        cut = plain[: most - len(ending)].rstrip("_") + ending
    return cut


def fitted_label(label: str, limits: FileLimits) -> str:
    """Return a label of one line, shortened at a word where it is too long; then it ends with three points."""
    return shortened(label, limits.label, in_bytes=limits.label_in_bytes)


def shortened(text: str, most: int, *, in_bytes: bool) -> str:
    """Return a text of at most `most` bytes of UTF-8, or characters. It is cut at a word, never inside a character."""
    line = _SPACE.sub(" ", text.replace("\0", " ")).strip()
    if _size(line, in_bytes) <= most:
        return line
    room = most - len(ELLIPSIS)
    cut = line.encode("utf-8")[:room].decode("utf-8", "ignore") if in_bytes else line[:room]
    words = cut if line[len(cut) : len(cut) + 1] == " " else cut.rpartition(" ")[0]
    # A text without a space, or with one long word, is cut inside it: half a label tells more than none.
    kept = words if len(words) * 2 >= len(cut) else cut
    return kept.rstrip() + ELLIPSIS


def _size(text: str, in_bytes: bool) -> int:
    return len(text.encode("utf-8")) if in_bytes else len(text)
