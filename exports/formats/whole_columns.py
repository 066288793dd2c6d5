"""Columns of many rows converted in one step to Arrow arrays, where every cell is as the study stores such cells.

A batch with any other cell (a text in place of a number, 30 February, a number of too many digits) is left to the
reader of single values (`exports.formats.spool`), which gives the same results. So each function returns None for it.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from exports.formats.holding import TextRule, Whole
from exports.formats.typed_values import DAY
from exports.tables.columns import TableColumn

INSTANT: Final = DAY.pattern + r"T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
PATTERNS: Final = {"date": DAY.pattern, "instant": INSTANT + "Z", "local": INSTANT}
ZERO, NINE, MINUS, POINT = b"09-."
NUMBER_SIGNS: Final = b"0123456789.-"
_MOMENTS: Final = ("0000-00-00T00:00", "0000-00-00T00:00:00", "0000-00-00T00:00:00.000000")
# The common ways of writing, by their size: cells of one size are compared without a regular expression.
LAYOUTS: Final[dict[str, dict[int, str]]] = {
    "date": {10: "0000-00-00"},
    "local": {len(layout): layout for layout in _MOMENTS},
    "instant": {len(layout) + 1: layout + "Z" for layout in _MOMENTS},
}
MICROSECONDS: Final = 1_000_000
MOST_WHOLE: Final = 1 << 53
UNIX: Final = date(1970, 1, 1)


class Facts:
    """The facts that all values of a batch share (`exports.formats.spool.Slot`)."""

    __slots__ = ("fraction", "seen", "whole", "width")

    def __init__(self) -> None:
        self.width = self.whole = self.fraction = 0
        self.seen: list[str] = []


def converted(column: TableColumn, cells: Sequence[Any], whole: Whole) -> tuple[Any, Facts] | None:
    """Return the values of a column as an Arrow array, blank ones as null, and their facts; None if one is unusual."""
    import pyarrow

    if column.kind == "partial":
        return None
    facts = Facts()
    try:
        if column.kind == "integer" and (numbers := _integers(cells, whole, facts)) is not None:
            return numbers, facts
        texts = pyarrow.array(cells, pyarrow.string())
        values = _CONVERT[column.kind](_without_blanks(texts), column, whole, facts)
    except (pyarrow.ArrowException, UnicodeEncodeError, OverflowError):
        # A cell of another type, or a day that is in no calendar.
        return None
    return None if values is None else (values, facts)


def packed(kind: str, values: Sequence[Any], whole: Whole) -> Any:
    """Return values that were converted one by one as an array of the type in which a column of this kind is kept."""
    import pyarrow

    if kind == "decimal" and whole.epoch is None:
        values = [value if value is None else format(value, "f") for value in values]
    return pyarrow.array(values, type_of(kind, whole))


def nothing(kind: str, rows: int, whole: Whole) -> Any:
    """Return an array of blanks."""
    import pyarrow

    return pyarrow.nulls(rows, type_of(kind, whole))


def type_of(kind: str, whole: Whole) -> Any:
    """Return the Arrow type in which a column is kept. Decimals are texts until all their digits are known."""
    import pyarrow

    if kind in ("text", "flag") and whole.epoch is not None:
        return pyarrow.string()
    if whole.epoch is not None:
        return pyarrow.float64()
    types = {
        "integer": pyarrow.int64(), "date": pyarrow.date32(), "instant": pyarrow.timestamp("us", tz="UTC"),
        "local": pyarrow.timestamp("us"), "flag": pyarrow.bool_(),
    }  # fmt: skip
    return types.get(kind, pyarrow.string())


def _without_blanks(texts: Any) -> Any:
    import pyarrow
    from pyarrow import compute

    if compute.min(compute.binary_length(texts)).as_py() != 0:
        return texts
    return compute.if_else(compute.equal(texts, ""), pyarrow.scalar(None, pyarrow.string()), texts)


def _integers(cells: Sequence[Any], whole: Whole, facts: Facts) -> Any:
    """Return whole numbers, of cells that are none but such numbers and blanks; else None."""
    import pyarrow
    from pyarrow import compute

    types = set(map(type, cells))
    if not types <= {int, str, type(None)} or int not in types:
        return None
    if str in types:
        cells = [None if cell == "" else cell for cell in cells]
    numbers = pyarrow.array(cells, pyarrow.int64())
    least, most = compute.min_max(numbers).as_py().values()
    if whole.epoch is not None and max(-least, most) > MOST_WHOLE:
        return None
    facts.whole = max(len(str(abs(least))), len(str(abs(most))))
    return numbers if whole.epoch is None else numbers.cast(pyarrow.float64())


def _texts(texts: Any, column: TableColumn, whole: Whole, facts: Facts) -> Any:
    from pyarrow import compute

    if column.free_text and compute.any(is_marked := compute.starts_with(texts, "'")).as_py():
        texts = compute.if_else(is_marked, compute.utf8_slice_codeunits(texts, 1), texts)
        texts = _without_blanks(texts)
    facts.width = compute.max(compute.binary_length(texts)).as_py() or 0
    if not _all_fit(whole.texts, texts, facts.width):
        return None
    if column.codes:
        facts.seen = [code for code in compute.unique(texts).to_pylist() if code is not None]
    return texts


def _all_fit(rule: TextRule, texts: Any, longest: int) -> bool:
    from pyarrow import compute

    if rule.most is not None and longest > rule.most:
        return False
    if rule.cuts_blanks and compute.any(compute.ends_with(texts, " ")).as_py():
        return False
    return not (rule.ends_at_zero and compute.any(compute.match_substring(texts, "\0")).as_py())


def _flags(texts: Any, column: TableColumn, whole: Whole, facts: Facts) -> Any:
    import pyarrow
    from pyarrow import compute

    if not set(compute.unique(texts).to_pylist()) <= {"Y", "N", None}:
        return None
    facts.width = int(texts.null_count < len(texts))
    return texts if whole.epoch is not None else compute.equal(texts, pyarrow.scalar("Y"))


def _bytes_of(texts: Any) -> tuple[Any, Any, Any]:
    """Return the bytes of all texts, where each text that is not blank begins, and its size."""
    import numpy

    if texts.null_count:
        texts = texts.drop_null()
    _validity, places, data = texts.buffers()
    ends = numpy.frombuffer(places, dtype=numpy.int32)[texts.offset : texts.offset + len(texts) + 1]
    used = numpy.frombuffer(data, dtype=numpy.uint8)[ends[0] : ends[-1]]
    return used, ends[:-1] - ends[0], numpy.diff(ends)


def _matching(texts: Any, kind: str) -> bool:
    """Return whether every text is written as a day or moment of this kind is."""
    from pyarrow import compute

    data, _starts, sizes = _bytes_of(texts)
    if len(sizes) and (sizes == sizes[0]).all() and int(sizes[0]) in LAYOUTS[kind]:
        return _have_layout(data.reshape(len(sizes), -1), LAYOUTS[kind][int(sizes[0])])
    # \z: also a line end at the end of a cell is one character too many.
    return (
        compute.all(compute.match_substring_regex(texts, rf"\A(?:{PATTERNS[kind]})\z")).as_py() is not False
    )


def _have_layout(signs: Any, layout: str) -> bool:
    import numpy

    least = numpy.frombuffer(layout.encode(), dtype=numpy.uint8)
    span = numpy.where(least == ZERO, NINE - ZERO, 0).astype(numpy.uint8)
    # A sign below the least one is far above it after the subtraction.
    return bool((signs - least <= span).all())


def _numbers(texts: Any, column: TableColumn, whole: Whole, facts: Facts) -> Any:
    import numpy
    import pyarrow

    data, starts, sizes = _bytes_of(texts)
    if not len(sizes):
        return nothing(column.kind, len(texts), whole)
    raw = data.tobytes()
    if sizes.max() > whole.digits or raw.translate(None, NUMBER_SIGNS):
        return None
    places = numpy.flatnonzero(data == POINT)
    owners = numpy.searchsorted(starts, places, side="right") - 1
    is_negative = data[starts] == MINUS
    ends = sizes.copy()
    ends[owners] = places - starts[owners]
    digits, fractions = ends - is_negative, (sizes - ends)[owners] - 1
    # One sign, in front; one point, with a digit on both sides; no zero before another digit.
    if (
        digits.min() < 1
        or fractions.min(initial=1) < 1
        or (numpy.diff(owners) == 0).any()
        or raw.count(b"-") != is_negative.sum()
        or ((data[starts + is_negative] == ZERO) & (digits > 1)).any()
        or (column.kind == "integer" and len(places))
    ):
        return None
    facts.whole, facts.fraction = int(digits.max()), int(fractions.max(initial=0))
    if column.kind == "integer":
        texts = texts.cast(pyarrow.int64())
    return texts if whole.epoch is None else texts.cast(pyarrow.float64())


def _days(texts: Any, column: TableColumn, whole: Whole, facts: Facts) -> Any:
    import pyarrow
    from pyarrow import compute

    if not _matching(texts, "date"):
        return None
    days = texts.cast(pyarrow.date32())
    counted = days.cast(pyarrow.int32())
    first = compute.min(counted).as_py()
    if first is not None and first < (whole.first - UNIX).days:
        return None
    if whole.epoch is None:
        return days
    since = (whole.epoch - UNIX).days
    numbers = compute.subtract(counted, since).cast(pyarrow.float64())
    return compute.multiply(numbers, float(whole.per_day))


def _moments(texts: Any, column: TableColumn, whole: Whole, facts: Facts) -> Any:
    import pyarrow
    from pyarrow import compute

    if not _matching(texts, column.kind):
        return None
    zone = "UTC" if column.kind == "instant" else None
    moments = texts.cast(pyarrow.timestamp("us", tz=zone))
    counted = moments.cast(pyarrow.int64())
    first = compute.min(counted).as_py()
    if first is not None and first < _microseconds(whole.first):
        return None
    if whole.epoch is None:
        return moments
    since = compute.subtract(counted, _microseconds(whole.epoch))
    # In Python: beyond 2**53 the library would round twice, once to a double and once in the division.
    seconds = [None if each is None else each / MICROSECONDS * whole.per_second for each in since.to_pylist()]
    return pyarrow.array(seconds, pyarrow.float64())


def _microseconds(day: date) -> int:
    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return int((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * MICROSECONDS


_CONVERT: Final[dict[str, Callable[[Any, TableColumn, Whole, Facts], Any]]] = {
    "text": _texts, "flag": _flags, "integer": _numbers, "decimal": _numbers, "date": _days, "instant": _moments,
    "local": _moments,
}  # fmt: skip
