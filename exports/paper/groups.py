"""Set a large document group by group, each in a process of its own, and join the pages: memory is that of one group.

Every page says which of how many it is, so each group is set twice: once to count its pages, once with the numbers.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exports.paper.joining import join

Set = Callable[[Path, dict[str, Any], Path | None], str]
"""Sets data (a file) with what is said of the making, as PDF; without a place for it returns its pages as JSON."""


@dataclass(frozen=True)
class PaperGroup:
    """A file with the head of the document and some of its parts; code and protocol version of each part."""

    data: Path
    parts: list[tuple[str, str]]


def divided(data: Path, most_bytes: int) -> list[PaperGroup]:
    """Return the parts of a document in groups of at most so many bytes, a larger part alone.

    data: the head of the document on the first line, up to the list of its parts, then a part on each line.
    """
    if data.stat().st_size <= most_bytes:
        return []
    return list(_groups(data, most_bytes))


def _groups(data: Path, most_bytes: int) -> Iterator[PaperGroup]:
    with data.open("rb") as file:
        head = file.readline().rstrip(b"\n")
        lines: list[bytes] = []
        number = 0
        for line in file:
            part = line.rstrip(b"\n").removesuffix(b"]}" if line.endswith(b"]}") else b",")
            if lines and sum(map(len, lines)) + len(part) > most_bytes:
                yield _group(data, number, head, lines)
                lines, number = [], number + 1
            lines.append(part)
        yield _group(data, number, head, lines)


def _group(data: Path, number: int, head: bytes, lines: list[bytes]) -> PaperGroup:
    place = data.with_name(f"group-{number}.json")
    place.write_bytes(head + b"\n" + b",\n".join(lines) + b"]}")
    parts = [json.loads(line) for line in lines]
    return PaperGroup(place, [(part["code"], part["version"]) for part in parts])


def set_in_groups(typeset: Set, groups: list[PaperGroup], made: dict[str, Any], out: Path) -> None:
    """Set cover and contents, then each group, and join them as one PDF."""
    folder = groups[0].data.parent
    front = _front(groups[0], folder / "front.json")
    counted = [json.loads(typeset(group.data, {**made, "part": "group"}, None)) for group in groups]
    # The contents take as many pages whatever the numbers are.
    unknown = [[code, 0] for group in groups for code, _version in group.parts]
    before = [json.loads(typeset(front, {**made, "part": "front", "contents": unknown}, None))["count"]]
    for pages in counted:
        before.append(before[-1] + pages["count"])
    made = {**made, "pages": before[-1]}
    contents = [
        [code, start + page]
        for group, start, pages in zip(groups, before, counted, strict=False)
        for (code, _version), page in zip(group.parts, pages["begins"], strict=True)
    ]
    files = [folder / f"part-{number}.pdf" for number in range(len(groups) + 1)]
    typeset(front, {**made, "part": "front", "contents": contents}, files[0])
    for group, start, file in zip(groups, before, files[1:], strict=False):
        typeset(group.data, {**made, "part": "group", "before": start, "whose": group.parts[0]}, file)
    join(files, out)


def _front(group: PaperGroup, place: Path) -> Path:
    """Write the head of the document without any part."""
    with group.data.open("rb") as file:
        place.write_bytes(file.readline() + b"]}")
    return place
