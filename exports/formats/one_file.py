"""A format that is one file, not an archive: sent as it is written, with the same account of what was sent."""

import hashlib
from collections.abc import Iterable, Iterator

from exports.formats.data_files import DataFile
from exports.tables.archive import FileSummary, LastFile


class OneFile:
    """Stands in for an archive. It holds no attached files and no manifest: the export register says the rest."""

    def __init__(self) -> None:
        self.files: list[FileSummary] = []
        self.sha256 = ""

    def stream(
        self, files: Iterator[DataFile], last: LastFile, attached: Iterable[tuple[str, bytes]] = ()
    ) -> Iterator[bytes]:
        """Yield the bytes of the file; afterwards its hash and its number of rows are known."""
        (file,) = files
        digest, size = hashlib.sha256(), 0
        for piece in file.pieces:
            digest.update(piece)
            size += len(piece)
            yield piece
        self.sha256 = digest.hexdigest()
        self.files.append(FileSummary(file.name, file.count[0], self.sha256, size))
