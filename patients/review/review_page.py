"""The content of the pages for source verification and medical review, by visit, form and item."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import BadRequest
from django.utils.translation import gettext as _

from patients.casebook.form_content import ReadLine, ReadSection, item_line
from patients.casebook.form_versions import record_sections
from patients.casebook.navigation import form_address
from patients.casebook.range_flags import readings_of
from patients.models import Mark, Patient, Record
from patients.models.visit_forms import visit_title
from patients.review import source_verification
from patients.review.marks import WHOLE, SeenVersion
from patients.review.undone_marks import UndoneMark, undone_mark_words
from protocol.values.reference_ranges import Readings
from trials.reader import reader_language

ALL = "*"
MOST = 4000


@dataclass(frozen=True, slots=True)
class ItemLine:
    """One item to tick: `value` is the value of the box, `line` the item's value as text."""

    value: str
    line: ReadLine | None
    undone: UndoneMark | None


@dataclass(frozen=True, slots=True)
class FormBlock:
    """One form with the items left to tick; `verified_items` is the number of items that have the mark already."""

    record: Record
    title: str
    url: str
    value: str
    lines: tuple[ItemLine, ...]
    verified_items: int
    sections: tuple[ReadSection, ...] = ()
    undone: UndoneMark | None = None


@dataclass(frozen=True, slots=True)
class VisitBlock:
    """The forms of one visit, or the rows of the logs."""

    key: str
    title: str
    forms: tuple[FormBlock, ...]

    @property
    def undone(self) -> int:
        """Return how many marks of the visit a later change undid."""
        notices = [form.undone for form in self.forms]
        notices += [line.undone for form in self.forms for line in form.lines]
        return sum(each is not None for each in notices)


def complete_records(patient: Patient, visit: str = "") -> list[Record]:
    """Return the complete forms of a patient, or of one visit, in the order of visits and protocol. One query."""
    rows = Record.objects.filter(patient=patient, state=Record.State.COMPLETE).select_related(
        "visit", "protocol"
    )
    found = sorted(rows, key=_visit_order)
    for record in found:
        record.patient = patient
    return [record for record in found if not visit or (record.visit and record.visit.key == visit)]


def _visit_order(record: Record) -> tuple[Any, ...]:
    visit = record.visit
    # The rows of logs belong to no visit: they come last.
    at = (visit.position, visit.number) if visit else (99_999, 0)
    order = list(record.protocol.rules.forms)
    return (*at, order.index(record.form) if record.form in order else len(order), record.repeat)


def verification_blocks(patient: Patient, visit: str = "") -> list[VisitBlock]:
    """Return by visit the forms with items to compare with their source. Five queries."""
    verified, undone = (
        source_verification.verified_items(patient),
        last_undone(patient, Mark.Kind.VERIFICATION),
    )
    waiting = [
        record
        for record in complete_records(patient, visit)
        if record.verified_at is None and source_verification.planned(record)
    ]
    readings = readings_of(patient.trial, waiting) if waiting else {}
    return _by_visit(
        (record, _to_verify(record, verified.get(record.pk, set()), undone, readings.get(record.pk, {})))
        for record in waiting
    )


def review_blocks(patient: Patient, reviewed: Mapping[int, Mark], visit: str = "") -> list[VisitBlock]:
    """Return by visit the forms without a medical review, with their content. Four queries."""
    undone = last_undone(patient, Mark.Kind.REVIEW)
    records = [record for record in complete_records(patient, visit) if record.pk not in reviewed]
    readings = readings_of(patient.trial, records) if records else {}
    return _by_visit([(record, _to_review(record, undone, readings.get(record.pk))) for record in records])


def last_undone(patient: Patient, kind: str) -> Mapping[tuple[int, str], Mark]:
    """Return by record key and item the mark that was undone last. One query."""
    # One mark of a kind stands on an item at a time, so the newest is the one undone last.
    rows = Mark.objects.filter(patient=patient, kind=kind, undone_at__isnull=False).on_forms().order_by("pk")
    return {(mark.record_id, mark.item): mark for mark in rows}


def _to_verify(
    record: Record, verified: set[str], undone: Mapping[tuple[int, str], Mark], readings: Readings
) -> FormBlock:
    form, names = record.protocol.rules.form(record.form), source_verification.to_verify(record, verified)
    language = reader_language()
    lines = tuple(
        ItemLine(
            f"{record.pk}:{record.version}:{name}",
            item_line(form, name, record.values, language, readings),
            undone_mark_words(undone.get((record.pk, name)) or undone.get((record.pk, WHOLE)), record, name),
        )
        for name in names
    )
    return _block(record, ALL if names else WHOLE, lines, len(verified))


def _to_review(
    record: Record, undone: Mapping[tuple[int, str], Mark], readings: Readings | None
) -> FormBlock:
    undone_mark = undone_mark_words(undone.get((record.pk, WHOLE)), record)
    return _block(record, WHOLE, (), 0, tuple(record_sections(record, readings)), undone_mark)


def _block(
    record: Record,
    item: str,
    lines: tuple[ItemLine, ...],
    verified_items: int,
    content: tuple[ReadSection, ...] = (),
    undone: UndoneMark | None = None,
) -> FormBlock:
    title = record.protocol.rules.form(record.form).title.in_language(reader_language())
    if record.visit is None:
        title = f"{title} {record.repeat}"
    url = form_address(record.patient, record.form, record.visit, record.repeat)
    return FormBlock(
        record, title, url, f"{record.pk}:{record.version}:{item}", lines, verified_items, content, undone
    )


def _by_visit(blocks: Iterable[tuple[Record, FormBlock]]) -> list[VisitBlock]:
    found: dict[str, list[FormBlock]] = {}
    titles: dict[str, str] = {}
    for record, block in blocks:
        key = record.visit.key if record.visit else ""
        titles[key] = where(record)
        found.setdefault(key, []).append(block)
    return [VisitBlock(key, titles[key], tuple(forms)) for key, forms in found.items()]


def where(record: Record) -> str:
    """Return the title of a record's visit in the reader's language, or that of the logs."""
    if record.visit is None:
        return _("Running logs")
    return visit_title(record.protocol, record.visit, reader_language(), _("Unscheduled visit"))


def seen_in(values: Iterable[str], blocks: Iterable[VisitBlock]) -> list[SeenVersion]:
    """Return the ticked items by record and version, from values `record:version:item` (`*`: all items shown).

    Raises BadRequest for any other value.
    """
    shown = {block.record.pk: block for visit in blocks for block in visit.forms}
    chosen: dict[tuple[int, int], list[str]] = {}
    for value in list(values)[:MOST]:
        record, version, item = _parts(value)
        items = [item]
        if item == ALL:
            items = [line.value.split(":", 2)[2] for line in shown[record].lines] if record in shown else []
        chosen.setdefault((record, version), []).extend(items)
    return [SeenVersion(record, version, tuple(items)) for (record, version), items in chosen.items()]


def _parts(value: str) -> tuple[int, int, str]:
    record, _colon, rest = value.partition(":")
    version, colon, item = rest.partition(":")
    plain = all(part.isascii() and part.isdigit() and len(part) < 19 for part in (record, version))
    if not plain or not colon:
        raise BadRequest(_("This selection does not come from this page. Open the page again."))
    return int(record), int(version), item
