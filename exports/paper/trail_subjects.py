"""Titles of the objects that entries of the audit trail are about, for paper."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from audit.change_labels import Reader
from audit.events import AccessKind
from audit.models import AccessEvent
from audit.reading import TrailEntry
from audit.trail import model_labelled, title_of
from dosing.models import ProductDeviation
from patients.casebook.row_words import asked_path
from patients.models import Deviation, DeviationRow, Query, Visit
from trials.models import ProtocolVersion


def subject(entry: TrailEntry) -> str:
    """Return the title of an entry's object."""
    if entry.of is not None:
        return _of_row(entry.of, entry.row, entry.reader)
    if isinstance(entry.row, AccessEvent):
        return (
            str(AccessKind(entry.row.kind).label) if entry.row.kind in AccessKind.values else entry.row.kind
        )
    return _("Review of the trail")


def subject_of(label: str, key: int, reader: Reader) -> str:
    """Return the title of a loaded row, given the label of its model and its key."""
    model = model_labelled(label)
    row = reader.find(model, key) if model else None
    return _of_row(model, row, reader) if row is not None else label


def record_title(row: Any, reader: Reader) -> str:
    """Return the title of a record with its visit, or with its row in a log."""
    version, visit = reader.find(ProtocolVersion, row.protocol_id), reader.find(Visit, row.visit_id)
    form = version.rules.forms.get(row.form) if version else None
    title = form.title.in_language(reader.language) if form else row.form
    return f"{title} · {visit.key}" if visit else f"{title} {row.repeat}"


def _of_row(model: Any, row: Any, reader: Reader) -> str:
    make = MAKERS.get(model._meta.label_lower)
    return make(row, reader) if make else title_of(model)


def _query(row: Any, reader: Reader) -> str:
    return _("Query on %(item)s") % {"item": asked_path(row)}


def _message(row: Any, reader: Reader) -> str:
    query = reader.find(Query, row.query_id)
    return _("Message in the query on %(item)s") % {"item": asked_path(query) if query else row.query_id}


def _signature(row: Any, reader: Reader) -> str:
    return _("Signature on %(what)s") % {"what": subject_of(row.target_type, row.target_id, reader)}


def _deviation(log: type[DeviationRow], row: Any) -> str:
    return _("Deviation %(number)s") % {"number": f"{log.letter}-{row.number}"}


MAKERS: dict[str, Callable[[Any, Reader], str]] = {
    "patients.patient": lambda row, reader: _("Patient %(code)s") % {"code": row.code},
    "patients.consent": lambda row, reader: _("Consent %(version)s") % {"version": row.version},
    "patients.eligibilitydecision": lambda row, reader: _("Eligibility"),
    "patients.visit": lambda row, reader: (
        _("Visit %(visit)s") % {"visit": Visit(code=row.code, number=row.number).key}
    ),
    "patients.record": record_title,
    "patients.query": _query,
    "patients.querymessage": _message,
    "patients.contactattempt": lambda row, reader: _("Contact %(number)s") % {"number": row.number},
    "patients.deviation": lambda row, reader: _deviation(Deviation, row),
    "dosing.productdeviation": lambda row, reader: _deviation(ProductDeviation, row),
    "dosing.infusion": lambda row, reader: _("Infusion %(number)s") % {"number": row.number},
    "safety.adverseevent": lambda row, reader: f"AE {row.number} · {row.term}",
    "audit.signature": _signature,
}
