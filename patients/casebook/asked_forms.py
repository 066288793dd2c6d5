"""The forms of a visit without those that would ask this patient nothing.

A test of pregnancy asks a man nothing, nor does a form of an infusion that was not given.
"""

from collections.abc import Sequence

from patients.casebook.casebook import Casebook, asks_everybody
from patients.models import Record, Visit
from protocol.document.design import VisitForm


def asked_forms(casebook: Casebook, visit: Visit, here: Sequence[Record] | None = None) -> list[VisitForm]:
    """Return the forms of a visit: required ones, begun ones, and those of the others that have a question to ask.

    here: the records of the visit, if they are sorted out already.
    """
    captured = casebook.records_at(visit) if here is None else here
    begun = {record.form for record in captured if record.state != Record.State.STRUCK_OUT}
    return [
        entry
        for entry in casebook.forms_at(visit, captured)
        if entry.when == "required"
        or entry.form in begun
        or not (_is_omitted(casebook, entry) or _asks_nothing(casebook, visit, entry.form))
    ]


def _is_omitted(casebook: Casebook, entry: VisitForm) -> bool:
    """Return True if the form follows an infusion that is recorded as not given."""
    return entry.after_infusion in casebook.patient.omitted_infusions


def _asks_nothing(casebook: Casebook, visit: Visit, code: str) -> bool:
    """Return True if known answers hide every item, themselves or through an item that they hide."""
    # The patient's own version decides as long as no amendment waits for a consent: no need to look at the place.
    if code in casebook.always_asking and not casebook.patient.reconsent_version:
        return False
    try:
        place = casebook.place_at(code, visit)
    except LookupError:
        return False
    if asks_everybody(place.form):
        return False
    asked = [item for item in place.form.items if not item.is_calculated]
    scope = casebook.scope(place, {})
    hidden = place.rules.ruled_out(scope)
    waiting = [item.name for item in asked if item.name not in hidden]
    return bool(hidden) and all(set(place.rules.waits_for(name, scope)) <= hidden for name in waiting)
