"""Tables of adverse events in an export: events, grades over time, links, clocks of the sponsor."""

from dataclasses import replace
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_noop

from exports.tables.columns import PATIENT, TableColumn, col, moment
from exports.tables.description.code_lists import codes_of_scale
from safety.models import AdverseEvent, CaseClock, EventGrade, EventLink
from trials.models import Trial

EVENT = col("event", "Number of the adverse event", "event__number")
EVENT_TABLES: dict[str, tuple[TableColumn, ...]] = {
    "adverse_events": (
        PATIENT,
        col("number", "Number"),
        col("kind", "Kind of report; empty for an adverse event and nothing else"),
        col("term", "Term as reported", free_text=True),
        col("description", "Description", free_text=True),
        col("infusion", "Number of the infusion at which it began"),
        *moment("onset", "Onset", partial=True),
        col("ongoing", "Ongoing (Y/N)"),
        *moment("end", "End", partial=True),
        col("grade", "CTCAE grade"),
        col("serious", "Serious (derived)"),
        col("results_in_death", "Results in death"),
        col("life_threatening", "Life-threatening"),
        col("hospitalisation", "Hospitalisation or prolongation"),
        col("disability", "Persistent disability"),
        col("congenital_anomaly", "Congenital anomaly"),
        col("medically_important", "Other medically important"),
        col("none_of_these", "None of the six criteria (explicit)"),
        col("causality", "Causality (investigator)"),
        col("causality_infusion", "Causality of the infusion procedure (investigator)"),
        col("causality_premedication", "Causality of the premedication (investigator)"),
        col("causality_procedure", "Causality of a study procedure (investigator)"),
        col("causality_disease", "Causality of the disease (investigator)"),
        col("related", "Related by either opinion (derived; missing counts as related)"),
        col("treatment", "Treatment given for the event", free_text=True),
        col("outcome", "Outcome"),
        col("action_taken", "Action taken with the product"),
        col("aesi", "Category of special interest"),
        *moment("aware", "Site aware at"),
        *moment("serious_aware", "Site aware that it is serious at"),
        col("draft_clock_at", "Clock started by the draft at (UTC)"),
        col("due_at", "Report to the sponsor due at (UTC)"),
        *moment("reported", "Reported to the sponsor at"),
        col("reported_entered_at", "Report to the sponsor entered at (UTC)"),
        col("late_reason", "Reason for a late report", free_text=True),
        *moment("sponsor_aware", "Sponsor aware at"),
        col("sponsor_causality", "Causality (sponsor)"),
        col("sponsor_causality_infusion", "Causality of the infusion procedure (sponsor)"),
        col("sponsor_causality_premedication", "Causality of the premedication (sponsor)"),
        col("sponsor_causality_procedure", "Causality of a study procedure (sponsor)"),
        col("sponsor_causality_disease", "Causality of the disease (sponsor)"),
        col("expectedness", "Expectedness (sponsor)"),
        col("reference_version", "Version of the reference safety information"),
        col("sponsor_comment", "Comment of the sponsor", free_text=True),
        col("case_due_at", "Report to the authority due at (UTC), whether or not one was sent"),
        col("in_error_reason", "Entered in error because", free_text=True),
        col("after_lock_reason", "Reported after the lock because", free_text=True),
        col("recorded_at", "Recorded at (UTC)", "created_at"),
    ),
    "event_grades": (
        PATIENT,
        EVENT,
        col("number", "Number of the grade"),
        col("grade", "CTCAE grade"),
        *moment("since", "Since", partial=True),
        col("in_error_reason", "Entered in error because", free_text=True),
        col("after_lock_reason", "Reported after the lock because", free_text=True),
        col("recorded_at", "Recorded at (UTC)"),
    ),
    "event_links": (
        PATIENT,
        EVENT,
        col("form", "Form", "record__form"),
        col("visit", "Visit", "record__visit__code"),
        col("repeat", "Row of a log", "record__repeat"),
        col("infusion", "Number of the infusion"),
        col("role", "Relation to the event"),
        col("in_error_reason", "Entered in error because", free_text=True),
        col("after_lock_reason", "Reported after the lock because", free_text=True),
        col("recorded_at", "Recorded at (UTC)"),
    ),
    # Not what came of a case: that depends on the arm.
    "case_clocks": (
        PATIENT,
        EVENT,
        col("kind", "Clock of the sponsor"),
        col("starts_at", "Starts at (UTC)"),
        col("due_at", "Due at (UTC)"),
        col("site_due_at", "Due by the awareness of the site (UTC)"),
        col("recorded_at", "Recorded at (UTC)"),
    ),
}
OPINIONS = ("causality", "sponsor_causality")
"""How the names of the columns begin whose values are codes of the protocol's causality scale."""
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


def with_scale(trial: Trial, columns: tuple[TableColumn, ...]) -> tuple[TableColumn, ...]:
    """Return the columns of adverse events; those of causality with the codes of the protocol's scale, of all versions.

    One query.
    """
    versions = trial.versions.order_by("effective_from", "pk")
    scales = [version.rules.safety.causality for version in versions]
    codes = codes_of_scale(scales, AdverseEvent._meta.get_field("causality"))
    return tuple(
        replace(column, codes=codes) if column.name.startswith(OPINIONS) else column for column in columns
    )
