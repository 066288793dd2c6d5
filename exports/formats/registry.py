"""The formats in which a study is exported, by their code on the command line and on the page."""

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from exports.formats import csv_files, dataset_json, json_lines, sqlite_file
from exports.formats.data_files import DataFiles
from exports.sdtm import package as sdtm_package


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
    "sdtm": ExportFormat(_("SDTM IG 3.4 with Define-XML 2.1 (CDISC)"), sdtm_package.files),
    "sqlite": ExportFormat(_("SQLite: one file with all tables"), sqlite_file.files),
}
