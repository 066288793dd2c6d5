"""The formats in which a study is exported, by their code on the command line and on the page."""

from collections.abc import Iterable, Iterator
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
from exports.formats.data_files import DataFile, DataFiles, Exported, ReaderRights, TrialFile
from exports.selection import ChoiceRefused, ChosenRows
from exports.tables.columns import StudyTable
from trials.models import Trial


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """One format: files of the tables in a zip, or one file of the trial.

    escaped: free text in it is guarded against being taken for a formula.
    maps_study: it takes no table, so of what can be chosen it knows the moment alone.
    """

    title: str | Promise
    files: DataFiles | None = None
    escaped: bool = False
    of_trial: TrialFile | None = None
    maps_study: bool = False

    def data_files(
        self, tables: Iterable[StudyTable], trial: Trial, exported: Exported, reader: ReaderRights
    ) -> Iterator[DataFile]:
        """Yield the files: of the tables, or the one of the trial, for which no table is read."""
        if self.of_trial is not None:
            yield self.of_trial(trial, exported, reader)
        if self.files is not None:
            yield from self.files(tables, exported)

    @property
    def takes_tables(self) -> bool:
        """Return whether its files are the tables of the study."""
        return self.files is not None and not self.maps_study

    @property
    def extension(self) -> str:
        """Return the extension of what is sent."""
        return "zip" if self.of_trial is None else "xml"

    @property
    def content_type(self) -> str:
        """Return the media type of what is sent."""
        return f"application/{self.extension}"


# The modules of the mappings take 5 MB, which no export of the tables needs: they are imported when they are asked for.


def _sdtm_files(tables: Iterable[StudyTable], exported: Exported) -> Iterator[DataFile]:
    from exports.sdtm import package

    return package.files(tables, exported)


def _adam_files(tables: Iterable[StudyTable], exported: Exported) -> Iterator[DataFile]:
    from exports.adam import package

    return package.files(tables, exported)


def _odm_snapshot(trial: Trial, exported: Exported, rights: ReaderRights) -> DataFile:
    from exports.formats import odm_files

    return odm_files.snapshot(trial, exported, rights)


def _odm_transactions(trial: Trial, exported: Exported, rights: ReaderRights) -> DataFile:
    from exports.formats import odm_files

    return odm_files.transactions(trial, exported, rights)


def _odm_metadata(trial: Trial, exported: Exported, rights: ReaderRights) -> DataFile:
    from exports.formats import odm_files

    return odm_files.metadata(trial, exported, rights)


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
    "sdtm": ExportFormat(_("SDTM IG 3.4 with Define-XML 2.1 (CDISC)"), _sdtm_files, maps_study=True),
    "adam": ExportFormat(
        _("ADaM: analysis data sets, with scripts that compute the outcomes again"),
        _adam_files,
        maps_study=True,
    ),
    "sqlite": ExportFormat(_("SQLite: one file with all tables"), sqlite_file.files),
    "odm": ExportFormat(
        _("ODM 1.3.2 (CDISC): the data as they are"), of_trial=_odm_snapshot, maps_study=True
    ),
    "odm-transactions": ExportFormat(
        _("ODM 1.3.2 (CDISC): every change with its audit record"),
        of_trial=_odm_transactions,
        maps_study=True,
    ),
    "odm2-metadata": ExportFormat(
        _("ODM 2.0 (CDISC): the definitions, without data"), of_trial=_odm_metadata, maps_study=True
    ),
}


def refuse_rows(code: str, selection: ChosenRows) -> None:
    """Raise ChoiceRefused if a format cannot leave out the rows that were not chosen."""
    if FORMATS[code].maps_study and selection.told().keys() - {"as_of"}:
        text = _("This format holds the whole study: only the moment (as of) can be chosen for it.")
        raise ChoiceRefused("format", str(text))
