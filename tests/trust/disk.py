"""The disk at any moment of a run: what was synced is on it, what was only written may be there or not.

`strace` writes each system call of the server with its bytes. A power cut at a moment is a replay up to it: the bytes
that a sync covered are applied, of the others none, or some of them in any order. SQLite's shared-memory file is left
out: it is made anew from the other two.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

TRACED = "pwrite64,write,fdatasync,fsync,ftruncate,sendto"
COMMAND = ("strace", "-f", "-y", "-xx", "-s", "70000", "-e", f"trace={TRACED}", "-e", "signal=none")
# 12 pwrite64(4<\x2f…>, "\x00…", 4096, 56) = 4096: thread, call, file with its path in hexadecimal signs.
CALL = re.compile(r"^(?P<thread>\d+)\s+(?P<name>\w+)\(\d+<(?P<path>[^>]*)>(?P<rest>.*)$")
RESUMED = re.compile(r"^(?P<thread>\d+)\s+<\.\.\. (?P<name>\w+) resumed>")
BYTES = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
NUMBERS = re.compile(r"(\d+)(?=[,)])")
SYNCS = ("fdatasync", "fsync")


class Unreadable(Exception):
    """The log holds a call that this module does not understand; the message repeats it."""


@dataclass(frozen=True)
class Write:
    """Bytes at an offset of a file; or, without bytes, the file's new length."""

    offset: int
    data: bytes | None

    def applied(self, content: bytearray) -> None:
        """Change the content of a file as the disk would."""
        if self.data is None:
            del content[self.offset :]
            content.extend(bytes(self.offset - len(content)))
            return
        content.extend(bytes(max(0, self.offset - len(content))))
        content[self.offset : self.offset + len(self.data)] = self.data


@dataclass
class Stored:
    """A file: its bytes after the last sync, what was written since, and how often it was synced."""

    synced: bytearray
    unsynced: list[Write] = field(default_factory=list)
    syncs: int = 0

    def sync(self) -> None:
        """Bring everything that was written to the disk."""
        for write in self.unsynced:
            write.applied(self.synced)
        self.unsynced.clear()
        self.syncs += 1

    def after_a_cut(self, rng: Random | None) -> bytes:
        """Return the bytes that a power cut leaves: only the synced ones, or with some of the others as well."""
        if rng is None:
            return bytes(self.synced)
        left = bytearray(self.synced)
        kept = [write for write in self.unsynced if rng.random() < 0.5]
        rng.shuffle(kept)
        for write in kept:
            write.applied(left)
        return bytes(left)


class Disk:
    """The files of one folder whose names begin with `name`."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        found = {path.name: Stored(bytearray(path.read_bytes())) for path in folder.glob(f"{name}*")}
        self.files = {each: stored for each, stored in found.items() if not each.endswith("-shm")}

    def file(self, path: str) -> Stored | None:
        """Return the file at a path; None if it is of another folder."""
        whole = Path(path)
        if whole.parent != self.folder or not whole.name.startswith(self.name) or path.endswith("-shm"):
            return None
        return self.files.setdefault(whole.name, Stored(bytearray()))

    def syncs(self, ending: str = "") -> int:
        """Return how often the file with this ending of its name was synced."""
        stored = self.files.get(self.name + ending)
        return stored.syncs if stored else 0

    def cut(self, target: Path, rng: Random | None) -> Path:
        """Write into an empty folder what a power cut leaves; return the path of the database there."""
        for name, stored in self.files.items():
            (target / name).write_bytes(stored.after_a_cut(rng))
        return target / self.name


@dataclass(frozen=True)
class Sent:
    """The server begins to send these bytes to a client."""

    data: bytes


def replayed(lines: Iterable[str], disk: Disk) -> Iterator[Sent]:
    """Carry out the calls of a log on the disk; yield each answer at the moment it is sent. Raises Unreadable.

    A sync counts from its return. A write counts from its call. An answer counts from its call as well: what is on
    the disk later is no merit of the answer.
    """
    syncing: dict[str, Stored] = {}
    for line in lines:
        if resumed := RESUMED.match(line):
            _returned(resumed, syncing)
            continue
        call = CALL.match(line)
        if call is None:
            continue
        name, rest = call["name"], call["rest"]
        if name == "sendto":
            yield Sent(_bytes(line))
            continue
        stored = disk.file(bytes.fromhex(call["path"].replace("\\x", "")).decode())
        if stored is None:
            continue
        if name in SYNCS:
            if "unfinished" in rest:
                syncing[call["thread"]] = stored
            else:
                stored.sync()
        elif name == "ftruncate":
            stored.unsynced.append(Write(int(NUMBERS.findall(rest)[0]), None))
        elif name == "pwrite64":
            numbers = NUMBERS.findall(rest.rpartition('"')[2])
            stored.unsynced.append(Write(int(numbers[1]), _bytes(line)[: int(numbers[0])]))
        else:
            raise Unreadable(line[:200])


def _returned(resumed: re.Match[str], syncing: dict[str, Stored]) -> None:
    if resumed["name"] in SYNCS and (stored := syncing.pop(resumed["thread"], None)) is not None:
        stored.sync()


def _bytes(line: str) -> bytes:
    found = BYTES.search(line)
    if found is None:
        raise Unreadable(line[:200])
    return bytes.fromhex(found[1].replace("\\x", ""))
