"""The formats in which a study is exported, by their code on the command line and on the page."""

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from exports.formats import (
    csv_files,
    dataset_json,
    excel,
    json_lines,
    parquet,
    sas_transport,
    spss,
    sqlite_file,
    stata,
)
from exports.formats.data_files import DataFiles


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """One format. escaped: free text in it is guarded against being taken for a formula."""

    title: str | Promise
    files: DataFiles
    escaped: bool = False


DEFAULT: Final = "csv"
FORMATS: Final[dict[str, ExportFormat]] = {
    DEFAULT: ExportFormat(_("CSV: for spreadsheets and every program"), csv_files.files, escaped=True),
    "dataset-json": ExportFormat(_("Dataset-JSON 1.1 (CDISC)"), dataset_json.files),
    "jsonl": ExportFormat(_("JSON lines"), json_lines.files),
    "xlsx": ExportFormat(_("XLSX: a workbook with a sheet for each table"), excel.files),
    "xpt": ExportFormat(_("SAS XPORT, version 8"), sas_transport.xpt_files),
    "xpt-v5": ExportFormat(_("SAS XPORT, version 5 (short names)"), sas_transport.xpt_v5_files),
    "sav": ExportFormat(_("SPSS (SAV)"), spss.files),
    "dta": ExportFormat(_("Stata (DTA)"), stata.files),
    "parquet": ExportFormat(_("Parquet: for R, Python and databases"), parquet.files),
    "sqlite": ExportFormat(_("SQLite: one file with all tables"), sqlite_file.files),
}
