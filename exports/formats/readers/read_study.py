"""Read an export of a study: every table as a data frame of pandas, with its types, labels and codes.

Unpack the archive; this script lies in it. In Python:

    from read_study import read_study
    study = read_study()                     # the folder of this script; or read_study("folder")
    vitals = study["forms/vitals"]
    vitals.attrs["labels"]["heart_rate"]     # label of a column
    vitals.attrs["codes"]["status"]          # label of each code of a column

All formats give the same: whole numbers are Int64, decimals Float64, days and moments datetime64 (instants in UTC),
yes and no boolean, all else text with codes as they are stored. A value that its column's type does not hold exactly
stands as text in `<column>__exact`. Long texts are read from their files.

It needs pandas; pyreadstat for xpt, xpt-v5, sav and dta; pyarrow for parquet; openpyxl for xlsx.
"""

import json
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

LANGUAGE = "en"
SUFFIXES = {
    "csv": "csv", "xpt": "xpt", "xpt-v5": "xpt", "sav": "sav", "dta": "dta", "parquet": "parquet", "xlsx": "xlsx",
}  # fmt: skip


def read_study(folder: "str | Path | None" = None) -> "dict[str, Any]":
    """Return the tables of the archive in a folder, by name."""
    study = _Study(Path(folder) if folder else Path(__file__).parent)
    return {name: study.frame(name) for name in study.tables}


class _Study:
    """An unpacked archive: its format, and what its tables `columns` and `codes` say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        self.format = str(manifest["format"])
        self.suffix = SUFFIXES[self.format]
        self.variables = self._variables()
        # By table and column: the label of each number, as the file has it.
        self.labels: dict[tuple[str, str], dict[Any, str]] = {}
        columns, codes = (self._stored(name).apply(self._texts) for name in ("columns", "codes"))
        self.tables = list(dict.fromkeys(columns["table"]))
        self.columns = dict(list(columns.groupby("table", sort=False)))
        # Codes of Stata are numbers until they are known.
        self.codes: dict[tuple[str, str], dict[str, str]] = {}
        self.numbers: dict[tuple[str, str], dict[int, str]] = {}
        for row in codes.to_dict("records"):
            place = (row["table"], row["column"])
            if row["language"] == LANGUAGE:
                self.codes.setdefault(place, {})[row["code"]] = row["label"]
            self.numbers.setdefault(place, {})[int(float(row["number"]))] = row["code"]

    def frame(self, name: str) -> Any:
        """Return a table with its types, labels and codes."""
        import pandas

        stored, made, labels = self._stored(name), {}, {}
        for column in self.columns[name].to_dict("records"):
            own = str(column["column"])
            values = self._texts(self._decoded(name, own, stored[own]))
            if self.format == "csv" and column["is_typed_text"] == "Y":
                # It guards a spreadsheet against a formula, and is no part of the text.
                values = values.map(lambda text: text.removeprefix("'") if isinstance(text, str) else text)
            made[own], exact = _typed(list(values), str(column["kind"]))
            labels[own] = column["label"]
            if f"{own}__exact" in stored:
                beside = self._texts(stored[f"{own}__exact"])
                exact = [text or other for text, other in zip(map(_blank, beside), exact, strict=True)]
            if any(exact):
                made[f"{own}__exact"] = pandas.Series(exact, dtype="str")
        frame = pandas.DataFrame(made)
        frame.attrs["labels"] = labels
        frame.attrs["codes"] = {own: self.codes[name, own] for own in labels if (name, own) in self.codes}
        return frame

    def _variables(self) -> "dict[str, dict[str, str]]":
        """Return by table the column of each variable, with `__exact` for exact texts; parts of dates are left out."""
        import pandas

        if self.format == "csv":
            return {}
        if self.format == "xlsx":
            rows = pandas.read_excel(self.folder / "study.xlsx", sheet_name="variables", dtype=str)
        else:
            rows = pandas.read_csv(self.folder / "variables.csv", dtype=str, keep_default_na=False)
        found: dict[str, dict[str, str]] = {}
        for row in rows.to_dict("records"):
            column = {"value": row["column"], "exact": f"{row['column']}__exact"}.get(row["holds"])
            if column:
                found.setdefault(row["table"], {})[row["variable"]] = column
        return found

    def _stored(self, name: str) -> Any:
        """Return a table as its file has it, with the names of its columns."""
        import pandas

        path = self.folder / f"{name}.{self.suffix}"
        if self.format == "csv":
            return pandas.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
        if self.format == "parquet":
            from pyarrow import parquet

            # Objects: pandas would make doubles of whole numbers beside a blank.
            frame = pandas.DataFrame(parquet.read_table(path).to_pydict(), dtype=object)
        elif self.format == "xlsx":
            frame = self._sheets(name)
        else:
            import pyreadstat

            read: Any = {
                "xpt": pyreadstat.read_xport,
                "sav": pyreadstat.read_sav,
                "dta": pyreadstat.read_dta,
            }[self.suffix]
            frame, meta = read(str(path))
            for variable, labels in meta.variable_value_labels.items():
                self.labels[name, self.variables[name][variable]] = labels
        names = self.variables[name]
        return frame[[each for each in frame.columns if each in names]].rename(columns=names)

    def _sheets(self, name: str) -> Any:
        """Return the sheets of a table, one below the other."""
        import pandas

        if not hasattr(self, "_book"):
            self._book = pandas.read_excel(
                self.folder / "study.xlsx",
                sheet_name=None,
                dtype=object,
                keep_default_na=False,
                na_values=[""],
            )
        first = list(self.variables).index(name)
        heads = [title for title in self._book if not title.endswith(")")]
        parts = [
            title for title in self._book if title == heads[first] or title.startswith(f"{heads[first]} (")
        ]
        return pandas.concat([self._book[title] for title in parts], ignore_index=True)

    def _decoded(self, table: str, column: str, values: Any) -> Any:
        """Return codes for the numbers that stand for them: all of DTA, those that are whole numbers of SAV."""
        numbers = self.numbers.get((table, column))
        if (
            not numbers
            or self.suffix not in ("sav", "dta")
            or (self.suffix == "sav" and values.dtype.kind != "f")
        ):
            return values
        # A value outside the code list is its own label.
        others = self.labels.get((table, column), {})
        return values.astype(object).map(
            lambda value: (
                None if value is None or value != value else numbers.get(int(value)) or others[int(value)]
            )
        )

    def _texts(self, values: Any) -> Any:
        """Return the values with each path of a long text replaced by the text."""
        if values.dtype.kind in "fiubMm":
            return values
        import pandas

        # Not `map`, which would make doubles of whole numbers beside a blank.
        return pandas.Series([self._text(value) for value in values], dtype=object, name=values.name)

    def _text(self, value: Any) -> Any:
        if not isinstance(value, str) or not value.startswith("texts/"):
            return value
        path = self.folder / value
        return path.read_bytes().decode("utf-8") if path.is_file() else value


def _blank(value: Any) -> Any:
    """Return None for what a library has in a blank cell: None, NaN, NaT, an empty text."""
    return None if value is None or value == "" or value != value else value


def _typed(values: "list[Any]", kind: str) -> "tuple[Any, list[str | None]]":
    """Return the values as a series of their kind, and the exact text of each that this type does not hold."""
    import pandas

    plain = [_blank(value) for value in values]
    convert, dtype = KINDS.get(kind, (None, "str"))
    if convert is None:
        return pandas.Series(plain, dtype="str"), [None] * len(plain)
    pairs = [(None, None) if value is None else _pair(convert, value) for value in plain]
    return pandas.Series([value for value, _exact in pairs], dtype=dtype), [exact for _value, exact in pairs]


def _pair(convert: Any, value: Any) -> "tuple[Any, str | None]":
    try:
        return convert(value)
    except (ValueError, InvalidOperation):
        return None, str(value)


def _integer(value: Any) -> "tuple[Any, str | None]":
    number = int(value)
    if isinstance(value, str) and str(number) != value:
        raise ValueError(value)
    # A double holds whole numbers up to this one.
    return (
        (number, None)
        if abs(number) <= MOST_WHOLE
        else (None if abs(number) >= MOST_INT else number, str(value))
    )


def _decimal(value: Any) -> "tuple[Any, str | None]":
    if isinstance(value, float):
        return value, None
    exact = Decimal(value)
    if not exact.is_finite():
        raise ValueError(value)
    return float(exact), None if Decimal(repr(float(exact))) == exact else format(exact, "f")


def _day(value: Any) -> "tuple[Any, str | None]":
    day = date.fromisoformat(value) if isinstance(value, str) else value
    return datetime(day.year, day.month, day.day), None  # noqa: DTZ001  a day has no zone


def _instant(value: Any) -> "tuple[Any, str | None]":
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    if isinstance(value, str) and at.tzinfo is None:
        raise ValueError(value)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at, None


def _local(value: Any) -> "tuple[Any, str | None]":
    if isinstance(value, str) and "T" not in value:
        raise ValueError(value)
    return datetime.fromisoformat(value) if isinstance(value, str) else value, None


def _flag(value: Any) -> "tuple[Any, str | None]":
    if value not in ("Y", "N", True, False):
        raise ValueError(value)
    return value in ("Y", True), None


MOST_WHOLE, MOST_INT = 2**53, 2**63
KINDS = {
    "integer": (_integer, "Int64"),
    "decimal": (_decimal, "Float64"),
    "date": (_day, "datetime64[us]"),
    "instant": (_instant, "datetime64[us, UTC]"),
    "local": (_local, "datetime64[us]"),
    "flag": (_flag, "boolean"),
}
