"""Tables of what holds or opens a trial: holds, releases, holds of a treatment, envelopes, the planned unblinding."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_noop

from dosing.models import (
    AllocationCommitment,
    Envelope,
    EnvelopeCheck,
    PlannedUnblinding,
    ReserveCheck,
    ReserveEnvelope,
)
from exports.tables.bedside import words
from exports.tables.columns import PATIENT, TableColumn, col, computed
from patients.models import TreatmentHold
from trials.models import Trial
from trials.models.holds import HoldRelease, TrialHold


def _named(events: Any) -> str:
    """Return the adverse events that made a rule fire: `LIE-001 AE 2, LIE-004 AE 1`."""
    return ", ".join(map(str, events))


OF_RULE = (
    col("rule", "Stopping rule that fired", free_text=True),
    col("title", "Title of the rule, as it read then", free_text=True),
    computed("events", "Adverse events", _named, "events"),
)
COLUMNS: dict[str, tuple[TableColumn, ...]] = {
    "holds": (
        col("hold", "Number of the hold", "number"),
        *OF_RULE,
        col("reason", "Reason, if a person set it", free_text=True),
        col("set_by", "Set by", "set_by__full_name", free_text=True),
        col("set_at", "Set at (UTC)"),
        col("released_at", "Released at (UTC)"),
    ),
    "hold_releases": (
        col("hold", "Number of the hold", "hold__number"),
        col("side", "Signed for"),
        col("reason", "Reason", free_text=True),
        col("signed_by", "Signed by", "signed_by__full_name", free_text=True),
        col("signed_at", "Signed at (UTC)"),
    ),
    "treatment_holds": (
        PATIENT,
        col("number", "Number of the hold in each patient"),
        *OF_RULE,
        col("set_at", "Set at (UTC)"),
        col("decision", "Decision"),
        col("reason", "Reason", free_text=True),
        col("decided_by", "Decided by", "decided_by__full_name", free_text=True),
        col("decided_at", "Decided at (UTC)"),
    ),
    "allocation_hash": (
        col("sha256", "SHA-256 of the sealed list"),
        col("algorithm", "Algorithm"),
        col("published_at", "Published at (UTC)"),
    ),
    "envelopes": (
        col("envelope", "Number of the envelope", "number"),
        PATIENT,
        col("status", "Status", "state"),
        col("made_by", "Printed by", "made_by__full_name", free_text=True),
        col("made_at", "Printed at (UTC)"),
        col("codes_by", "Code printed by", "codes_by__full_name", free_text=True),
        col("codes_at", "Code printed at (UTC)"),
    ),
    "envelope_checks": (
        col("envelope", "Number of the envelope", "envelope__number"),
        PATIENT,
        col("finding", "What was found or done"),
        col("happened", "When"),
        col("note", "Note", free_text=True),
        col("recorded_by", "Recorded by", "recorded_by__full_name", free_text=True),
        col("recorded_at", "Recorded at (UTC)"),
    ),
    "reserve_envelopes": (
        col("envelope", "Number of the reserve envelope", "number"),
        col("stratum", "Stratum"),
        col("place", "Place of the stratum that the envelope holds", "position"),
        col("status", "Status", "state"),
        col("made_by", "Printed by", "made_by__full_name", free_text=True),
        col("made_at", "Printed at (UTC)"),
        col("codes_by", "Code printed by", "codes_by__full_name", free_text=True),
        col("codes_at", "Code printed at (UTC)"),
    ),
    "reserve_checks": (
        col("envelope", "Number of the reserve envelope", "envelope__number"),
        col("patient", "Patient who was allocated with it", "patient__code"),
        col("finding", "What was found or done"),
        col("happened", "When"),
        col("opened_by", "Opened by", "opened_by__full_name", free_text=True),
        col("opened_by_name", "Opened by somebody without a role", free_text=True),
        col("note", "Note", free_text=True),
        col("recorded_by", "Recorded by", "recorded_by__full_name", free_text=True),
        col("recorded_at", "Recorded at (UTC)"),
    ),
    "planned_unblinding": (
        computed("opened_to", "Opened to the roles", words, "opened_to"),
        col("reason", "Reason", free_text=True),
        col("opened_by", "Opened by", "opened_by__full_name", free_text=True),
        col("opened_at", "Opened at (UTC)"),
    ),
}
TITLES = {
    "holds": gettext_noop("Holds of the trial"),
    "hold_releases": gettext_noop("Releases of the holds"),
    "treatment_holds": gettext_noop("Holds of the treatment"),
    "allocation_hash": gettext_noop("Hash of the allocation list"),
    "envelopes": gettext_noop("Sealed envelopes"),
    "envelope_checks": gettext_noop("Checks of the envelopes"),
    "reserve_envelopes": gettext_noop("Reserve envelopes"),
    "reserve_checks": gettext_noop("Checks of the reserve envelopes"),
    "planned_unblinding": gettext_noop("Planned unblinding"),
}


def querysets(trial: Trial) -> dict[str, QuerySet[Any]]:
    """Return the rows of each table. None depends on the arm."""
    rows: dict[str, QuerySet[Any]] = {
        "holds": TrialHold.objects.filter(trial=trial).order_by("number"),
        "hold_releases": HoldRelease.objects.filter(trial=trial).order_by("hold__number", "pk"),
        "treatment_holds": TreatmentHold.objects.filter(patient__trial=trial).order_by(
            "patient__number", "number"
        ),
    }
    if trial.rules.allocation is not None:
        rows["allocation_hash"] = AllocationCommitment.objects.filter(trial=trial)
        rows["envelopes"] = Envelope.objects.filter(trial=trial).order_by("number")
        rows["envelope_checks"] = EnvelopeCheck.objects.filter(patient__trial=trial).order_by(
            "envelope__number", "pk"
        )
        rows["reserve_envelopes"] = ReserveEnvelope.objects.filter(trial=trial).order_by("number")
        rows["reserve_checks"] = ReserveCheck.objects.filter(envelope__trial=trial).order_by(
            "envelope__number", "pk"
        )
        rows["planned_unblinding"] = PlannedUnblinding.objects.filter(trial=trial)
    return rows
