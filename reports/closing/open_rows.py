"""The exact list behind a number of the checklist that no listing of its own shows: one row for each thing counted."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from accounts.addresses import address
from patients.casebook.navigation import form_address, record_address
from patients.models import Patient, Record, Visit
from patients.participation.visit_status import OPEN_PATIENTS, required_of
from protocol.document.items import Form, Item
from protocol.values.parsing import is_missing
from reports.closing import counts
from reports.closing.counts import TrialRows
from reports.closing.deaths import deaths_disagreeing
from safety.models import EventDraft
from trials.reader import reader_language, shown_day

Patients = list[int]


class OpenRow(NamedTuple):
    """One thing that is open: of which patient, what it is, and the page on which it is settled."""

    patient: str
    words: str
    url: str


def open_rows(point: str, trial_rows: TrialRows, patient: str = "") -> list[OpenRow] | None:
    """Return the rows that a point counts, of one patient or all; None for a point with a listing of its own.

    patient: a part of the subject code. One to three queries.
    """
    if point not in ROWS:
        return None
    patients = [row.pk for row in trial_rows.patients if patient.casefold() in row.code.casefold()]
    return list(ROWS[point](trial_rows, patients))


def _in_study(trial_rows: TrialRows, patients: Patients) -> Iterator[OpenRow]:
    for row in Patient.objects.filter(pk__in=patients, state__in=OPEN_PATIENTS).order_by("number"):
        yield OpenRow(
            row.code, row.get_state_display(), address("reports:casebook", trial_rows.trial.slug, row.code)
        )


def _visits(trial_rows: TrialRows, patients: Patients) -> Iterator[OpenRow]:
    found = counts.open_visits(trial_rows.trial.today, trial_rows.died_on, **trial_rows.who)
    rows = found.filter(patient__in=patients)
    for visit in rows.select_related("patient").order_by("patient__number", "position", "number"):
        planned = _("%(visit)s, planned on %(day)s")
        words = planned % {"visit": visit.key, "day": shown_day(visit.planned_on)}
        yield OpenRow(visit.patient.code, words, _visit_page(trial_rows, visit))


def _infusions(trial_rows: TrialRows, patients: Patients) -> Iterator[OpenRow]:
    rows = counts.open_infusions(**trial_rows.who).filter(patient__in=patients).select_related("patient")
    for row in rows.order_by("patient__number", "number"):
        url = address("dosing:infusion", trial_rows.trial.slug, row.patient.code, row.number)
        yield OpenRow(row.patient.code, _("Infusion %(number)d") % {"number": row.number}, url)


def _bedside(trial_rows: TrialRows, patients: Patients) -> Iterator[OpenRow]:
    for row, gaps in trial_rows.gaps:
        if row.patient_id in patients:
            url = address("dosing:bedside", trial_rows.trial.slug, row.patient.code, row.number)
            for gap in gaps:
                told = {"number": row.number, "missing": gap.words}
                yield OpenRow(row.patient.code, _("Infusion %(number)d: %(missing)s") % told, url)


def _missing_forms(trial_rows: TrialRows, patients: Patients) -> Iterator[OpenRow]:
    held = Visit.objects.visible_in(**trial_rows.who).filter(state=Visit.State.HELD, patient__in=patients)
    begun: dict[int, set[str]] = defaultdict(set)
    records = Record.objects.filter(patient__in=patients, visit__isnull=False)
    for visit, form in records.exclude(state=Record.State.STRUCK_OUT).values_list("visit_id", "form"):
        begun[visit].add(form)
    for row in held.select_related("patient").order_by("patient__number", "position", "number"):
        rules = trial_rows.rules[row.patient.protocol_id]
        for form in sorted(required_of(row.patient, rules, row.code, row.held_on) - begun[row.pk]):
            words = f"{row.key} · {_title(rules.form(form))}"
            yield OpenRow(
                row.patient.code, words, form_address(row.patient, form, row, slug=trial_rows.trial.slug)
            )


def _calculations(trial_rows: TrialRows, patients: Patients) -> Iterator[OpenRow]:
    for record, form in _complete(trial_rows, patients):
        for item in form.items:
            if item.is_calculated and item.shown_when is None and item.name not in record.values:
                yield _of_item(trial_rows, record, form, item)


def _missing_items(trial_rows: TrialRows, patients: Patients) -> Iterator[OpenRow]:
    for record, form in _complete(trial_rows, patients):
        for name, value in record.values.items():
            if is_missing(value) and name in form:
                yield _of_item(trial_rows, record, form, form.item(name))


def _complete(trial_rows: TrialRows, patients: Patients) -> Iterator[tuple[Record, Form]]:
    rows = Record.objects.visible_in(**trial_rows.who).filter(
        state=Record.State.COMPLETE, patient__in=patients
    )
    for record in rows.select_related("patient", "visit").order_by("patient__number", "pk"):
        yield record, trial_rows.rules[record.protocol_id].form(record.form)


def _deaths(trial_rows: TrialRows, patients: Patients) -> Iterator[OpenRow]:
    disagreeing = [pk for pk in deaths_disagreeing(trial_rows.trial) if pk in set(patients)]
    for patient in Patient.objects.filter(pk__in=disagreeing).order_by("number"):
        events = address("safety:listing", trial_rows.trial.slug)
        yield OpenRow(patient.code, _("Adverse events and date of death"), f"{events}?patient={patient.code}")


def _event_drafts(trial_rows: TrialRows, patients: Patients) -> Iterator[OpenRow]:
    rows = EventDraft.objects.visible_in(**trial_rows.who).filter(
        state=EventDraft.State.OPEN, patient__in=patients
    )
    for draft in rows.select_related("patient").order_by("patient__number", "number"):
        page = address("safety:report", trial_rows.trial.slug, draft.patient.code)
        yield OpenRow(draft.patient.code, draft.term or _("no term yet"), f"{page}?draft={draft.number}")


def _of_item(trial_rows: TrialRows, record: Record, form: Form, item: Item) -> OpenRow:
    place = record.visit.key if record.visit else str(record.repeat)
    words = f"{place} · {_title(form)} · {item.label.in_language(reader_language())}"
    url = f"{record_address(record, trial_rows.trial.slug)}?field={item.name}#{item.name}"
    return OpenRow(record.patient.code, words, url)


def _title(form: Form) -> str:
    return form.title.in_language(reader_language())


def _visit_page(trial_rows: TrialRows, visit: Any) -> str:
    return address("patients:visit", trial_rows.trial.slug, visit.patient.code, visit.key)


ROWS: dict[str, Callable[[TrialRows, Patients], Iterator[OpenRow]]] = {
    "in_study": _in_study,
    "visits": _visits,
    "infusions": _infusions,
    "bedside": _bedside,
    "missing_forms": _missing_forms,
    "calculations": _calculations,
    "missing_items": _missing_items,
    "deaths": _deaths,
    "event_drafts": _event_drafts,
}
