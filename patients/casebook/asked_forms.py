"""The forms of a visit without those that would ask this patient nothing.

A test of pregnancy asks a man nothing, nor does a form of an infusion that was not given.
"""

from patients.casebook.casebook import Casebook
from patients.models import Record, Visit
from protocol.document.design import VisitForm


def asked_forms(casebook: Casebook, visit: Visit) -> list[VisitForm]:
    """Return the forms of a visit: required ones, begun ones, and those of the others that have a question to ask."""
    here = [record for record in casebook.records if record.visit_id == visit.pk]
    begun = {record.form for record in here if record.state != Record.State.STRUCK_OUT}
    return [
        entry
        for entry in casebook.forms_at(visit)
        if entry.when == "required"
        or entry.form in begun
        or not (_is_omitted(casebook, entry) or _asks_nothing(casebook, visit, entry.form))
    ]


def _is_omitted(casebook: Casebook, entry: VisitForm) -> bool:
    """Return True if the form follows an infusion that is recorded as not given."""
    return entry.after_infusion in casebook.patient.omitted_infusions


def _asks_nothing(casebook: Casebook, visit: Visit, code: str) -> bool:
    """Return True if known answers hide every item, themselves or through an item that they hide."""
    try:
        place = casebook.place(code, visit.key)
    except LookupError:
        return False
    asked = [item.name for item in place.form.items if not item.is_calculated]
    if any(place.form.item(name).shown_when is None for name in asked):
        return False
    scope = casebook.scope(place, {})
    hidden = place.rules.ruled_out(scope)
    waiting = [name for name in asked if name not in hidden]
    return bool(hidden) and all(set(place.rules.waits_for(name, scope)) <= hidden for name in waiting)
