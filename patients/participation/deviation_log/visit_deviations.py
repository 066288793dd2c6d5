"""Deviations found at visits: a visit missed, or held outside its window."""

from accounts.models import User
from audit.stored_text import system_text
from patients.models import Deviation, DeviationPlace, Patient, Visit
from patients.participation.deviation_log.deviations import FoundDeviation, reconcile
from patients.participation.visit_status import required_at
from protocol.document.document import Protocol

Category = Deviation.Category
CATEGORIES = (Category.VISIT_WINDOW, Category.ASSESSMENT)


def note_visit(patient: Patient, visit: Visit, by: User) -> None:
    """Open or take back the deviation of a visit that was just held, missed or corrected. Reads the version it has.

    No deviation: a visit without required forms, one whose window follows the end of study, and the day of an
    infusion, whose own window is judged with the infusion.
    """
    visit_rules = patient.protocol.rules
    if visit.protocol_id not in {None, patient.protocol_id} and visit.protocol is not None:
        visit_rules = visit.protocol.rules
    category = _category(visit_rules, patient, visit)
    reconcile(
        patient=patient,
        place=DeviationPlace.VISIT,
        categories=CATEGORIES,
        keys=[visit.key],
        found={(category, visit.key): _fact(patient, visit)} if category else {},
        by=by,
    )


def _category(rules: Protocol, patient: Patient, visit: Visit) -> str:
    """Return the category of the visit's deviation, an empty text without one."""
    first, last = visit.window_from, visit.window_to
    planned = next((each for each in rules.visits if each.code == visit.code), None)
    if planned is None or first is None or last is None or not required_at(rules, visit.code):
        return ""
    if visit.state == Visit.State.MISSED:
        after_the_end = patient.ended_on is not None and first > patient.ended_on
        return "" if after_the_end else Category.ASSESSMENT
    held = visit.held_on if visit.state == Visit.State.HELD else None
    if held is None or planned.kind == "infusion" or first <= held <= last:
        return ""
    return Category.VISIT_WINDOW


def _fact(patient: Patient, visit: Visit) -> FoundDeviation:
    first, last, held = visit.window_from, visit.window_to, visit.held_on
    if held is None:
        text = system_text("deviation.visit_missed", visit.missed_reason, visit=visit.key)
        # It may be known before the window is over that the patient will not come.
        return FoundDeviation(min(last or patient.trial.today, patient.trial.today), text)
    text = system_text("deviation.visit_day", visit=visit.key, day=held, first=first, last=last)
    return FoundDeviation(held, text)
