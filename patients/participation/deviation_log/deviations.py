"""Deviations opened where they are found: a visit, an infusion, a criterion, an adverse event, a product.

Whoever finds one calls `open_deviation` or `reconcile` inside the transaction of its own step, under the lock of the
patient. The same place never has two deviations of one category in force.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Max, Model

from accounts.models import User
from audit.context import acting
from audit.stored_text import Text, code_of, system_text
from patients.models import Deviation, DeviationPlace, DeviationRow, Patient

CORRECTED = "deviation.corrected"
KINDS = {
    "patients.visit": DeviationPlace.VISIT,
    "dosing.infusion": DeviationPlace.INFUSION,
    "patients.eligibilitydecision": DeviationPlace.ELIGIBILITY,
    "safety.adverseevent": DeviationPlace.ADVERSE_EVENT,
    "patients.record": DeviationPlace.RECORD,
    "patients.sample": DeviationPlace.SAMPLE,
}
KEYS = {
    DeviationPlace.VISIT: "key",
    DeviationPlace.INFUSION: "number",
    DeviationPlace.ADVERSE_EVENT: "number",
    DeviationPlace.SAMPLE: "number",
}


@dataclass(frozen=True)
class FoundDeviation:
    """A deviation found at one place: its day, and the reason typed there or a sentence of the system."""

    on: date
    text: Text


def place_of(source: Model, part: str = "") -> tuple[str, str]:
    """Return (place, key) of a row that a deviation is about. part: the id of a criterion. Raises KeyError."""
    kind = KINDS[source._meta.label_lower]
    return kind, part or str(getattr(source, KEYS.get(kind, "pk")))


def open_deviation(
    *,
    patient: Patient,
    category: str,
    source: Model,
    on: date,
    text: Text,
    by: User | None,
    part: str = "",
    after_lock_reason: str = "",
    log: type[DeviationRow] = Deviation,
) -> None:
    """Open the deviation of a place, or bring the text of the one in force up to date while nobody decided on it.

    part: the criterion, if the source is a decision on eligibility. Two statements or three; call it under the lock of
    the patient.
    """
    place, key = place_of(source, part)
    found = {(category, key): FoundDeviation(on, text)}
    reconcile(
        patient=patient,
        place=place,
        categories=[category],
        keys=[key],
        found=found,
        by=by,
        after_lock_reason=after_lock_reason,
        log=log,
    )


def settle_deviation(
    *,
    patient: Patient,
    category: str,
    source: Model,
    by: User | None,
    part: str = "",
    log: type[DeviationRow] = Deviation,
) -> None:
    """Take back the deviation of a place that shows none any more.

    One on which nobody decided is struck out by the system; a classified or amended one waits for a person.
    """
    place, key = place_of(source, part)
    reconcile(patient=patient, place=place, categories=[category], keys=[key], found={}, by=by, log=log)


def reconcile(
    *,
    patient: Patient,
    place: str,
    categories: Collection[str],
    found: Mapping[tuple[str, str], FoundDeviation],
    by: User | None,
    keys: Collection[str] | None = None,
    after_lock_reason: str = "",
    log: type[DeviationRow] = Deviation,
) -> None:
    """Make the deviations of some places match what was found there, by (category, key of the place).

    keys: the places that were looked at; without them, all of this kind. One statement if there is nothing to do.
    """
    rows: Any = log._default_manager.filter(patient=patient, place=place, category__in=categories)
    if keys is not None:
        rows = rows.filter(place_key__in=keys)
    # The latest row of a place: only it can be in force.
    latest: dict[tuple[str, str], Any] = {
        (row.category, row.place_key): row for row in rows.order_by("number")
    }
    with acting(user=by, system="deviations"):
        for (category, key), fact in found.items():
            row = latest.get((category, key))
            if row is None or _opens_again(row, fact):
                more = {"after_lock_reason": after_lock_reason, "recorded_by": by}
                _create(log, patient, category=category, place=place, place_key=key, fact=fact, **more)
            elif not row.struck_out:
                _update(row, fact)
        for where, row in latest.items():
            if where not in found and not row.struck_out:
                _settle(row)


def next_number(log: type[DeviationRow], patient: Patient) -> int:
    """Return the next number of a log in a patient. The caller holds the lock of the patient."""
    rows = log._default_manager.filter(patient=patient)
    return int(rows.aggregate(last=Max("number"))["last"] or 0) + 1


def _create(log: type[DeviationRow], patient: Patient, *, fact: FoundDeviation, **columns: Any) -> None:
    log._default_manager.create(
        patient=patient,
        number=next_number(log, patient),
        occurred_on=fact.on.isoformat(),
        detected_on=patient.trial.today,
        description=fact.text,
        **columns,
    )


def _opens_again(row: Any, fact: FoundDeviation) -> bool:
    """Return whether a place whose last deviation was struck out shows a new one."""
    if not row.struck_out:
        return False
    # What a person struck out stays so while the place shows the same as then.
    by_person = code_of(row.struck_out_reason) != CORRECTED
    return not (by_person and (row.occurred_on, row.description) == (fact.on.isoformat(), fact.text))


def _update(row: Any, fact: FoundDeviation) -> None:
    stored: dict[str, Any] = {"place_corrected": ""}
    if not row.classified and row.amended_at is None:
        stored |= {"occurred_on": fact.on.isoformat(), "description": fact.text}
    _save(row, {name: value for name, value in stored.items() if getattr(row, name) != value})


def _settle(row: Any) -> None:
    decided = row.classified or row.amended_at is not None
    column = "place_corrected" if decided else "struck_out_reason"
    if not getattr(row, column):
        _save(row, {column: system_text(CORRECTED)})


def _save(row: Any, stored: Mapping[str, Any]) -> None:
    if not stored:
        return
    for name, value in {**stored, "version": row.version + 1}.items():
        setattr(row, name, value)
    row.save(update_fields=[*stored, "version"])
