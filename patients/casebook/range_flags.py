"""Laboratory values of captured forms compared with their reference ranges, and the text that shows it (LAB-03)."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from patients.casebook.casebook import Casebook, FormPlace
from patients.casebook.signed_ranges import with_signed_readings
from patients.models import Patient, Record
from patients.models.visit_forms import day_of
from protocol.document.document import Protocol
from protocol.document.items import Item
from protocol.values.labels import number_text, with_unit
from protocol.values.parsing import decimal
from protocol.values.reference_ranges import (
    RangeBook,
    RangeReading,
    RangeSubject,
    Readings,
    Side,
    laboratory_items,
)
from trials.laboratories.ranges import book_of
from trials.models import Trial


def place_readings(
    casebook: Casebook, place: FormPlace, values: Mapping[str, Any], *, record: Record | None = None
) -> Readings:
    """Return by item how the values of a form compare with their ranges. One query, none without laboratory items.

    record: whose stored values these are; a signed one keeps the readings that were signed, for one more query.
    """
    if not laboratory_items(place.form):
        return {}
    subject = subject_in(casebook.patient, place.protocol.rules, casebook.records)

    def read(_record: Record, book: RangeBook) -> Readings:
        return book.read(place.form, values, subject=subject, day=place.day)

    trial = casebook.patient.trial
    found = book_of(trial, place.form.code).read(place.form, values, subject=subject, day=place.day)
    if record is None:
        return found
    return with_signed_readings(trial, [record], {record.pk: found}, read)[record.pk]


def readings_of(trial: Trial, records: Iterable[Record]) -> dict[int, Readings]:
    """Return by record key how its values compare with their ranges; signed ones keep the readings that were signed.

    Three queries, whatever the number of records, and two more if a range changed after a signature on one of them.
    Reads record.visit, record.patient and record.protocol.
    """
    rows = list(records)
    book = book_of(trial)
    subjects = subjects_of(trial, {row.patient_id for row in rows})

    def read(record: Record, ranges: RangeBook) -> Readings:
        return record_readings(record, ranges, subjects.get(record.patient_id, RangeSubject()))

    return with_signed_readings(trial, rows, {row.pk: read(row, book) for row in rows}, read)


def record_readings(record: Record, book: RangeBook, subject: RangeSubject) -> Readings:
    """Return by item how the values of one record compare with their ranges. Reads record.visit, record.protocol."""
    form = record.protocol.rules.form(record.form)
    day = day_of(record.visit) if record.visit else None
    return book.read(form, record.values, subject=subject, day=day)


def subject_in(patient: Patient, rules: Protocol, records: Iterable[Record]) -> RangeSubject:
    """Return sex and age as captured last. The captured age is the age on the day of screening."""
    valid_records = (record for record in records if record.state != Record.State.STRUCK_OUT)
    return _subject(rules, patient.screened_on, {record.form: record.values for record in valid_records})


def subjects_of(trial: Trial, patients: Iterable[int] | None = None) -> dict[int, RangeSubject]:
    """Return sex and age as captured last, by patient key. One query."""
    rules = trial.rules
    rows = Record.objects.filter(patient__trial=trial, form__in=_forms(rules))
    if patients is not None:
        rows = rows.filter(patient__in=patients)
    found: dict[int, tuple[date, dict[str, Any]]] = {}
    # In ascending order: of several records of a form the last one is kept.
    valid_records = rows.exclude(state=Record.State.STRUCK_OUT).order_by("pk")
    for patient, day, form, values in valid_records.values_list(
        "patient", "patient__screened_on", "form", "values"
    ):
        found.setdefault(patient, (day, {}))[1][form] = values
    return {patient: _subject(rules, day, forms) for patient, (day, forms) in found.items()}


def _forms(rules: Protocol) -> set[str]:
    return {path.partition(".")[0] for path in (rules.profile.age, rules.profile.sex) if path}


def _subject(rules: Protocol, day: date, forms: Mapping[str, Mapping[str, Any]]) -> RangeSubject:
    sex, age = (_answer(forms, path) for path in (rules.profile.sex, rules.profile.age))
    years = decimal(age)
    return RangeSubject(sex if isinstance(sex, str) else "", None if years is None else int(years), day)


def _answer(forms: Mapping[str, Mapping[str, Any]], path: str | None) -> Any:
    form, _dot, item = (path or "").partition(".")
    return forms.get(form, {}).get(item)


def reference_words(reading: RangeReading | None, item: Item, language: str) -> str:
    """Return the reference range as text, or that there is none; empty for an item that has no range to show."""
    if reading is None:
        return ""
    words = _range_of(reading, item, language)
    if reading.now is None:
        return words
    now = ", ".join(
        part for part in (_range_of(reading.now, item, language), side_words(reading.now)) if part
    )
    told = {"signed": words or _("No reference range"), "now": now or _("No reference range")}
    return _("%(signed)s. Range corrected since the signature; now: %(now)s") % told


def _range_of(reading: RangeReading, item: Item, language: str) -> str:
    if not reading.has_range:
        return _("No reference range") if reading.side == Side.NO_RANGE else ""
    parameters = {"range": range_words(reading.low, reading.high, item.unit or "", language)}
    return _("Reference %(range)s") % parameters


def range_words(low: Decimal | None, high: Decimal | None, unit: str, language: str) -> str:
    """Return a range as text with its unit, one bound may be open: `3.5–10.5 10⁹/L`, `≤ 5 mg/L`."""
    low_text, high_text = ("" if bound is None else bound_words(bound, language) for bound in (low, high))
    open_text = f"≥ {low_text}" if low_text else f"≤ {high_text}"
    words = f"{low_text}–{high_text}" if low_text and high_text else open_text
    return with_unit(words, unit, _)


def bound_words(bound: Decimal, language: str) -> str:
    """Return a bound without trailing zeros, with the decimal separator of the language."""
    return number_text(f"{bound.normalize():f}", language)


def side_words(reading: RangeReading | None) -> str:
    """Return `high` or `low` in the reader's language, else an empty text."""
    flag = reading.flag if reading else ""
    return {"high": _("high"), "low": _("low")}.get(flag, "")
