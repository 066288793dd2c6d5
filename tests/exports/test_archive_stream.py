"""An archive holds its chunks whole, in order and with their hash; it ends when one fails or nobody reads on."""

import hashlib
import io
import zipfile
from collections.abc import Generator, Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports.formats.data_files import DataFile
from exports.tables.archive import Archive

AT = datetime(2026, 9, 15, 9, 0, tzinfo=UTC)
LAST = ("manifest.json", "{}")


def data_file(name: str, pieces: Iterator[bytes]) -> DataFile:
    return DataFile(name, pieces, [1])


@given(st.lists(st.lists(st.binary(max_size=400), max_size=6), max_size=4))
def test_each_file_holds_its_chunks_in_their_order_with_their_hash(contents):
    """What the manifest says of a file is true of the file in the archive."""
    archive = Archive(AT)
    files = [data_file(f"{number}.csv", iter(chunks)) for number, chunks in enumerate(contents)]
    whole = b"".join(archive.stream(files, lambda _files: LAST))
    assert archive.sha256 == hashlib.sha256(whole).hexdigest()
    with zipfile.ZipFile(io.BytesIO(whole)) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == [*(f"{number}.csv" for number in range(len(contents))), LAST[0]]
        for number, chunks in enumerate(contents):
            data, told = b"".join(chunks), archive.files[number]
            assert opened.read(f"{number}.csv") == data
            assert (told.sha256, told.size) == (hashlib.sha256(data).hexdigest(), len(data))


def endless() -> Generator[bytes]:
    number = 0
    while True:
        number += 1
        yield hashlib.sha512(str(number).encode()).digest() * 2000


def failing() -> Iterator[bytes]:
    yield from (piece for _number, piece in zip(range(3), endless(), strict=False))
    raise RuntimeError("the third table cannot be read")


def test_a_table_that_fails_ends_the_archive_with_its_own_error():
    archive = Archive(AT)
    with pytest.raises(RuntimeError, match="the third table"):
        list(archive.stream([data_file("a.csv", failing())], lambda _files: LAST))
    assert (archive.files, archive.sha256) == ([], "")


def test_a_reader_who_goes_away_ends_the_making_of_chunks():
    pieces, archive = endless(), Archive(AT)
    stream = archive.stream([data_file("a.csv", pieces)], lambda _files: LAST)
    assert next(stream)
    stream.close()
    pieces.close()
    assert (archive.files, archive.sha256) == ([], "")
