"""The trail as CSV, in English: one line per changed field.

A million lines are written at once, so what all lines of an entry share is written once, and a run of entries leaves as
one text. Memory holds one run.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from django.utils.translation import override

from audit.stored_text import code_of
from audit.trail_index import pages
from audit.trail_reading.change_labels import FieldChange, Reader, moment_text
from audit.trail_reading.devices import agents_of, device_words
from audit.trail_reading.reading import TrailEntry
from patients.models import Patient
from reports.audit_trail.lines import details
from reports.audit_trail.page import TrailPage
from trials.blinding.unblinded_files import marked_rows
from trials.listing.lines import BYTE_ORDER_MARK, FORMULA_SIGNS, held_by_a_cell
from trials.reader import FILE_LANGUAGE

CSV_HEAD = (
    "time_utc", "time_at_site", "user", "full_name", "role", "what", "table", "subject", "patient", "field", "label",
    "old", "new", "reason", "reason_code", "origin", "request", "session", "address", "device",
)  # fmt: skip
RUN = 1000
_QUOTED = re.compile(r'[",\r\n]')
NO_CHANGE = FieldChange("", "", "", "")


def trail_csv(page: TrailPage, counts: dict[str, int], *, marked: bool = False) -> Iterator[str]:
    """Yield the file in the order of the page, a run of entries at a time; `counts` is kept up to date."""
    yield BYTE_ORDER_MARK
    yield from (f"{line}\r\n" for (line,) in (*marked_rows(marked=marked), [",".join(CSV_HEAD)]))
    with override(FILE_LANGUAGE):
        reader = page.reader_in(FILE_LANGUAGE)
    runs = pages.runs(page.form.filter(), may=page.may, oldest_first=page.form.oldest_first, size=RUN)
    for found in runs:
        # Entered for each run: the language must not last while the run is sent.
        with override(FILE_LANGUAGE):
            text = "".join(_entries(pages.load(found, reader.fork()), page))
        counts["entries"] = counts.get("entries", 0) + len(found)
        yield text


def _entries(entries: list[TrailEntry], page: TrailPage) -> Iterator[str]:
    """Yield the lines of each entry as one text. One query for patients, and one for devices."""
    reader = entries[0].reader
    known = reader.rows.setdefault(Patient, {})
    missing = {entry.patient_id for entry in entries} - {None, *known}
    known.update(Patient.objects.in_bulk(missing) if missing else {})
    agents = agents_of({entry.session for entry in entries})
    for entry in entries:
        changes = entry.changes or details(entry.row, reader, page.filter_words) or (NO_CHANGE,)
        first, last = _shared(entry, reader, agents)
        for change in changes:
            old = typed(change.old) if change.old else ""
            yield f"{first},{_named(change.code, change.label)},{old},{typed(change.new)},{last}\r\n"


def _shared(entry: TrailEntry, reader: Reader, agents: dict[str, str]) -> tuple[str, str]:
    """Return the cells that all lines of an entry share: those before the change, and those after it."""
    patient = reader.find(Patient, entry.patient_id) if entry.patient_id else None
    when = moment_text(entry.at, reader)
    before = (
        entry.at.isoformat(), cell(when), cell(entry.user_name), typed(entry.full_name), cell(entry.role), entry.kind,
        entry.source, typed(entry.title), cell(patient.code if patient else ""),
    )  # fmt: skip
    device = device_words(entry.agent or agents.get(entry.session, ""))
    after = (
        typed(str(entry.reason)), code_of(entry.reason), entry.origin, cell(entry.request), cell(entry.session),
        cell(entry.address), typed(device),
    )  # fmt: skip
    return ",".join(before), ",".join(after)


@lru_cache(maxsize=4096)
def _named(code: str, label: str) -> str:
    """Return the cells of a field: its name and its label."""
    return f"{cell(code)},{cell(label)}"


def cell(text: str) -> str:
    """Return a text as a cell of RFC 4180."""
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def typed(text: str) -> str:
    """Return a text that may have been typed as a cell that no spreadsheet takes for a formula or cuts (SEC-15)."""
    text = held_by_a_cell(text)
    return cell(f"'{text}" if text.startswith(FORMULA_SIGNS) else text)
