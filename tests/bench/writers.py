"""Compare our XPT, Parquet and SAV files with the writer library fed from memory: `python -m tests.bench.writers`.

The rows are invented; all cells of a column differ, so that no conversion is remembered. Ours starts from the cells as
a table of the study yields them; the library gets a frame that is complete in memory, and its making is not counted.
Both write in turns; a ratio is the median over neighbouring turns. SAV is written in a process of its own, whose peak
memory is printed. WRITER_ROWS, SAV_ROWS: numbers of rows.
"""

import gc
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
ROWS: Final = int(os.environ.get("WRITER_ROWS") or 100_000)
SAV_ROWS: Final = int(os.environ.get("SAV_ROWS") or 800_000)
TURNS, DECIMALS = 5, 8
AIM, SAV_AIM = "aim: ≤ 3", "aim: peak under 500 MB"
START: Final = datetime(1990, 1, 1, tzinfo=UTC)
KINDS: Final = {
    "patient": "text", "term": "text", "weight": "decimal", "dose": "decimal", "viability": "decimal",
    "haemoglobin": "decimal", "count": "integer", "number": "integer", "day": "date", "at": "instant", "note": "text",
}  # fmt: skip


def row(number: int) -> list[Any]:
    """Return the cells of a row. No cell stands in another row, except days beyond the last that differ."""
    at = START + timedelta(seconds=61 * number, microseconds=number % 1_000_000)
    return [
        f"BEN-{number:07}",
        f"Term of the event {number}",
        f"{number}.5",
        f"{number}.{number % 89 + 10}",
        f"{number / 1000:.3f}",
        f"0.{number:07}1",
        number,
        -number * 7,
        date.fromordinal(730_000 + number % 180_000).isoformat(),
        at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        f"Note {number:,} of an investigator: nothing further",
    ]


def invented(rows: int) -> Any:
    """Return a table of as many rows, made one by one."""
    from exports.tables.columns import StudyTable, TableColumn

    columns = tuple(TableColumn(name, "", name.title(), kind=kind) for name, kind in KINDS.items())  # type: ignore[arg-type]
    return StudyTable("forms/invented", "Invented rows", columns, lambda: map(row, range(rows)))


def pieces(table: Any, code: str) -> Iterator[bytes]:
    """Yield the bytes of the data file that a format makes of the table."""
    from exports.formats.data_files import Exported
    from exports.formats.registry import FORMATS

    made = FORMATS[code].files
    if made is None:
        raise ValueError(f"{code} makes no files of tables")
    return next(iter(made([table], Exported("bench", START, "bench")))).pieces


def seconds_of(work: Callable[[], None]) -> float:
    """Return the CPU seconds of a piece of work: the clock of a shared machine says more of its other users."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def ours(path: Path, code: str, rows: list[list[Any]]) -> None:
    """Write a file as an export does."""
    from exports.tables.columns import StudyTable

    blank = invented(0)
    table = StudyTable(blank.name, blank.title, blank.columns, lambda: iter(rows))
    with path.open("wb") as file:
        file.writelines(pieces(table, code))


def frame_of(rows: list[list[Any]], *, decimals: bool) -> Any:
    """Return the rows as a frame of numbers, days, moments and texts. decimals: exact ones, else doubles."""
    import polars

    frame = polars.DataFrame(rows, schema=list(KINDS), orient="row", infer_schema_length=None)
    number = polars.Decimal(38, DECIMALS) if decimals else polars.Float64
    return frame.with_columns(
        *(polars.col(name).cast(number) for name, kind in KINDS.items() if kind == "decimal"),
        polars.col("day").str.to_date(),
        polars.col("at").str.to_datetime(time_unit="us", time_zone="UTC"),
    )


def by_pyreadstat(path: Path, frame: Any) -> None:
    """Write a transport file with pyreadstat."""
    import pyreadstat

    pyreadstat.write_xport(frame, path, table_name="BENCH", file_format_version=8)


def by_pyarrow(path: Path, frame: Any) -> None:
    """Write a Parquet file with pyarrow, in row groups as large as the export's."""
    from pyarrow import parquet

    from exports.formats.parquet import GROUP_ROWS

    parquet.write_table(frame.to_arrow(), path, row_group_size=GROUP_ROWS)


def compared() -> Iterator[str]:
    """Yield a line for each format: seconds of both, and their ratio."""
    rows = [row(number) for number in range(ROWS)]
    libraries: dict[str, tuple[str, Callable[[Path], None]]] = {
        "xpt": ("pyreadstat", partial(by_pyreadstat, frame=frame_of(rows, decimals=False))),
        "parquet": ("pyarrow", partial(by_pyarrow, frame=frame_of(rows, decimals=True))),
    }
    # An export holds no million of cells that the collector of memory would look through again and again.
    gc.freeze()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        for code, (name, library) in libraries.items():
            turns = [
                (seconds_of(partial(ours, path, code, rows)), seconds_of(partial(library, path)))
                for _turn in range(TURNS)
            ]
            own, other = (median(each) for each in zip(*turns, strict=True))
            ratio = median(one / two for one, two in turns)
            yield (
                f"{code}, {ROWS:,} rows of {len(KINDS)} columns, all cells differ: {own:.2f} s CPU; "
                f"{name} fed from memory {other:.2f} s; × {ratio:.2f}; {AIM}"
            )


def sav() -> str:
    """Return the figures of one SAV file, of which nothing is kept; the peak is that of this process."""
    begun = time.perf_counter()
    size = sum(map(len, pieces(invented(SAV_ROWS), "sav")))
    seconds, peak = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"sav, {SAV_ROWS:,} rows: {seconds:.1f} s, {size / 1e6:.0f} MB, peak {peak:.0f} MB; {SAV_AIM}"


def main() -> None:
    """Print the lines; with `sav` as argument only that of SAV."""
    import django

    django.setup()
    if sys.argv[1:] == ["sav"]:
        print(sav())
        return
    own = subprocess.run(
        [sys.executable, "-m", "tests.bench.writers", "sav"], check=True, stdout=subprocess.PIPE, text=True
    )
    print(*chain(compared(), own.stdout.splitlines()), sep="\n")


if __name__ == "__main__":
    main()
