"""Titles of patients, forms, queries, marks and locks in the audit trail."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils.translation import gettext as _

from audit.trail_reading.change_labels import Reader
from audit.trail_reading.row_titles import SEPARATOR, Needs, TitleMaker, title
from patients.casebook.facts import KINDS
from patients.casebook.row_words import asked_path, cell_label
from patients.models import (
    Aliquot,
    DataLock,
    Deviation,
    DeviationRow,
    Patient,
    Query,
    Record,
    SampleMovement,
    Visit,
)
from protocol.document.design import UNSCHEDULED
from trials.models import ProtocolVersion
from trials.titles.row_titles import form_of, item_words, versions


def visit_words(visit: Any, reader: Reader) -> str:
    """Return the title of a visit in the protocol version that it was held under: `Day 28`."""
    for rules in versions(reader, visit.protocol_id):
        try:
            return rules.visit(visit.code).title.in_language(reader.language)
        except KeyError:
            continue
    if visit.code == UNSCHEDULED:
        return _("Unscheduled visit %(number)s") % {"number": visit.number}
    return Visit(code=visit.code, number=visit.number).key


def record_words(row: Any, reader: Reader) -> str:
    """Return the title of a form with its visit, or with its number in a log: `Vital signs · Day 28`."""
    form = form_of(reader, row.form, row.protocol_id)
    name = form.title.in_language(reader.language) if form else row.form
    visit = reader.find(Visit, row.visit_id) if row.visit_id else None
    if visit is not None:
        return f"{name}{SEPARATOR}{visit_words(visit, reader)}"
    return _("%(log)s, row %(number)s") % {"log": name, "number": row.repeat}


def _record_at(key: int | None, reader: Reader) -> str:
    record = reader.find(Record, key) if key else None
    return record_words(record, reader) if record is not None else ""


def _patient(row: Any, reader: Reader) -> str:
    return _("Patient %(code)s") % {"code": row.code}


def _subject_code(key: int | None, reader: Reader) -> str:
    patient = reader.find(Patient, key) if key else None
    return patient.code if patient else ""


def _asked(row: Any, reader: Reader) -> str:
    """Return the subject of a query or a mark: the item, and where it is."""
    if row.target != Query.Target.RECORD:
        return _fact(row, reader)
    record = reader.find(Record, row.record_id)
    if record is None:
        return asked_path(row)
    form = form_of(reader, record.form, record.protocol_id)
    item = form.item(row.item) if form is not None and row.item in form else None
    asked = cell_label(item, record.values, row, reader.language) if row.row else ""
    label = asked or (item.label.in_language(reader.language) if item else row.item)
    return f"{label}{SEPARATOR}{record_words(record, reader)}"


def _fact(row: Any, reader: Reader) -> str:
    kind = KINDS.get(row.target)
    if kind is None:
        return row.item
    model, fact = kind.model, reader.find(kind.model, row.target_id)
    named = title(model, fact, reader) if fact is not None else str(Query.Target(row.target).label)
    if not row.item:
        return named
    return f"{fact_label(model, row.item)}{SEPARATOR}{named}"


def fact_label(model: type[models.Model], item: str) -> str:
    """Return the name of a fact of a row outside the forms."""
    if item == "seriousness":
        return _("Seriousness")
    try:
        return str(getattr(model._meta.get_field(item), "verbose_name", item))
    except FieldDoesNotExist:
        return item.replace("_", " ")


def _query(row: Any, reader: Reader) -> str:
    return _("Query on %(item)s") % {"item": _asked(row, reader)}


def _message(row: Any, reader: Reader) -> str:
    query = reader.find(Query, row.query_id)
    return (
        _("Message in the query on %(item)s") % {"item": _asked(query, reader)}
        if query
        else _("Message in a query")
    )


def _marked(row: Any, reader: Reader) -> str:
    """Return the subject of a mark: an item or a whole form, a fact or a whole row outside the forms."""
    if row.target != Query.Target.RECORD:
        return _fact(row, reader)
    record = reader.find(Record, row.record_id)
    place = _record_at(row.record_id, reader)
    if record is None or not row.item:
        return place
    return f"{item_words(reader, record.form, row.item, record.protocol_id)}{SEPARATOR}{place}"


def _mark(row: Any, reader: Reader) -> str:
    place = _marked(row, reader)
    if row.kind == "review":
        return _("Medical review of %(what)s") % {"what": place}
    return _("Source verification of %(what)s") % {"what": place}


def locked_words(row: Any, reader: Reader) -> str:
    """Return the subject of a freeze or a lock: a form, a visit, a patient or the trial."""
    match row.level:
        case DataLock.Level.RECORD:
            return _record_at(row.record_id, reader) or str(DataLock.Level.RECORD.label)
        case DataLock.Level.VISIT:
            visit = reader.find(Visit, row.visit_id)
            return visit_words(visit, reader) if visit else str(DataLock.Level.VISIT.label)
        case DataLock.Level.PATIENT:
            patient = reader.find(Patient, row.patient_id)
            return _patient(patient, reader) if patient else str(DataLock.Level.PATIENT.label)
    return _("the whole trial")


def _lock(row: Any, reader: Reader) -> str:
    what = {"what": locked_words(row, reader)}
    return _("Freeze of %(what)s") % what if row.kind == "freeze" else _("Lock of %(what)s") % what


def _unlock(row: Any, reader: Reader) -> str:
    lock = reader.find(DataLock, row.lock_id)
    what = locked_words(lock, reader) if lock else str(DataLock._meta.verbose_name)
    return _("Request to unlock %(what)s") % {"what": what}


def _attachment(row: Any, reader: Reader) -> str:
    item = item_words(reader, row.form, row.item)
    form = form_of(reader, row.form)
    name = form.title.in_language(reader.language) if form else row.form
    told = {"name": row.name, "item": item, "form": name}
    return _("File %(name)s · %(item)s · %(form)s") % told


def deviation_words(log: type[DeviationRow], row: Any, reader: Reader) -> str:
    """Return the number of a deviation and what it concerns."""
    concerns = dict(log._meta.get_field("category").flatchoices).get(row.category, row.category)
    told = {"number": f"{log.letter}-{row.number}", "concerns": concerns}
    return _("Deviation %(number)s · %(concerns)s") % told


def _of_target(row: Any) -> Iterator[tuple[type[models.Model], Any]]:
    """Yield what a query or a mark is about, if it is no form."""
    yield Record, getattr(row, "record_id", None)
    if (kind := KINDS.get(row.target)) is not None:
        yield kind.model, row.target_id


def _aliquot(row: Any, reader: Reader) -> str:
    return _("Tube %(code)s") % {"code": row.code}


def _movement(row: Any, reader: Reader) -> str:
    tube = reader.find(Aliquot, row.aliquot_id)
    kind = dict(SampleMovement.Kind.choices).get(row.kind, row.kind)
    return f"{kind}{SEPARATOR}{_aliquot(tube, reader)}" if tube is not None else str(kind)


TITLES: dict[str, TitleMaker] = {
    "patients.aliquot": _aliquot,
    "patients.treatmenthold": lambda row, reader: (
        _("Hold %(number)s of the treatment") % {"number": row.number}
    ),
    "patients.attachment": _attachment,
    "patients.consent": lambda row, reader: _("Consent %(version)s") % {"version": row.version},
    "patients.contactattempt": lambda row, reader: _("Contact %(number)s") % {"number": row.number},
    "patients.datalock": _lock,
    "patients.deviation": partial(deviation_words, Deviation),
    "patients.eligibilitydecision": lambda row, reader: _("Eligibility decision"),
    "patients.erasurerequest": lambda row, reader: _("Request for erasure"),
    "patients.identity": lambda row, reader: (
        _("Identity of patient %(code)s") % {"code": _subject_code(row.patient_id, reader)}
    ),
    "patients.mark": _mark,
    "patients.patient": _patient,
    "patients.prescreeningrow": lambda row, reader: (
        _("Row %(number)s of the pre-screening log") % {"number": row.number}
    ),
    "patients.query": _query,
    "patients.querymessage": _message,
    "patients.record": record_words,
    "patients.sample": lambda row, reader: _("Sample %(number)s") % {"number": row.number},
    "patients.samplemovement": _movement,
    "patients.storageexcursion": lambda row, reader: (
        _("Temperature excursion %(number)s") % {"number": row.number}
    ),
    "patients.shipment": lambda row, reader: _("Shipment %(number)s") % {"number": row.number},
    "patients.unlockrequest": _unlock,
    "patients.visit": lambda row, reader: _("Visit %(visit)s") % {"visit": visit_words(row, reader)},
}
NEEDS: dict[str, Needs] = {
    "patients.datalock": lambda row: [
        (Patient, row.patient_id),
        (Visit, row.visit_id),
        (Record, row.record_id),
    ],
    "patients.mark": _of_target,
    "patients.query": _of_target,
    "patients.samplemovement": lambda row: [(Aliquot, row.aliquot_id)],
    "patients.record": lambda row: [(Visit, row.visit_id), (ProtocolVersion, row.protocol_id)],
}
