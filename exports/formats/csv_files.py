"""CSV (RFC 4180, UTF-8): a file for each table; what no cell of a spreadsheet holds is a file beside."""

from collections.abc import Iterable, Iterator

from exports.formats.data_files import DataFile, Exported
from exports.formats.readers import general_readers
from exports.tables.cells import csv_chunks
from exports.tables.columns import StudyTable
from exports.tables.long_texts import LongTexts


def files(tables: Iterable[StudyTable], exported: Exported) -> Iterator[DataFile]:
    """Yield the files."""
    for table in tables:
        count, beside = [0], LongTexts()
        yield DataFile(table.file, csv_chunks(table.header, table.rows(), count, beside), count, beside)
    yield from general_readers()
