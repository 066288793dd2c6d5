"""Values that another form already holds: offered beside an empty field, never filled in (DAT-01)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from patients.casebook.casebook import Casebook, FormPlace
from patients.models import Record
from patients.models.visit_forms import day_of
from protocol.document.items import Item
from protocol.values.intervals import comparator_of
from protocol.values.labels import own_text
from protocol.values.parsing import display, is_missing, typed
from trials.reader import reader_language, shown_day

OFFERED = frozenset({"integer", "decimal", "date"})


@dataclass(frozen=True, slots=True)
class KnownValue:
    """A value that another form holds: `parts` as it would be typed, `words` as it is read, `source` form and day."""

    parts: dict[str, str]
    words: str
    source: str

    @property
    def text(self) -> str:
        """Return the text of the first input."""
        return self.parts[""]


def known_values(casebook: Casebook, place: FormPlace) -> dict[str, KnownValue]:
    """Return by item the latest answer to the same item (name, type, unit) of other forms, up to this visit.

    An item that another form asks under another name is the one that the protocol file says (`known_from`). For a date
    with a time it is the last one that another form of this visit has: several forms are filled in at once.
    """
    found = _same_moment(casebook, place)
    for record in _earlier(casebook, place):
        form = record.form
        for item in place.form.items:
            if item.type in OFFERED and not item.is_calculated and item.name not in found:
                name = _asked_as(item, form)
                value = record.values.get(name)
                if value is not None and not is_missing(value) and _same_question(casebook, form, name, item):
                    found[item.name] = _known(casebook, record, item, value)
    return found


def units_of_last_time(casebook: Casebook, place: FormPlace) -> dict[str, str]:
    """Return by item the unit in which its number was entered in the patient's latest other record of the form.

    A laboratory reports in one unit. The unit is chosen beside the empty number, and a number that is complete in it
    leads on; a number is never filled in.
    """
    asked = [item for item in place.form.items if item.units]
    rows = [
        each for each in casebook.records if asked and each.form == place.form.code and not place.holds(each)
    ]
    found: dict[str, str] = {}
    for record in sorted(rows, key=lambda record: record.pk, reverse=True):
        if record.state == Record.State.STRUCK_OUT:
            continue
        for item in asked:
            value = record.values.get(item.name)
            if item.name not in found and value is not None and not is_missing(value):
                unit = value.get("unit") if isinstance(value, Mapping) else item.unit
                found[item.name] = unit or item.unit or ""
    offered = {item.name: {item.unit, *(each.unit for each in item.units)} for item in asked}
    return {name: unit for name, unit in found.items() if unit in offered[name]}


def _same_moment(casebook: Casebook, place: FormPlace) -> dict[str, KnownValue]:
    asked = [item for item in place.form.items if item.type == "datetime" and not item.is_calculated]
    if not asked or place.visit is None:
        return {}
    here = [
        record
        for record in casebook.records
        if record.visit_id == place.visit.pk and record.form != place.form.code
    ]
    for record in sorted(here, key=lambda record: record.pk, reverse=True):
        if record.state != Record.State.STRUCK_OUT and (found := _moment_of(casebook, record)) is not None:
            item, value = found
            return {asked[0].name: _known(casebook, record, item, value)}
    return {}


def _moment_of(casebook: Casebook, record: Record) -> tuple[Item, Any] | None:
    """Return the first date with a time that a record has, under the version of the patient."""
    try:
        form = casebook.patient.protocol.rules.form(record.form)
    except KeyError:
        return None
    for item in form.items:
        value = record.values.get(item.name)
        if item.type == "datetime" and isinstance(value, str) and "T" in value:
            return item, value
    return None


def _earlier(casebook: Casebook, place: FormPlace) -> Iterable[Record]:
    """Return the records of other forms at this and earlier visits, latest first."""
    order = {visit.pk: number for number, visit in enumerate(casebook.ordered_visits())}
    here = order.get(place.visit.pk, -1) if place.visit else -1
    fit = [
        record
        for record in casebook.records
        if record.form != place.form.code
        and record.state != Record.State.STRUCK_OUT
        and 0 <= order.get(record.visit_id or 0, -1) <= here
    ]
    return sorted(fit, key=lambda record: order[record.visit_id or 0], reverse=True)


def _asked_as(item: Item, form: str) -> str:
    """Return the name under which another form asks for an item."""
    code, _dot, name = (item.known_from or "").partition(".")
    return name if code == form else item.name


def _same_question(casebook: Casebook, form: str, name: str, item: Item) -> bool:
    try:
        other = casebook.patient.protocol.rules.form(form).item(name)
    except KeyError:
        return False
    return (other.type, other.unit) == (item.type, item.unit)


def _known(casebook: Casebook, record: Record, item: Item, value: Any) -> KnownValue:
    language = reader_language()
    plain: Any = own_text(value, item)
    if comparator := comparator_of(value):
        plain = {"comparator": comparator, "limit": plain}
    visit = next(visit for visit in casebook.visits if visit.pk == record.visit_id)
    day = day_of(visit)
    source = casebook.patient.protocol.rules.form(record.form).title.in_language(language)
    when = shown_day(day) or visit.key
    return KnownValue(
        parts=typed(plain, item, language),
        words=display(plain, item, language, _),
        source=f"{source}, {when}",
    )
