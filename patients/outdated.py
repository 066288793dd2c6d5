"""Calculated values that were stored before another form of the visit changed: shown, listed, never rewritten silently.

A score belongs to who saved it: it is worked out anew when its form is saved again, and until then it says so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from patients.casebook import Casebook, Place
from patients.judging import judge
from patients.models import Record
from trials.protocol_items import Form, Item


@dataclass(frozen=True, slots=True)
class Outdated:
    """One calculated item of a record: what is stored, and what the answers give now (None: nothing)."""

    record: Record
    item: Item
    stored: Any
    now: Any


def outdated_items(form: Form, stored: Mapping[str, Any], now: Mapping[str, Any]) -> list[Item]:
    """The calculated items whose stored value is not the one that the answers give now."""
    return [item for item in form.items if item.is_calculated and stored.get(item.name) != now.get(item.name)]


def outdated(casebook: Casebook) -> Iterator[Outdated]:
    """Every outdated value of a patient's records at visits, each read under its own protocol version."""
    visits = {visit.pk: visit for visit in casebook.visits}
    for record in casebook.records:
        visit = visits.get(record.visit_id or 0)
        if record.state == Record.State.STRUCK_OUT or visit is None:
            continue
        current = casebook.patient.protocol
        version = current if record.protocol_id == current.pk else record.protocol
        form = version.rules.form(record.form)
        place = Place(casebook.patient, tuple(casebook.visits), visit, version, form)
        rules = version.rules.evaluation.form(record.form)
        if any(item.is_calculated for item in form.items):
            now = judge(form, rules, casebook.scope(place, record.values)).values
            for item in outdated_items(form, record.values, now):
                yield Outdated(record, item, record.values.get(item.name), now.get(item.name))
