"""Flags of data quality: the only place that decides whether a value or form is flagged (DAT-06)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from patients.casebook.navigation import record_address
from patients.casebook.outdated_scores import Outdated
from patients.casebook.range_flags import reference_words
from patients.casebook.row_words import cell_label
from patients.models import Patient, Query, Record, Visit
from patients.participation.after_death import LateFact
from protocol.document.items import Form, Item
from protocol.values.parsing import Value, display, flag, is_missing
from protocol.values.reference_ranges import RangeReading, Readings, Side, is_laboratory
from trials.reader import reader_language

NOT_BEGUN, MISSING, LATE, RANGE, CHECK = "not_begun", "missing", "late", "range", "check"
OUTDATED, DECISION, CONTRADICTION = "outdated", "decision", "contradiction"
CORRECTED = "corrected"
KINDS: dict[str, str | Promise] = {
    NOT_BEGUN: gettext_lazy("Form not begun"),
    MISSING: gettext_lazy("Marked as missing"),
    LATE: gettext_lazy("Entered late"),
    RANGE: gettext_lazy("Out of range"),
    CORRECTED: gettext_lazy("Range corrected since signature"),
    CHECK: gettext_lazy("Unresolved check"),
    OUTDATED: gettext_lazy("Calculated before a change"),
    DECISION: gettext_lazy("Decision rests on changed inputs"),
    CONTRADICTION: gettext_lazy("Contradiction"),
}


@dataclass(frozen=True, slots=True)
class Flag:
    """One row of the data-quality listing. `record` is None for a form not begun and for a decision on eligibility."""

    kind: str
    patient: Patient
    visit: Visit | None
    form: str
    title: str
    record: Record | None = None
    item: str = ""
    label: str = ""
    note: str = ""
    days: int | None = None
    address: str = ""

    @property
    def pk(self) -> str:
        """Return the value of the row's checkbox."""
        return f"{self.record.pk}:{self.item}" if self.record else ""

    @property
    def askable(self) -> bool:
        """Return whether a query can be raised on the row: it needs a stored value."""
        return self.record is not None and bool(self.item)

    def url(self, slug: str) -> str:
        """Return the URL of the field, of the form, of the decision, or of what contradicts."""
        if self.kind == DECISION:
            return reverse("patients:eligibility", args=[slug, self.patient.code])
        if self.address:
            return self.address
        if self.record is not None:
            place = record_address(self.record, slug)
            return f"{place}?field={self.item}#{self.item}" if self.item else place
        visit = self.visit.key if self.visit else ""
        return reverse("patients:form", args=[slug, self.patient.code, visit, self.form])


def contradiction_flag(fact: LateFact) -> Flag:
    """Return the flag of an entry that contradicts another one, or the date of death."""
    record, language = fact.record, reader_language()
    form = record.form if record is not None else ""
    rules = fact.patient.trial.rules
    name, arguments, fragment = fact.address
    return Flag(
        kind=CONTRADICTION,
        patient=fact.patient,
        visit=fact.visit,
        form=form,
        title=rules.form(form).title.in_language(language) if form else "",
        record=record,
        item=fact.item,
        note=fact.text,
        address=f"{reverse(name, args=arguments)}{fragment}",
    )


def outside(value: Value, item: Item, reading: RangeReading | None = None) -> str:
    """Return `low`, `high` or an empty text: by the reference range, or else by the soft limits of the item.

    reading: position of a laboratory value in its range; soft limits never replace a reference range (LAB-03).
    """
    return reading.flag if reading else flag(value, item)


def days_to_entry(record: Record, *, zone: tzinfo, now: datetime) -> int | None:
    """Return the days from the visit to the completion of the form, or to now; None without a held visit."""
    if record.visit is None or record.visit.held_on is None:
        return None
    entered: date = (record.completed_at or now).astimezone(zone).date()
    return (entered - record.visit.held_on).days


def item_flags(
    form: Form, values: dict[str, Any], readings: Readings, *, kind_wanted: str = ""
) -> Iterator[tuple[str, Item, str, str]]:
    """Yield (kind, item, label, note) of values marked as missing or out of range, table cells included."""
    language = reader_language()
    for item in form.items:
        value = values.get(item.name)
        if value is None:
            continue
        # A laboratory value without a reading is not flagged: its soft limits must not be used (LAB-03).
        unread = RangeReading(Side.NO_VALUE) if is_laboratory(form, item) else None
        reading = readings.get(item.name, unread)
        for each, column, label in _cells(item, value, language):
            for kind, note in _flags_of(each, column, reading, language):
                if kind_wanted in ("", kind):
                    yield kind, item, label, note


def _cells(item: Item, value: Any, language: str) -> Iterator[tuple[Any, Item, str]]:
    label = item.label.in_language(language)
    if not item.columns or not isinstance(value, list):
        yield value, item, label
        return
    for number, row in enumerate(value, start=1):
        for column in item.columns:
            yield row.get(column.name), column, f"{label} {number}, {column.label.in_language(language)}"


def _flags_of(
    value: Value, item: Item, reading: RangeReading | None, language: str
) -> Iterator[tuple[str, str]]:
    if is_missing(value):
        yield MISSING, display(value, item, language, _)
        return
    side, corrected = outside(value, item, reading), reading is not None and reading.now is not None
    if not side and not corrected:
        return
    side_text = {"high": _("high"), "low": _("low")}.get(side, "")
    texts = "; ".join(part for part in (side_text, reference_words(reading, item, language)) if part)
    note = f"{display(value, item, language, _)} ({texts})"
    if side:
        yield RANGE, note
    if corrected:
        yield CORRECTED, note


def record_flags(
    record: Record,
    readings: Readings,
    checks: Sequence[Query],
    outdated: Sequence[Outdated],
    *,
    late: int | None,
    kind_wanted: str,
) -> list[Flag]:
    """Return the flags of one record. late: days to entry if they exceed the threshold."""
    form, language = record.protocol.rules.form(record.form), reader_language()
    here: dict[str, Any] = {
        "patient": record.patient,
        "visit": record.visit,
        "form": record.form,
        "title": form.title.in_language(language),
        "record": record,
    }
    found = []
    if late is not None and kind_wanted in ("", LATE):
        found.append(Flag(kind=LATE, note=_late_words(record, late), days=late, **here))
    if kind_wanted in ("", MISSING, RANGE, CORRECTED):
        for kind, item, label, note in item_flags(form, record.values, readings, kind_wanted=kind_wanted):
            found.append(Flag(kind=kind, item=item.name, label=label, note=note, **here))
    for query in checks:
        label = _asked(query, form, record.values)
        found.append(Flag(kind=CHECK, item=query.item, label=label, note=query.text, **here))
    for each in outdated:
        label, note = each.item.label.in_language(language), _outdated_words(each, language)
        found.append(Flag(kind=OUTDATED, item=each.item.name, label=label, note=note, **here))
    return found


def _asked(query: Query, form: Form, values: Mapping[str, Any]) -> str:
    item = form.item(query.item) if query.item in form else None
    if query.row:
        return cell_label(item, values, query)
    return item.label.in_language(reader_language()) if item else query.item


def _outdated_words(found: Outdated, language: str) -> str:
    stored, now = (
        display(value, found.item, language, _) or _("nothing") for value in (found.stored, found.now)
    )
    parameters = {"stored": stored, "now": now}
    return _("stored: %(stored)s; the answers give %(now)s now: save the form again") % parameters


def _late_words(record: Record, days: int) -> str:
    if record.completed_at is None:
        return _("not complete %(days)s days after the visit") % {"days": days}
    return _("complete %(days)s days after the visit") % {"days": days}
