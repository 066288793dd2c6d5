"""Names of outcomes and of own questions: all visits, all adverse events and all infusions of a patient."""

from protocol.document.document import Protocol
from protocol.expressions.kinds import DAY, INSTANT, LOGIC, NUMBER, TEXT, ItemKind, Kind
from protocol.expressions.names import kinds_of_items, names_everywhere, visit_names
from protocol.expressions.types import Names

NO_INTEREST = "none"
INFUSIONS, EVENTS = "subject.infusions", "subject.events"
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
        INFUSIONS: ItemKind(Kind.ROWS, columns=INFUSION_COLUMNS),
    }
    return {**known, **visits, **subject}


def event_names(protocol: Protocol) -> Names:
    """Return the names of a condition on one adverse event: those of an endpoint, and ``event``."""
    of_event = {f"event.{name}": kind for name, kind in event_columns(protocol).items()}
    return {**outcome_names(protocol), **of_event}


def event_columns(protocol: Protocol) -> dict[str, ItemKind]:
    """Return the names of an adverse event that a condition may read."""
    aesi = (*(each.code for each in protocol.safety.aesi), NO_INTEREST)
    return {
        "term": TEXT,
        "onset": INSTANT,
        "grade": NUMBER,
        "serious": LOGIC,
        "fatal": LOGIC,
        "related": LOGIC,
        "expected": LOGIC,
        "aesi": ItemKind(Kind.TEXT, aesi),
    }


def course_names(protocol: Protocol) -> dict[str, ItemKind]:
    """Return the infusions given to a patient and the adverse events of a patient, as rows."""
    return {
        INFUSIONS: ItemKind(Kind.ROWS, columns=INFUSION_COLUMNS),
        EVENTS: ItemKind(Kind.ROWS, columns=event_columns(protocol)),
    }
