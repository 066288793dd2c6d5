"""A zip file that is sent while it is written, so memory does not grow with the number of rows."""

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Final

from isal import isal_zlib

from exports.formats.data_files import DataFile

# Of igzip, whose level 1 makes the trail as small as level 3 of zlib, in a fifth of its time.
LEVEL: Final = 1
RAW_DEFLATE: Final = -15


class _Pipe(io.RawIOBase):
    """Output of the zip writer. It keeps only the bytes not sent yet."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.position = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.parts.append(bytes(data))
        self.position += len(data)
        return len(data)

    def tell(self) -> int:
        return self.position

    def take(self) -> bytes:
        data = b"".join(self.parts)
        self.parts.clear()
        return data


@dataclass
class FileSummary:
    """Entry of one file in the manifest."""

    name: str
    rows: int
    sha256: str
    size: int


Attached = tuple[str, bytes]
LastFile = Callable[[list[FileSummary]], tuple[str, str]]


@dataclass
class Archive:
    """A zip file being written. `files` grows while it is read; `sha256` is set after the last byte.

    comment: of the archive, shown by programs that open it.
    """

    written_at: datetime
    comment: str = ""
    files: list[FileSummary] = field(default_factory=list)
    sha256: str = ""

    def stream(
        self, files: Iterable[DataFile], last: LastFile, attached: Iterable[Attached] = ()
    ) -> Iterator[bytes]:
        """Yield the bytes of the archive: the data files, the attached files, then the file that `last` returns."""
        pipe, whole = _Pipe(), hashlib.sha256()
        with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.comment = self.comment.encode()
            for file in files:
                for piece in self._add(archive, pipe, file):
                    whole.update(piece)
                    yield piece
            for piece in self._beside(archive, pipe, attached):
                whole.update(piece)
                yield piece
            name, data = last(self.files)
            with self._opened(archive, name) as entry:
                entry.write(data.encode())
        piece = pipe.take()
        whole.update(piece)
        self.sha256 = whole.hexdigest()
        yield piece

    def _add(self, archive: zipfile.ZipFile, pipe: _Pipe, file: DataFile) -> Iterator[bytes]:
        digest, size = hashlib.sha256(), 0
        with self._opened(archive, file.name) as entry:
            for chunk in file.pieces:
                digest.update(chunk)
                size += len(chunk)
                entry.write(chunk)
                if pipe.parts:
                    yield pipe.take()
        self.files.append(FileSummary(file.name, file.count[0], digest.hexdigest(), size))
        yield from self._beside(archive, pipe, file.long_texts.taken())

    def _beside(self, archive: zipfile.ZipFile, pipe: _Pipe, contents: Iterable[Attached]) -> Iterator[bytes]:
        """Write files that are held whole. Two tables may name the same long text: it is written once."""
        written = {file.name for file in self.files}
        for name, content in contents:
            if name not in written:
                with self._opened(archive, name) as entry:
                    entry.write(content)
                self.files.append(FileSummary(name, 0, hashlib.sha256(content).hexdigest(), len(content)))
                yield pipe.take()

    def _opened(self, archive: zipfile.ZipFile, name: str) -> IO[bytes]:
        # The size is unknown until the file is written, so the entry must allow for more than 2 GiB.
        opened = archive.open(self._entry(name), "w", force_zip64=True)
        # The standard library offers no other way to another compressor of the same format.
        opened._compressor = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, RAW_DEFLATE)  # type: ignore[attr-defined]
        return opened

    def _entry(self, name: str) -> zipfile.ZipInfo:
        entry = zipfile.ZipInfo(name, self.written_at.astimezone(UTC).timetuple()[:6])
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o600 << 16
        return entry
