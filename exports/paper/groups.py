"""Set a large document group by group, each in a process of its own, and join the pages: memory is that of one group.

A part that is larger than a group, such as the casebook of a patient with hundreds of forms, is divided first. Every
page says which of how many it is, so each group is set twice: once to count its pages, once with the numbers.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from exports.paper.compositor import Begun, Pages
from exports.paper.joining import join

Set = Callable[[Path, dict[str, Any], Path | None], str]
"""Sets data (a file) with what is said of the making, as PDF; without a place for it returns its pages as JSON."""
Divide = Callable[[dict[str, Any], int], list[dict[str, Any]]]
"""Returns a part in pieces of about so many bytes. A piece that goes on with the part is `continued`."""
Progress = Callable[[float], None]


@dataclass(frozen=True)
class PaperGroup:
    """A file with the head of the document and some of its parts; code and protocol version of each part.

    continued: how many levels of headings the group before began and this one goes on with: 0, 1 (a part) or 2 (also
    a section of it).
    """

    data: Path
    parts: list[tuple[str, str]]
    continued: int


def divided(data: Path, most_bytes: int, divide: Divide) -> list[PaperGroup]:
    """Return the parts of a document in groups of at most about so many bytes, a larger part in pieces.

    data: the head of the document on the first line, up to the list of its parts, then a part on each line.
    """
    groups: list[PaperGroup] = []
    with data.open("rb") as file:
        head = file.readline().rstrip(b"\n")
        lines: list[bytes] = []
        for line in _lines(file, most_bytes, divide):
            if lines and sum(map(len, lines)) + len(line) > most_bytes:
                groups.append(_group(data, len(groups), head, lines))
                lines = []
            lines.append(line)
        groups.append(_group(data, len(groups), head, lines))
    return groups


def _lines(file: BinaryIO, most_bytes: int, divide: Divide) -> Iterator[bytes]:
    """Yield each part of the document, or its pieces, as JSON."""
    for line in file:
        part = line.rstrip(b"\n").removesuffix(b"]}" if line.endswith(b"]}") else b",")
        if len(part) <= most_bytes:
            yield part
        else:
            for piece in divide(json.loads(part), most_bytes):
                yield json.dumps(piece, ensure_ascii=False).encode()


def _group(data: Path, number: int, head: bytes, lines: list[bytes]) -> PaperGroup:
    place = data.with_name(f"group-{number}.json")
    place.write_bytes(head + b"\n" + b",\n".join(lines) + b"]}")
    parts = [json.loads(line) for line in lines]
    section = parts[0].get("continued")
    levels = 0 if section is None else 2 if section else 1
    return PaperGroup(place, [(part["code"], part["version"]) for part in parts], levels)


def set_in_groups(
    typeset: Set, groups: list[PaperGroup], made: dict[str, Any], out: Path, progress: Progress
) -> None:
    """Set cover and contents, then each group, and join them as one PDF.

    progress: called with the share that is done, from 0 to 1, after each; what it raises ends the setting.
    """
    folder = groups[0].data.parent
    front = _front(groups[0], folder / "front.json")
    done = 0

    def set_next(data: Path, told: dict[str, Any], file: Path | None = None) -> str:
        nonlocal done
        answer = typeset(data, {**made, **told}, file)
        done += 1
        progress(done / (2 * len(groups) + 2))
        return answer

    counted: list[Pages] = [json.loads(set_next(group.data, {"part": "group"})) for group in groups]
    # A contents of several parts lists them; that of one lists its sections.
    depth = 1 if len({code for group in groups for code, _version in group.parts}) > 1 else 2
    # The contents take as many pages whatever the numbers are.
    unknown = _contents(counted, [0] * len(groups), depth)
    before = [json.loads(set_next(front, {"part": "front", "contents": unknown}))["count"]]
    for pages in counted:
        before.append(before[-1] + pages["count"])
    whole = {"pages": before[-1]}
    files = [folder / f"part-{number}.pdf" for number in range(len(groups) + 1)]
    set_next(front, {**whole, "part": "front", "contents": _contents(counted, before, depth)}, files[0])
    for group, start, file in zip(groups, before, files[1:], strict=False):
        set_next(group.data, {**whole, "part": "group", "before": start, "whose": group.parts[0]}, file)
    join(files, out, [0, *(group.continued for group in groups)])


def _contents(counted: list[Pages], before: list[int], depth: int) -> list[Begun]:
    """Return the headings of the contents, their pages counted in the whole document."""
    return [
        {**heading, "page": start + heading["page"]}
        for pages, start in zip(counted, before, strict=False)
        for heading in pages["begins"]
        if heading["level"] <= depth
    ]


def _front(group: PaperGroup, place: Path) -> Path:
    """Write the head of the document without any part."""
    with group.data.open("rb") as file:
        place.write_bytes(file.readline() + b"]}")
    return place
