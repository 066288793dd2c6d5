"""Names that only the expressions of outcomes may use: all visits, all events and all infusions of a patient."""

from protocol.document.document import Protocol
from protocol.expressions.kinds import DAY, INSTANT, LOGIC, NUMBER, TEXT, ItemKind, Kind
from protocol.expressions.names import kinds_of_items, names_everywhere, visit_names
from protocol.expressions.types import Names

NO_INTEREST = "none"
INFUSION_COLUMNS = {"number": NUMBER, "started_at": INSTANT, "ended_at": INSTANT}


def outcome_names(protocol: Protocol) -> Names:
    """Return the names of an endpoint and of a population.

    Beside those of every form: ``visits.form``, a row for each visit with the form's items, ``visit`` and
    ``visit_date``; day 0, first infusion, death, last contact and all infusions of the patient under ``subject``.
    """
    known = names_everywhere(protocol)
    visit = {"visit": visit_names(protocol)["visit.code"], "visit_date": DAY}
    visits = {
        f"visits.{code}": ItemKind(Kind.ROWS, columns={**kinds_of_items(form.items), **visit})
        for code, form in protocol.forms.items()
        if code not in protocol.logs
    }
    subject = {
        "subject.day_zero": DAY,
        "subject.first_infusion_at": INSTANT,
        "subject.first_infusion_ended_at": INSTANT,
        "subject.died_on": DAY,
        "subject.last_contact_on": DAY,
        "subject.infusions": ItemKind(Kind.ROWS, columns=INFUSION_COLUMNS),
    }
    return {**known, **visits, **subject}


def event_names(protocol: Protocol) -> Names:
    """Return the names of a condition on one adverse event: those of an endpoint, and ``event``."""
    aesi = (*(each.code for each in protocol.safety.aesi), NO_INTEREST)
    return {
        **outcome_names(protocol),
        "event.term": TEXT,
        "event.onset": INSTANT,
        "event.grade": NUMBER,
        "event.serious": LOGIC,
        "event.fatal": LOGIC,
        "event.related": LOGIC,
        "event.expected": LOGIC,
        "event.aesi": ItemKind(Kind.TEXT, aesi),
    }
