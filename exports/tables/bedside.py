"""Tables of what the ward records of an infusion: steps, observations, checklists, decisions, kits, dose levels.

Both arms have the same rows, so every export has these tables.
"""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_noop

from dosing.models import (
    BedsideGap,
    BedsideObservation,
    GiveBefore,
    InfusionEventCheck,
    InfusionStep,
    Kit,
    KitCheck,
    LateInfusion,
    LevelOpening,
    LevelPatient,
    StopDecision,
)
from exports.tables.columns import PATIENT, TableColumn, col, computed, several
from protocol.checking.dictionary import missing_in_files
from trials.models import Trial

OF_PATIENT = col("patient", "Subject code", "infusion__patient__code")
INFUSION = col("infusion", "Infusion number", "infusion__number")
RECORDED = (
    col("recorded_by", "Recorded by", "recorded_by__full_name", free_text=True),
    col("recorded_at", "Recorded at (UTC)"),
)
ROW = (
    col("clock_offset", "Seconds by which the clock of the tablet was ahead; empty if the server's counts"),
    col("sent_later", "Sent after the connection was lost (Y/N)"),
    *RECORDED,
    col("struck_out_reason", "Struck out because", free_text=True),
)
PARTS = ("comparator", "limit", "unit", "entered", "missing", "reason")


def words(codes: Any) -> str:
    """Return a stored list of codes, separated by blanks."""
    return " ".join(map(str, codes))


def names_of(values: Any) -> list[str]:
    """Return the names in a stored object, in alphabetical order."""
    return sorted(values)


def texts_of(values: Any) -> list[str]:
    """Return the plain value of each name; empty if it is missing or lies beyond a limit."""
    plain = (values[name] for name in names_of(values))
    return [str(each.get("value", "") if isinstance(each, dict) else each) for each in plain]


def _part(part: str) -> Any:
    def parts(values: Any) -> list[str]:
        found = (values[name] for name in names_of(values))
        texts = [str(each.get(part, "")) if isinstance(each, dict) else "" for each in found]
        return [missing_in_files(text) for text in texts] if part == "missing" else texts

    return parts


def _notes(answers: Any, notes: Any) -> list[str]:
    return [str(notes.get(event, "")) for event in names_of(answers)]


COLUMNS: dict[str, tuple[TableColumn, ...]] = {
    "kits": (PATIENT, INFUSION, col("kit", "Kit number", "number"), col("made_at", "Given at (UTC)")),
    "kit_checks": (
        PATIENT,
        INFUSION,
        col("kit", "Kit number that was scanned"),
        col("second_identifier", "Second identifier, besides the subject code"),
        col("checked_by", "Compared by", "checked_by__full_name", free_text=True),
        col("checked_at", "Compared at (UTC)"),
    ),
    "late_infusions": (
        PATIENT,
        INFUSION,
        col("reason", "Documented late because", free_text=True),
        *RECORDED,
    ),
    "give_before": (
        OF_PATIENT,
        INFUSION,
        col("kit", "Kit", free_text=True),
        col("at", "Given before (UTC)"),
        *ROW,
    ),
    "infusion_steps": (
        OF_PATIENT,
        INFUSION,
        col("step_id", "Id of the step", "id"),
        col("kind", "Step"),
        col("at", "At (UTC)"),
        col("value", "Rate (mL/h) of a start or a change of rate, volume (mL) of a stop"),
        col("reason", "Reason", free_text=True),
        col("timing_reason", "Reason for the timing", free_text=True),
        *ROW,
    ),
    "bedside_observations": (
        OF_PATIENT,
        INFUSION,
        col("observation", "Id of the observation", "id"),
        col("planned_time", "Planned time; empty for another time", "point"),
        col("at", "At (UTC)"),
        computed("rules_met", "Stopping rules met: a stop was proposed", words, "rules_met"),
        *ROW,
    ),
    "bedside_values": (
        OF_PATIENT,
        INFUSION,
        col("observation", "Id of the observation", "id"),
        col("planned_time", "Planned time; empty for another time", "point"),
        several("item", "Item", names_of, "values"),
        several("value", "Value in the unit of the item", texts_of, "values", free_text=True),
        *(
            several(name, label, _part(part), "values", free_text=part == "reason")
            for part, name, label in zip(
                PARTS,
                (*PARTS[:-1], "missing_reason"),
                (
                    "Comparator of a value beyond a limit",
                    "Limit of a value beyond it",
                    "Unit as entered",
                    "Value as entered",
                    "Code of a missing value",
                    "Reason of a missing value",
                ),
                strict=True,
            )
        ),
    ),
    "infusion_checklists": (
        OF_PATIENT,
        INFUSION,
        col("checklist", "Id of the checklist", "id"),
        col("hours", "Hours after the end"),
        col("at", "At (UTC)"),
        *ROW,
    ),
    "checklist_answers": (
        OF_PATIENT,
        INFUSION,
        col("checklist", "Id of the checklist", "id"),
        col("hours", "Hours after the end"),
        several("event", "Event", names_of, "answers"),
        several("answer", "Answer (Y/N)", texts_of, "answers"),
        several("note", "What happened", _notes, "answers", "notes", free_text=True),
    ),
    "stop_decisions": (
        OF_PATIENT,
        INFUSION,
        col("observation", "Id of the observation that proposed the stop", "observation__id"),
        col("at", "At (UTC)"),
        col("choice", "Decision"),
        col("reason", "Reason", free_text=True),
        *ROW,
    ),
    "bedside_gaps": (
        OF_PATIENT,
        INFUSION,
        col("gap", "Planned time or checklist that is missing"),
        col("at", "At (UTC)"),
        col("choice", "Decision"),
        col("reason", "Reason", free_text=True),
        *ROW,
    ),
    "level_openings": (
        col("opening", "Id of the opening", "id"),
        col("level", "Dose level"),
        col("places", "Places"),
        col("reason", "Reason", free_text=True),
        col("opened_by", "Opened by", "opened_by__full_name", free_text=True),
        col("opened_at", "Opened at (UTC)"),
    ),
    "level_patients": (PATIENT, col("level", "Dose level"), col("placed_at", "Placed at (UTC)")),
}
TITLES = {
    "kits": gettext_noop("Kits"),
    "kit_checks": gettext_noop("Kits compared at the bedside"),
    "late_infusions": gettext_noop("Infusions documented late"),
    "give_before": gettext_noop("Times before which a kit is given"),
    "infusion_steps": gettext_noop("Steps of the infusions"),
    "bedside_observations": gettext_noop("Observations at the bedside"),
    "bedside_values": gettext_noop("Values observed at the bedside"),
    "infusion_checklists": gettext_noop("Checklists of the infusions"),
    "checklist_answers": gettext_noop("Answers of the checklists"),
    "stop_decisions": gettext_noop("Decisions on proposed stops"),
    "bedside_gaps": gettext_noop("Decisions on missing observations"),
    "level_openings": gettext_noop("Openings of dose levels"),
    "level_patients": gettext_noop("Dose levels of the patients"),
}


def querysets(trial: Trial) -> dict[str, QuerySet[Any]]:
    """Return the rows of each table."""
    by_infusion = ("infusion__patient__number", "infusion__number")
    own = {"infusion__patient__trial": trial}
    kept = {"patient__trial": trial}
    observations = BedsideObservation.objects.filter(**own).order_by(*by_infusion, "at", "pk")
    checks = InfusionEventCheck.objects.filter(**own).order_by(*by_infusion, "hours", "pk")
    return {
        "kits": Kit.objects.filter(trial=trial).order_by(*by_infusion),
        "kit_checks": KitCheck.objects.filter(**kept).order_by(*by_infusion, "pk"),
        "late_infusions": LateInfusion.objects.filter(**kept).order_by(*by_infusion),
        "give_before": GiveBefore.objects.filter(**own).order_by(*by_infusion, "pk"),
        "infusion_steps": InfusionStep.objects.filter(**own).order_by(*by_infusion, "at", "pk"),
        "bedside_observations": observations,
        "bedside_values": observations,
        "infusion_checklists": checks,
        "checklist_answers": checks,
        "stop_decisions": StopDecision.objects.filter(**own).order_by(*by_infusion, "pk"),
        "bedside_gaps": BedsideGap.objects.filter(**own).order_by(*by_infusion, "pk"),
        "level_openings": LevelOpening.objects.filter(trial=trial).order_by("pk"),
        "level_patients": LevelPatient.objects.filter(**kept).order_by("patient__number"),
    }
