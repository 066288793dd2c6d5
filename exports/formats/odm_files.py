"""CDISC ODM as files of an export: the data as they are, every change, and the definitions in ODM 2.0."""

from exports.formats.data_files import DataFile, Exported, ReaderRights
from exports.odm.document import FileType, odm_pieces
from exports.odm.odm2_definitions import metadata_pieces
from trials.models import Trial


def snapshot(trial: Trial, exported: Exported, reader: ReaderRights) -> DataFile:
    """Return the file with the data as they are; it counts subjects."""
    return _file(trial, exported, reader, "Snapshot", "odm.xml")


def transactions(trial: Trial, exported: Exported, reader: ReaderRights) -> DataFile:
    """Return the file with every change; it counts transactions."""
    return _file(trial, exported, reader, "Transactional", "odm-transactions.xml")


def metadata(trial: Trial, exported: Exported, reader: ReaderRights) -> DataFile:
    """Return the definitions in ODM 2.0; it counts versions."""
    count = [0]
    return DataFile("odm2-metadata.xml", metadata_pieces(trial, exported, reader, count), count)


def _file(trial: Trial, exported: Exported, reader: ReaderRights, file_type: FileType, name: str) -> DataFile:
    count = [0]
    return DataFile(name, odm_pieces(trial, exported, reader, file_type, count), count)
