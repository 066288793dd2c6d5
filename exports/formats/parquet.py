"""Parquet: a file for each table, written row group by row group. Decimals are decimals, moments have microseconds.

Labels and code lists are metadata of each column (`label`, `codes`), the title of the table is metadata of its file.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from exports.formats.coding import LANGUAGE
from exports.formats.data_files import DataFile, Exported
from exports.formats.file_limits import FileLimits
from exports.formats.holding import Holding, TextRule, Whole
from exports.formats.readers import general_readers
from exports.formats.spool import Column, Spool
from exports.formats.variables import Variable, VariableList, variables_of
from exports.tables.columns import StudyTable
from exports.tables.long_texts import LongTexts

LIMITS: Final = FileLimits(name=1000, label=100_000)
GROUP_ROWS, SAMPLE = 20_000, 1000
MOST_DIGITS, MOST_INTEGER = 38, 1 << 63


def _holds(kind: str, value: Any) -> bool:
    if kind == "integer":
        return bool(-MOST_INTEGER <= value < MOST_INTEGER)
    half = MOST_DIGITS // 2
    return kind != "decimal" or (-value.as_tuple().exponent <= half and value.adjusted() < half)


class _BytePipe:
    """Output of the writer. It keeps only the bytes that were not sent yet."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: what was written is sent by `take`."""

    def take(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data


def files(tables: Iterable[StudyTable], exported: Exported) -> Iterator[DataFile]:
    """Yield a file for each table, then the list of variables."""
    listed = VariableList(LIMITS)
    for table in tables:
        count, beside = [0], LongTexts(TEXTS)
        yield DataFile(f"{table.name}.parquet", _pieces(table, listed, count, beside), count, beside)
    yield listed.file()
    yield from general_readers()


def _pieces(table: StudyTable, listed: VariableList, count: list[int], beside: LongTexts) -> Iterator[bytes]:
    # Imported here: no web process holds it until it makes such a file.
    import pyarrow
    from pyarrow import parquet

    with Spool(table, beside, HOLDING) as spool:
        count[0] = spool.rows
        variables = variables_of(spool, LIMITS)
        listed.dataset(table)
        listed.add(table, f"{table.name}.parquet", variables)
        schema = pyarrow.schema([_field(variable) for variable in variables], {"title": table.title})
        pipe = _BytePipe()
        out, repeating = pyarrow.PythonFile(pipe, mode="w"), _repeating(spool, variables)
        with parquet.ParquetWriter(out, schema, use_dictionary=repeating) as writer:
            for group in _groups(spool):
                # Decimals were kept as texts: only now the digits of all of them are known.
                columns = [
                    pyarrow.concat_arrays([batch[variable.place] for batch in group]).cast(each.type)
                    for variable, each in zip(variables, schema, strict=True)
                ]
                writer.write_table(pyarrow.Table.from_arrays(columns, schema=schema))
                yield pipe.take()
        yield pipe.take()


def _repeating(spool: Spool, variables: list[Variable]) -> list[str]:
    """Return the variables whose first values repeat: for the others a dictionary is time and bytes for nothing."""
    from pyarrow import compute

    first = next(spool.batches(), None)
    if first is None:
        return []
    columns = ((variable.name, first[variable.place].slice(0, SAMPLE)) for variable in variables)
    return [name for name, values in columns if compute.count_distinct(values).as_py() * 2 <= len(values)]


def _groups(spool: Spool) -> Iterator[list[list[Column]]]:
    """Yield the batches of each row group."""
    group: list[list[Column]] = []
    for batch in spool.batches():
        group.append(batch)
        if sum(len(each[0]) for each in group) >= GROUP_ROWS:
            yield group
            group = []
    if group:
        yield group


def _field(variable: Variable) -> Any:
    import pyarrow

    slot = variable.slot
    types = {
        "integer": pyarrow.int64(),
        "decimal": pyarrow.decimal128(MOST_DIGITS, min(slot.fraction, MOST_DIGITS // 2)),
        "date": pyarrow.date32(),
        "instant": pyarrow.timestamp("us", tz="UTC"),
        "local": pyarrow.timestamp("us"),
        "flag": pyarrow.bool_(),
    }
    told = {"label": slot.label}
    if slot.role == "value" and slot.column.codes:
        codes = {code.code: code.label(LANGUAGE) for code in slot.column.codes}
        told["codes"] = json.dumps(codes, ensure_ascii=False)
    return pyarrow.field(variable.name, types.get(variable.kind, pyarrow.string()), metadata=told)


TEXTS: Final = TextRule()
HOLDING: Final = Holding(_holds, encode={"flag": "Y".__eq__}, whole=Whole(TEXTS, MOST_DIGITS // 2))
