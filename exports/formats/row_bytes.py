"""Rows of fixed width as bytes, made of Arrow columns in one step for many rows.

A column becomes a matrix of bytes with a row for each of its values; the rows of a file are the matrices side by side.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from exports.formats.spool import Column

# A batch of wide rows must not fill the memory.
MOST_BYTES: Final = 4_000_000
CellBytes = Callable[[list[Column]], Any]
"""Returns the bytes of a variable as a matrix (rows, width) of a batch, given as the list of its columns."""


def row_matrices(batch: list[Column], cells: Sequence[CellBytes], width: int) -> Iterator[Any]:
    """Yield the rows of a batch as matrices of bytes, each of at most MOST_BYTES. width: bytes of a row."""
    import numpy

    rows, step = len(batch[0]), max(1, MOST_BYTES // max(1, width))
    for start in range(0, rows, step):
        part = (
            batch
            if step >= rows
            else [column if column is None else column.slice(start, step) for column in batch]
        )
        yield numpy.concatenate([each(part) for each in cells], axis=1)


def text_bytes(texts: Column, width: int, filling: bytes) -> Any:
    """Return the UTF-8 of texts, filled to a width. No text is longer; a blank one is all filling."""
    import numpy

    if texts.null_count:
        # A blank one must take no place among the bytes.
        texts = texts.fill_null("")
    found = numpy.full((len(texts), width), filling[0], dtype=numpy.uint8)
    _validity, places, data = texts.buffers()
    if data is None:
        return found
    ends = numpy.frombuffer(places, dtype=numpy.int32)[texts.offset : texts.offset + len(texts) + 1]
    # The texts stand one behind the other, in the order in which the mask is filled.
    used = numpy.frombuffer(data, dtype=numpy.uint8)[ends[0] : ends[-1]]
    found[numpy.arange(width) < numpy.diff(ends)[:, None]] = used
    return found


def with_missing(
    words: Any, is_blank: Any, codes: Column | None, missing: Mapping[str, int], blank: int
) -> None:
    """Put into an array of 64- or 32-bit words, where a value is blank, the word of its missing code.

    codes: missing codes of the rows, None for a variable without. missing: words by code. blank: where there is none.
    """
    import numpy
    import pyarrow
    from pyarrow import compute

    if not is_blank.any():
        return
    if codes is None:
        words[is_blank] = blank
        return
    known = (
        compute.index_in(codes, pyarrow.array(list(missing), pyarrow.string()))
        .fill_null(len(missing))
        .to_numpy()
    )
    words[is_blank] = numpy.array([*missing.values(), blank], dtype=words.dtype)[known[is_blank]]


def as_bytes(words: Any) -> Any:
    """Return an array of words as matrix of their bytes."""
    import numpy

    return words.view(numpy.uint8).reshape(len(words), words.dtype.itemsize)


def doubles(column: Column) -> Any:
    """Return numbers as 64-bit doubles, blank ones as NaN."""
    import numpy

    return column.to_numpy(zero_copy_only=False).astype(numpy.float64)
