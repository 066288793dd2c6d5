"""The places outside the database where the heads of the seals are kept: the seal file and its copies.

Each place is a text file to which one line per seal is appended: number, time, head. A copy lies where whoever can
write the seal file cannot (a mounted folder of another machine). If it cannot be reached, sealing goes on, an event
says so, and the next seal adds what it lacks.
"""

import os
from pathlib import Path

from django.conf import settings

from audit import events
from audit.models import AccessEvent, Seal

NAME = "seals.log"
# SHA-256 in hexadecimal signs, the last part of a line.
HEAD_SIGNS = 64


class SealBroken(Exception):
    """A seal file and the database contradict each other; the message says where."""


def copies() -> list[Path]:
    """Return the files that hold the heads besides the seal file.

    A name with an ending is a file, any other a folder, which stands for the file `seals.log` in it.
    """
    places = [Path(place) for place in settings.SEAL_COPIES]
    # Not `is_dir`: a folder that is not mounted now must not become a file.
    return [place if place.suffix else place / NAME for place in places]


def file_line(one: Seal) -> str:
    """Return the line of a seal in the seal file: number, time, head."""
    return f"{one.number} {one.sealed_at:%Y-%m-%dT%H:%M:%S.%fZ} {one.head}"


def older_than(last: int, lines: dict[int, str], place: str) -> str:
    """Return what to say of a database whose last seal is `last`, if `place` has later ones; else ""."""
    later = [number for number in lines if number > last]
    if not later:
        return ""
    newest = lines[max(later)].split(" ")[1]
    return (
        f"the database is older than its seals by {len(later)}: {place} goes on to seal {max(later)} of {newest}. "
        "A restored backup looks like this, and so does a trail whose end was cut off"
    )


def catch_up_files() -> None:
    """Append to every place the seals that it lacks: made on another machine, or before this one was stopped."""
    catch_up_file()
    for place in copies():
        try:
            catch_up_file(place)
        except OSError:
            _told(place, written=False)
        else:
            _told(place, written=True)


def catch_up_file(path: Path | None = None) -> None:
    """Append the seals that one file (the seal file) lacks.

    If the seal file has no seal although the database has some, it was lost or emptied; this is recorded as an event.
    Raises SealBroken if the file holds a seal that the database does not have like this.
    """
    place = path or Path(settings.SEAL_FILE)
    lines = read_file(place)
    last = max(lines, default=0)
    if last:
        known = Seal.objects.filter(number=last).first()
        if known is None and (older := older_than(_last_number(), lines, str(place))):
            raise SealBroken(older)
        if known is None or file_line(known) != lines[last]:
            raise SealBroken(f"Seal {last} of {place} is not the one in the database")
    missing = [file_line(one) for one in Seal.objects.filter(number__gt=last).order_by("number")]
    if missing and not last and path is None:
        events.record(kind=events.AccessKind.SEAL_FILE, detail={"seals": len(missing), "file": str(place)})
    append_to_file(missing, place)


def add_line(one: Seal) -> None:
    """Append the line of a new seal to every place."""
    append_to_file([file_line(one)])
    for place in copies():
        try:
            append_to_file([file_line(one)], place)
        except OSError:
            _told(place, written=False)


def read_file(path: Path | None = None) -> dict[int, str]:
    """Return the lines of a file (the seal file) by seal number; empty if the file does not exist.

    Two processes may have written the same line. Of a line that a full disk or a power cut broke off nothing is read:
    the next seal writes it again. Raises SealBroken for an unreadable line, or for two different lines of one seal.
    """
    place, found = path or Path(settings.SEAL_FILE), dict[int, str]()
    text = place.read_text(encoding="utf-8") if place.exists() else ""
    for line in text[: _whole(text)].splitlines():
        number = line.split(" ", 1)[0]
        if not number.isdigit() or line.count(" ") != 2 or found.setdefault(int(number), line) != line:
            raise SealBroken(f"{place} has a line that is not one of ours: {line[:80]}")
    return found


def append_to_file(lines: list[str], path: Path | None = None) -> None:
    """Append lines to a file (the seal file) and wait until they are on disk. Raises OSError if it has no room."""
    if not lines:
        return
    place = path or Path(settings.SEAL_FILE)
    if path is None:
        # Not for a copy: an empty folder under the mount point of another machine would pass for that machine.
        place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("a+", encoding="utf-8") as file:
        file.seek(0)
        text = file.read()
        whole = _whole(text)
        if whole < len(text):
            file.truncate(len(text[:whole].encode()))
        broken = "" if not whole or text[:whole].endswith("\n") else "\n"
        file.write(broken + "".join(f"{line}\n" for line in lines))
        file.flush()
        os.fsync(file.fileno())


def _whole(text: str) -> int:
    """Return where a last line begins that was broken off while it was written; else the length of the text."""
    last = text.rpartition("\n")[2]
    return len(text) - len(last) if last and len(last.rpartition(" ")[2]) < HEAD_SIGNS else len(text)


def failing_copies() -> list[str]:
    """Return the copies that could not be written when it was last tried. One query per copy."""
    return [str(place) for place in copies() if not _last_told(place)]


def _told(place: Path, *, written: bool) -> None:
    """Record an event when a copy begins to fail and when it works again, not each time in between."""
    if _last_told(place) != written:
        events.record(kind=events.AccessKind.SEAL_COPY, detail={"file": str(place), "written": written})


def _last_told(place: Path) -> bool:
    rows = AccessEvent.objects.filter(kind=events.AccessKind.SEAL_COPY, detail__file=str(place))
    last = rows.order_by("-pk").first()
    return last is None or bool(last.detail["written"])


def _last_number() -> int:
    last = Seal.objects.order_by("-number").first()
    return last.number if last else 0
