"""Who read the treatment of a masked trial: every such page leaves an event that only the unblinded read (AUD-08)."""

from audit import events
from patients.models import Patient
from trials.access import TrialRequest
from trials.permissions import Permission


def note_treatment_read(request: TrialRequest, *, page: str, patient: Patient | None = None) -> None:
    """Record that this person was shown product or arm; nothing in an open trial, where everybody knows."""
    if not request.trial.masked or request.method != "GET":
        return
    events.record(
        kind=events.AccessKind.TREATMENT_SEEN,
        trial_id=request.trial.pk,
        patient_id=patient.pk if patient else None,
        detail={"page": page},
        request=request,
        see=Permission.SEE_TREATMENT,
    )
