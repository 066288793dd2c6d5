"""Judges the records of some patients by a condition: read together, in a fixed number of queries where it can be.

The records of a condition on other forms, visits or the subject are evaluated in the scope of the casebook, as an edit
check is. A draft counts, a record entered in error does not.
"""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet

from dosing.masked.results import value_of
from dosing.models import MaskedResult
from patients.casebook.casebook import Casebook
from patients.models import Consent, Patient, Record, Visit
from protocol.document.document import Protocol
from protocol.expressions.compiled import Undetermined
from protocol.expressions.question_names import AskedCondition
from protocol.expressions.scope import Scope
from reports.own_questions.course import courses_of
from reports.own_questions.scopes import RecordScopes

Answers = tuple[bytes, bytes]
"""Keys of the records of one patient for which the condition is true, and of those for which it is undetermined.

Both in the order of the visits, as bytes of `keys_of`.
"""
KEYS = "q"
MaskedValues = Mapping[tuple[int, str], Mapping[str, Any]]
"""By visit and form, the values of its masked items."""


def keys_of(packed: bytes) -> "array[int]":
    """Return the keys of records that were packed as bytes."""
    return array(KEYS, packed)


def evaluated(asked: AskedCondition, rules: Protocol, patients: Sequence[int]) -> dict[int, Answers]:
    """Judge the records of some patients, given by their keys; every one of them has an entry.

    One query for a condition on the record alone, seven at most for others (and one for each record whose infusion is
    read), one more with masked items. Raises EvaluationFailed.
    """
    true: dict[int, array[int]] = {key: array(KEYS) for key in patients}
    undecided: dict[int, array[int]] = {key: array(KEYS) for key in patients}
    evaluate = asked.expression.evaluate
    for key, patient, scope in _scopes(asked, rules, patients):
        answer = evaluate(scope)
        if answer is True:
            true[patient].append(key)
        elif isinstance(answer, Undetermined):
            undecided[patient].append(key)
    return {key: (true[key].tobytes(), undecided[key].tobytes()) for key in patients}


def _scopes(
    asked: AskedCondition, rules: Protocol, patients: Sequence[int]
) -> Iterator[tuple[int, int, Scope]]:
    """Yield key, patient and scope of every record that is asked about."""
    masked = masked_values(asked, rules, patients) if asked.restricted else {}
    if not asked.alone:
        yield from _in_casebooks(asked, rules, patients, masked)
        return
    code = asked.form.code
    rows = in_order(_in_force(patients).filter(form=code))
    for key, patient, visit, values in rows.values_list("pk", "patient_id", "visit_id", "values").iterator():
        yield key, patient, Scope(_with_masked(values, masked, visit, code), form=code)


def in_order(records: QuerySet[Record]) -> QuerySet[Record]:
    """Return records patient by patient in the order of visits and rows."""
    return records.order_by("patient__number", "visit__position", "visit__number", "repeat", "pk")


def _in_force(patients: Iterable[int]) -> QuerySet[Record]:
    rows: QuerySet[Record] = Record.objects.filter(patient__in=list(patients))
    return rows.exclude(state=Record.State.STRUCK_OUT)


def masked_values(asked: AskedCondition, rules: Protocol, patients: Iterable[int]) -> MaskedValues:
    """Return the masked results of the forms that a condition reads. One query. For who may know the treatment."""
    items = {(form.code, item.name): item for form in rules.masked_forms for item in form.masked_items}
    rows = MaskedResult.objects.filter(patient__in=list(patients), form__in=asked.forms).order_by()
    found: dict[tuple[int, str], dict[str, Any]] = defaultdict(dict)
    for visit, form, name, value, missing in rows.values_list("visit_id", "form", "item", "value", "missing"):
        item = items.get((form, name))
        known = value_of(item, value, missing) if item is not None else None
        if known is not None:
            found[visit, form][name] = known
    return found


def _with_masked(
    values: dict[str, Any], masked: MaskedValues, visit: int | None, form: str
) -> dict[str, Any]:
    more = masked.get((visit, form)) if visit is not None else None
    return {**values, **more} if more else values


def _in_casebooks(
    asked: AskedCondition, rules: Protocol, patients: Sequence[int], masked: MaskedValues
) -> Iterator[tuple[int, int, Scope]]:
    people = Patient.objects.filter(pk__in=patients)
    visits: dict[int, list[Visit]] = defaultdict(list)
    for visit in Visit.objects.filter(patient__in=patients).order_by("position", "number"):
        visits[visit.patient_id].append(visit)
    records: dict[int, list[Record]] = defaultdict(list)
    wanted = _in_force(patients).filter(form__in=asked.forms).order_by("pk")
    for record in wanted.only("patient_id", "visit_id", "form", "repeat", "state", "values"):
        record.values = _with_masked(record.values, masked, record.visit_id, record.form)
        records[record.patient_id].append(record)
    consents = _consents(patients) if asked.reads("subject") else {}
    courses = courses_of(patients, rules, asked.names)
    for patient in people.order_by("number"):
        book = Casebook(
            patient, visits[patient.pk], _records=records[patient.pk], _consents=consents.get(patient.pk, [])
        )
        scopes = RecordScopes(
            book, records[patient.pk], asked.forms, logs=asked.reads("logs"), course=courses[patient.pk]
        )
        for record, scope in scopes.of_form(asked.form.code):
            yield record.pk, patient.pk, scope


def _consents(patients: Iterable[int]) -> dict[int, list[Consent]]:
    found: dict[int, list[Consent]] = defaultdict(list)
    rows = Consent.objects.filter(patient__in=list(patients)).not_in_error()
    for consent in rows.order_by("given_at", "pk"):
        found[consent.patient_id].append(consent)
    return found
