"""The forms of a visit under the version it was held under, its day and title, and the order of visits."""

from collections.abc import Iterable, Sequence
from datetime import date
from operator import attrgetter
from typing import Any, TypeVar, cast

from patients.models.captured import Visit
from protocol.document.design import UNSCHEDULED, VisitForm
from protocol.document.items import Form
from trials.models import ProtocolVersion

V = TypeVar("V", bound=Any)


def asks_everybody(form: Form) -> bool:
    """Return whether an item of the form is entered and always shown."""
    return any(item.shown_when is None and not item.is_calculated for item in form.items)


def day_of(visit: Visit) -> date | None:
    """Return the day on which a visit was held, else the day for which it is planned, else None."""
    return visit.held_on or visit.planned_on


def in_order(visits: Iterable[V]) -> list[V]:
    """Return visits in the order in which they take place; one without a date follows its predecessor.

    visits: rows of `Visit`, or tuples with its id, position, number and days.
    """
    planned = sorted(visits, key=attrgetter("position", "number"))
    days: dict[int, date] = {}
    latest = date.min
    # `id`, not `pk`, which is two more calls: this runs for every visit at every live check.
    for visit in planned:
        latest = visit.held_on or visit.planned_on or latest
        days[visit.id] = latest
    return sorted(planned, key=lambda visit: (days[visit.id], visit.position, visit.number))


def forms_of(protocol: ProtocolVersion, visit: Visit) -> Sequence[VisitForm]:
    """Return the forms that a visit asks for, by the version it was held under, else by `protocol`."""
    rules = version_at(protocol, visit).rules
    try:
        return rules.visit(visit.code).forms
    except KeyError:
        return rules.unscheduled.forms if visit.code == UNSCHEDULED else ()


def version_at(protocol: ProtocolVersion, visit: Visit) -> ProtocolVersion:
    """Return the version a visit was held under, else `protocol`. Reads visit.protocol if it is another."""
    has_own_version = visit.protocol_id is not None and visit.protocol_id != protocol.pk
    return cast(ProtocolVersion, visit.protocol) if has_own_version else protocol


def has_form(version: ProtocolVersion, form: str, visit: Visit | None) -> bool:
    if form not in version.rules.forms:
        return False
    if visit is None:
        return form in version.rules.logs
    return form in {entry.form for entry in forms_of(version, visit)}


def visit_title(protocol: ProtocolVersion, visit: Visit, language: str, unscheduled: str) -> str:
    """Return the title of a visit in the protocol; for an unscheduled visit `unscheduled` and its number."""
    try:
        return version_at(protocol, visit).rules.visit(visit.code).title.in_language(language)
    except KeyError:
        return f"{unscheduled} {visit.number}" if visit.code == UNSCHEDULED else visit.key
