"""Calculated values that differ from what the answers give now, because another form changed after the save.

They are shown and listed, never rewritten by the system: a score is calculated again when a person saves its form.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch

from patients.casebook.casebook import Casebook, FormPlace
from patients.casebook.edit_checks import checked
from patients.models import Patient, Record
from patients.participation.consents.consent import consents_of
from protocol.document.items import Form, Item
from protocol.expressions.rules import rules_of
from trials.models import ProtocolVersion, Trial


@dataclass(frozen=True, slots=True)
class Outdated:
    """One outdated calculated item of a record: the stored value and the current result (None: no value)."""

    record: Record
    item: Item
    stored: Any
    now: Any


def outdated_items(form: Form, stored: Mapping[str, Any], now: Mapping[str, Any]) -> list[Item]:
    """Return the calculated items whose stored value differs from the current result."""
    return [item for item in form.items if item.is_calculated and stored.get(item.name) != now.get(item.name)]


def outdated(casebook: Casebook) -> Iterator[Outdated]:
    """Yield every outdated value of a patient's records at visits, each under its own protocol version."""
    for record in casebook.records:
        yield from _outdated_of_record(casebook, record)


def _outdated_of_record(casebook: Casebook, record: Record) -> Iterator[Outdated]:
    visit = next((visit for visit in casebook.visits if visit.pk == record.visit_id), None)
    if record.state == Record.State.STRUCK_OUT or visit is None:
        return
    version = casebook.version(record.protocol_id)
    form, rules = version.rules.form(record.form), rules_of(version.rules).form(record.form)
    if rules.calculates_from_elsewhere:
        place = FormPlace(casebook.patient, visit, version, form)
        now = checked(casebook, place, record.values).values
        for item in outdated_items(form, record.values, now):
            yield Outdated(record, item, record.values.get(item.name), now.get(item.name))


def outdated_of(trial: Trial, records: Iterable[Record]) -> dict[int, list[Outdated]]:
    """Return the outdated values by record key. At most five queries, whatever the number of records.

    Reads record.protocol. No query if none of the forms calculates from data outside the form.
    """
    rows = [row for row in records if row.visit_id and _calculates_from_other_forms(row.protocol, row.form)]
    known = casebooks_of(trial, {row.patient_id for row in rows}) if rows else {}
    found = {row.pk: list(_outdated_of_record(known[row.patient_id], row)) for row in rows}
    return {key: values for key, values in found.items() if values}


def outdated_by_patient(trial: Trial) -> dict[int, int]:
    """Return the number of outdated values by key of the patients who have forms that can be. At most six queries.

    Reads only the forms that calculate from outside and those that their rules read.
    """
    forms = forms_from_elsewhere(trial)
    calculating = Record.objects.filter(patient__trial=trial, form__in=forms, visit__isnull=False)
    patients = calculating.order_by().values_list("patient_id", flat=True).distinct()
    books = casebooks_of(trial, patients, forms=forms | _read_by(trial, forms)) if forms else {}
    return {pk: sum(1 for _each in outdated(book)) for pk, book in books.items()}


def _read_by(trial: Trial, forms: Iterable[str]) -> set[str]:
    versions = ProtocolVersion.objects.filter(trial=trial).defer("text")
    rules = [rules_of(row.rules).form(form) for row in versions for form in forms if form in row.rules.forms]
    return {read for each in rules for read in each.reads}


def forms_from_elsewhere(trial: Trial) -> set[str]:
    """Return the forms that, in any protocol version, calculate from data outside the form. One query."""
    versions = ProtocolVersion.objects.filter(trial=trial).defer("text")
    return {code for row in versions for code in row.rules.forms if _calculates_from_other_forms(row, code)}


def casebooks_of(
    trial: Trial, patients: Iterable[int], *, forms: Collection[str] | None = None
) -> dict[int, Casebook]:
    """Return the casebooks of patients of a trial by patient key, without locks: read-only. At most five queries.

    forms: hold only the records of these forms.
    """
    records = Record.objects.all() if forms is None else Record.objects.filter(form__in=forms)
    wanted = ("consents", "visits", Prefetch("records", records))
    rows = list(Patient.objects.filter(trial=trial, pk__in=patients).prefetch_related(*wanted))
    versions = _versions(trial, rows)
    found = {}
    for patient in rows:
        patient.trial, patient.protocol = trial, versions[patient.protocol_id]
        captured = sorted(patient.records.all(), key=lambda record: record.pk)
        consents = consents_of(patient)
        visits = list(patient.visits.all())
        found[patient.pk] = Casebook(
            patient, visits, _records=captured, _consents=consents, _versions=versions
        )
    return found


def _versions(trial: Trial, patients: Iterable[Patient]) -> dict[int, ProtocolVersion]:
    """Return the protocol versions of the patients and their records. No query if the trial's own is the only one."""
    known = {trial.protocol_id: trial.protocol} if trial.protocol_id and trial.protocol else {}
    needed = {row.protocol_id for row in patients}
    needed |= {record.protocol_id for row in patients for record in row.records.all()}
    if earlier := needed - known.keys():
        known |= ProtocolVersion.objects.in_bulk(earlier)
    return known


def _calculates_from_other_forms(version: ProtocolVersion, form: str) -> bool:
    return rules_of(version.rules).form(form).calculates_from_elsewhere
