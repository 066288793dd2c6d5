"""The list of a log's rows, with one row open for entry."""

from typing import Any

from django.urls import reverse

from patients.casebook.casebook import Casebook, FormPlace
from patients.casebook.form_content import line
from patients.casebook.navigation import form_address, navigation, stage_of
from patients.entry.entry_guard import entry_refusal
from patients.entry.form_page.page import EntryPage
from patients.models import Record
from protocol.document.items import Item
from trials.access import Access
from trials.permissions import Permission as P
from trials.reader import reader_language

LINES = 5


def log_context(
    access: Access, casebook: Casebook, place: FormPlace, page: EntryPage | None = None
) -> dict[str, Any]:
    """Return the template context of the list of a log; `page` is the row open for entry, if any."""
    items = [item for item in place.form.items if item.type != "rows"][:LINES]
    language = reader_language()
    rows = [record for record in log_records(casebook, place) if page is None or record != page.record]
    return {
        "patient": casebook.patient,
        "title": place.form.title.in_language(language),
        "navigation": navigation(casebook, place),
        "columns": [item.label.in_language(language) for item in items],
        "rows": [log_row(casebook, record, items, language) for record in rows],
        "new_url": row_address(place, casebook.following_row(place.form.code)),
        "log_url": log_address(place),
        "closed": entry_refusal(casebook, place, None),
        "may_enter": access.may(P.ENTER_DATA),
        "page": page,
        "form": page.form if page else None,
    }


def log_records(casebook: Casebook, place: FormPlace) -> list[Record]:
    """Return the rows of a log by number, struck-out rows included."""
    rows = [
        record for record in casebook.records if record.form == place.form.code and record.visit_id is None
    ]
    return sorted(rows, key=lambda record: record.repeat)


def log_row(casebook: Casebook, record: Record, items: list[Item], language: str) -> dict[str, Any]:
    """Return the template context of one row of the list."""
    struck = record.state == Record.State.STRUCK_OUT
    return {
        "record": record,
        "state": "struck_out" if struck else stage_of(record),
        "flags": ["query"] if getattr(record, "has_open_query", False) else [],
        "lines": [line(item, record.values.get(item.name), language) for item in items],
        "url": form_address(casebook.patient, record.form, None, record.repeat),
    }


def log_address(place: FormPlace) -> str:
    """Return the address of the list of a log."""
    patient = place.patient
    return reverse("patients:logs", args=[patient.trial.slug, patient.code, place.form.code])


def row_address(place: FormPlace, number: int) -> str:
    """Return the address of the list with one row open for entry."""
    return f"{log_address(place)}?row={number}#entry"
