"""The forms and logs of a patient: all that are offered, and those that would ask this patient something.

A test of pregnancy asks a man nothing, nor does a form of an infusion that was not given.
"""

from collections.abc import Sequence

from patients.casebook.casebook import Casebook
from patients.models import Record, Visit
from patients.models.visit_forms import asks_everybody, day_of, forms_of, version_at
from protocol.document.design import VisitForm


def offered_forms(casebook: Casebook, visit: Visit, here: Sequence[Record] | None = None) -> list[VisitForm]:
    """Return the forms of a visit: those the protocol asks for, then captured ones that it no longer asks for.

    here: the records of the visit, if they are sorted out already.
    """
    cancelled = visit.state == Visit.State.CANCELLED
    asked = () if cancelled else forms_of(casebook.patient.protocol, visit)
    rules = version_at(casebook.patient.protocol, visit).rules
    allowed, day = casebook.patient.allows_form, day_of(visit)
    given = casebook.patient.given_infusions
    entries = [
        each.for_patient(given) if allowed(rules.form(each.form), day) else each.if_available
        for each in asked
    ]
    known = {entry.form for entry in entries}
    captured = casebook.records_at(visit) if here is None else here
    rows = [record for record in captured if record.form not in known]
    begun = dict.fromkeys(record.form for record in rows if record.state != Record.State.STRUCK_OUT)
    return [*entries, *(VisitForm(form=form, when="available") for form in begun)]


def offered_logs(casebook: Casebook) -> list[str]:
    """Return the logs of the protocol, then logs with entries that it no longer has."""
    planned = casebook.patient.protocol.rules.logs
    begun = (record.form for record in casebook.records if record.visit_id is None)
    return list(dict.fromkeys([*planned, *begun]))


def asked_forms(casebook: Casebook, visit: Visit, here: Sequence[Record] | None = None) -> list[VisitForm]:
    """Return the forms of a visit: required ones, begun ones, and those of the others that have a question to ask.

    here: the records of the visit, if they are sorted out already.
    """
    captured = casebook.records_at(visit) if here is None else here
    begun = {record.form for record in captured if record.state != Record.State.STRUCK_OUT}
    return [
        entry
        for entry in offered_forms(casebook, visit, captured)
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
    own = casebook.patient.protocol.rules.forms.get(code)
    if own is not None and asks_everybody(own) and not casebook.patient.reconsent_version:
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
