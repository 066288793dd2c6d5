"""Tables of adverse events in an export: events, grades over time, links, clocks of the sponsor."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_noop

from exports.tables.columns import PATIENT, TableColumn, column
from safety.models import AdverseEvent, CaseClock, EventGrade, EventLink
from trials.models import Trial

EVENT = column("event", "Number of the adverse event", "event__number")
EVENT_TABLES: dict[str, tuple[TableColumn, ...]] = {
    "adverse_events": (
        PATIENT,
        column("number", "Number"),
        column("kind", "Kind of report; empty for an adverse event and nothing else"),
        column("term", "Term as reported", free_text=True),
        column("description", "Description", free_text=True),
        column("onset", "Onset (ISO 8601 prefix, or date and time with zone)"),
        column("ongoing", "Ongoing (Y/N)"),
        column("end", "End"),
        column("grade", "CTCAE grade"),
        column("serious", "Serious (derived)"),
        column("results_in_death", "Results in death"),
        column("life_threatening", "Life-threatening"),
        column("hospitalisation", "Hospitalisation or prolongation"),
        column("disability", "Persistent disability"),
        column("congenital_anomaly", "Congenital anomaly"),
        column("medically_important", "Other medically important"),
        column("none_of_these", "None of the six criteria (explicit)"),
        column("causality", "Causality (investigator)"),
        column("causality_infusion", "Causality of the infusion procedure (investigator)"),
        column("causality_premedication", "Causality of the premedication (investigator)"),
        column("causality_procedure", "Causality of a study procedure (investigator)"),
        column("causality_disease", "Causality of the disease (investigator)"),
        column("related", "Related by either opinion (derived; missing counts as related)"),
        column("treatment", "Treatment given for the event", free_text=True),
        column("outcome", "Outcome"),
        column("action_taken", "Action taken with the product"),
        column("aesi", "Category of special interest"),
        column("aware", "Site aware at"),
        column("serious_aware", "Site aware that it is serious at"),
        column("draft_clock_at", "Clock started by the draft at (UTC)"),
        column("due_at", "Report to the sponsor due at (UTC)"),
        column("reported", "Reported to the sponsor at"),
        column("reported_entered_at", "Report to the sponsor entered at (UTC)"),
        column("late_reason", "Reason for a late report", free_text=True),
        column("sponsor_aware", "Sponsor aware at"),
        column("sponsor_causality", "Causality (sponsor)"),
        column("sponsor_causality_infusion", "Causality of the infusion procedure (sponsor)"),
        column("sponsor_causality_premedication", "Causality of the premedication (sponsor)"),
        column("sponsor_causality_procedure", "Causality of a study procedure (sponsor)"),
        column("sponsor_causality_disease", "Causality of the disease (sponsor)"),
        column("expectedness", "Expectedness (sponsor)"),
        column("reference_version", "Version of the reference safety information"),
        column("sponsor_comment", "Comment of the sponsor", free_text=True),
        column("case_due_at", "Report to the authority due at (UTC), whether or not one was sent"),
        column("in_error_reason", "Entered in error because", free_text=True),
        column("after_lock_reason", "Reported after the lock because", free_text=True),
        column("recorded_at", "Recorded at (UTC)", "created_at"),
    ),
    "event_grades": (
        PATIENT,
        EVENT,
        column("number", "Number of the grade"),
        column("grade", "CTCAE grade"),
        column("since", "Since (ISO 8601 prefix, or date and time with zone)"),
        column("in_error_reason", "Entered in error because", free_text=True),
        column("after_lock_reason", "Reported after the lock because", free_text=True),
        column("recorded_at", "Recorded at (UTC)"),
    ),
    "event_links": (
        PATIENT,
        EVENT,
        column("form", "Form", "record__form"),
        column("visit", "Visit", "record__visit__code"),
        column("repeat", "Row of a log", "record__repeat"),
        column("infusion", "Number of the infusion"),
        column("role", "Relation to the event"),
        column("in_error_reason", "Entered in error because", free_text=True),
        column("after_lock_reason", "Reported after the lock because", free_text=True),
        column("recorded_at", "Recorded at (UTC)"),
    ),
    # Not what came of a case: that depends on the arm.
    "case_clocks": (
        PATIENT,
        EVENT,
        column("kind", "Clock of the sponsor"),
        column("starts_at", "Starts at (UTC)"),
        column("due_at", "Due at (UTC)"),
        column("site_due_at", "Due by the awareness of the site (UTC)"),
        column("recorded_at", "Recorded at (UTC)"),
    ),
}
EVENT_TITLES = {
    "adverse_events": gettext_noop("Adverse events"),
    "event_grades": gettext_noop("Grades of the adverse events"),
    "event_links": gettext_noop("Links of the adverse events"),
    "case_clocks": gettext_noop("Clocks of the sponsor"),
}


def event_rows(trial: Trial) -> dict[str, QuerySet[Any]]:
    """Return the rows of these tables; none depends on the arm."""
    order = ("patient__number", "event__number", "pk")
    return {
        "adverse_events": AdverseEvent.objects.filter(trial=trial).order_by("patient__number", "number"),
        "event_grades": EventGrade.objects.filter(patient__trial=trial).order_by(*order),
        "event_links": EventLink.objects.filter(patient__trial=trial).order_by(*order),
        "case_clocks": CaseClock.objects.filter(patient__trial=trial).order_by(*order),
    }
