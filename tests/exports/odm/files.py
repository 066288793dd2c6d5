"""ODM files of a trial, as an export makes them."""

from datetime import UTC, datetime

from exports.formats.data_files import Exported, ReaderRights
from exports.formats.registry import FORMATS
from trials.models import Trial

AT = datetime(2026, 9, 15, 12, tzinfo=UTC)
SCHEMAS = {
    "odm": "odm/ODM1-3-2/ODM1-3-2.xsd",
    "odm-transactions": "odm/ODM1-3-2/ODM1-3-2.xsd",
    "odm2-metadata": "odm/ODM2-0/ODM.xsd",
}


def odm(trial: Trial, code: str = "odm", *, sees_treatment: bool = True, sees_files: bool = True) -> bytes:
    """Return a file of a format for a reader."""
    made = FORMATS[code].of_trial
    assert made is not None
    reader = ReaderRights(sees_treatment, sees_files)
    return b"".join(made(trial, Exported(trial.slug, AT, "1.0"), reader).pieces)
