"""A study with data for most SDTM domains, and its package read back."""

import csv
import io
import json
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from audit.context import acting
from exports.formats.data_files import Exported
from exports.sdtm import package
from patients.models import Patient
from patients.participation.screening import fail_screening
from tests.support import build
from tests.support.study.bedside import INCLUDED
from tests.support.study.deviations import added
from tests.support.study.graded_results import infused, limits, result
from trials.models import Trial

AT = datetime(2026, 3, 30, 10, 0, tzinfo=UTC)
MEDICINE = {
    "name": "Dexamethasone", "category": "STEROID", "given_for": "ADVERSE_EVENT", "event_number": "1",
    "indication": "Fever", "dose": "6", "dose_unit": "mg", "frequency": "daily", "route": "INTRAVENOUS",
    "started_on": "2026-03", "ongoing": "Y",
}  # fmt: skip


def tabulated_trial() -> Trial:
    """Return the trial of Liège with one treated patient, one screen failure and one patient in screening."""
    trial = build.trial(build.LIEGE)
    limits(trial)
    patient = infused(trial)
    by = build.user("coordinator", trial=trial)
    result(
        patient, "12 08:00", alt="61", potassium={"missing": "NA"},
        crp={"comparator": "<", "limit": "0.3"}, creatinine={"value": "132.63", "entered": "1.5", "unit": "mg/dL"},
    )  # fmt: skip
    result(patient, "9 07:00", alt="30")
    result(patient, "9 09:00", alt="33")
    build.event(patient=patient, term="Fever", onset=build.moment("12-Mar-2026 12:00"))
    build.record(patient, "medication", MEDICINE, visit=None, by=by)
    added(patient, by, category="consent")
    failed = build.assessable(trial=trial, screened_on=INCLUDED)
    with acting(user=by, role="coordinator"):
        fail_screening(
            patient=Patient.objects.get(pk=failed.pk), on=INCLUDED, reason="Too old é " + "x" * 220, by=by
        )
    build.patient(trial=trial, screened_on=INCLUDED)
    return trial


class Package:
    """The files of a package, and its data sets as rows by variable."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.heads = {
            name.removeprefix("dataset-json/").removesuffix(".json").upper(): json.loads(content)
            for name, content in files.items()
            if name.startswith("dataset-json/")
        }

    @classmethod
    def of(cls, trial: Trial, *, sees_treatment: bool = True) -> "Package":
        """Make the package of a trial."""
        exported = Exported(trial.slug, AT, "1", sees_treatment)
        return cls({file.name: b"".join(file.pieces) for file in package.files((), exported)})

    @classmethod
    def in_archive(cls, data: bytes) -> "Package":
        """Read the package in the zip that an export sends."""
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return cls({name: archive.read(name) for name in archive.namelist()})

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return the rows of a data set; none if the package lacks it."""
        head = self.heads.get(name)
        if head is None:
            return []
        names = [column["name"] for column in head["columns"]]
        return [dict(zip(names, row, strict=True)) for row in head["rows"]]

    def one(self, name: str, **values: Any) -> dict[str, Any]:
        """Return the only row of a data set with these values."""
        (row,) = self.some(name, **values)
        return row

    def some(self, name: str, **values: Any) -> list[dict[str, Any]]:
        """Return the rows of a data set with these values."""
        return [row for row in self.rows(name) if values.items() <= row.items()]

    def transport(self, name: str) -> Any:
        """Return the frame and the facts that another reader finds in a transport file."""
        import pyreadstat

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "read.xpt"
            path.write_bytes(self.files[f"xpt/{name.lower()}.xpt"])
            return pyreadstat.read_xport(str(path), output_format="dict")

    def annotations(self) -> list[dict[str, str]]:
        """Return the rows of the annotated forms."""
        return list(csv.DictReader(io.StringIO(self.files["acrf.csv"].decode("utf-8"), newline="")))
