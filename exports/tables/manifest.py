"""The manifest of an export: author, time, protocol version, and each file with its row count and hash."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from exports.selection import ChosenRows
from exports.tables.archive import FileSummary, LastFile
from exports.tables.columns import StudyTable
from trials.models import Trial

NAME = "manifest.json"
NOTES = {
    "encoding": "UTF-8, RFC 4180, first line holds the column names",
    "empty": "an empty cell means that nothing was entered; a missing value has its code in the column “…__missing”",
    "free_text": "in the columns listed under “escaped” one leading apostrophe guards a spreadsheet against a formula:"
    " drop it to get the text as it was typed; no other column is changed",
    "files": "a file attached to a form stands under its name in the column “…__file”, with its hash; files are left"
    " out of an export by somebody who may not read them, and one that is damaged is never sent: it stands"
    " under “damaged_files”, and “complete” is false",
    "times": "instants are UTC; a date or time as it was entered is local and ISO 8601 without offset, with its instant"
    " in “…__utc” and the name of the time zone in “…__zone”; a partial date says in “…__precision” what is known",
    "long_texts": "a text of more than 32,767 characters is a file under “texts/”: the cell holds its path",
    "exact": "in formats with types “…__exact” is the exact text of a value that the type of its column does not hold;"
    " “variables.csv”, in a workbook the sheet “variables”, lists the variables of each file with their columns",
    "described": "the tables “columns” and “codes” describe every column of every table, keys, joins and each code",
    "missing": "missing codes: ND not done, UNK unknown, NAP not applicable, ASKU asked but unknown",
}


NOT_AS_OF = [
    "the names and labels of columns, and the words of codes that no protocol file defines, are those of the program",
    "a personal text that was masked since is masked here too",
    "what the reader may know follows from the rights at the time of this export",
    "the access events of the trail are those recorded until the moment, by the clock of the server",
]
"""What an export of a past moment does not tell as it was."""
LEFT_OUT = {
    "audit_trail": "its lines would tell values that were not chosen",
    "queries": "their texts and values would tell values that were not chosen",
    "query_messages": "their texts would tell values that were not chosen",
    "criteria.inputs": "they would tell values that were not chosen",
    "masked_results": "they are no part of the forms that were chosen",
}
"""Why a table, or a column of one, is not part of an export of chosen values."""


DE_IDENTIFIED = [
    "every date of a patient is moved by the same whole number of weeks: weekdays, and days between dates, stay",
    "of a date that is known to the month or year, the middle is moved",
    "subject codes and keys of rows are others; an age over 89 is given as 90",
    "tables without a subject code, signatures, verification, files, and times of entry or signature are left out",
    "texts that people typed are left out, unless “free_text” stands under “selection”",
]
"""What was changed in an export for sharing."""


def _told(selection: ChosenRows) -> dict[str, Any]:
    """Return the choices. An export for sharing tells how many patients it holds, not their codes."""
    told = selection.told()
    return {**told, "patients": len(selection.patients)} if selection.shared and selection.patients else told


def left_out(selection: ChosenRows) -> dict[str, str]:
    """Return the tables and columns that the selection leaves out as a whole, each with the reason."""
    return LEFT_OUT if selection.narrows_values else {}


@dataclass(frozen=True)
class DamagedFile:
    """An attached file that could not be sent: its path in the archive, the hash it should have, and what is wrong."""

    name: str
    sha256: str
    problem: str


def manifest(
    *,
    trial: Trial,
    by: str,
    purpose: str,
    at: datetime,
    as_of: datetime,
    selection: ChosenRows,
    unblinded: bool,
    warning: str,
    format_code: str,
    tables: list[StudyTable],
    damaged: list[DamagedFile],
) -> LastFile:
    """Return the function that makes the manifest. It runs last, when `tables` and `damaged` are complete.

    as_of: the moment whose data the files hold. tables: whose free text is guarded against formulas, in this format.
    """

    def make(files: list[FileSummary]) -> tuple[str, str]:
        escaped = {table.file: list(table.escaped) for table in tables}
        version = trial.protocol
        body: dict[str, Any] = {
            **({"warning": warning} if warning else {}),
            "trial": trial.slug,
            "protocol_version": version.version if version else "",
            "protocol_sha256": version.sha256 if version else "",
            "exported_at": at.astimezone(UTC).isoformat(timespec="seconds"),
            "data_as_of": as_of.astimezone(UTC).isoformat(timespec="microseconds"),
            "exported_by": by,
            "format": format_code,
            "purpose": purpose,
            "treatment_included": unblinded,
            "selection": _told(selection),
            **({"de_identified": DE_IDENTIFIED} if selection.shared else {}),
            "left_out": left_out(selection),
            **({"not_as_of": NOT_AS_OF} if selection.as_of else {}),
            "complete": not damaged,
            "damaged_files": [asdict(file) for file in damaged],
            "notes": NOTES,
            "files": [
                {
                    "name": file.name,
                    "rows": file.rows,
                    "bytes": file.size,
                    "sha256": file.sha256,
                    "escaped": escaped.get(file.name, []),
                }
                for file in files
            ],
        }
        return NAME, json.dumps(body, indent=2, ensure_ascii=False) + "\n"

    return make
