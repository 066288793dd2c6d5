"""Access events for pages that show the treatment of a masked trial, visible to unblinded roles only (AUD-08)."""

from audit import events
from patients.models import Patient
from trials.access import TrialRequest
from trials.permissions import Permission


def note_treatment_read(request: TrialRequest, *, page: str, patient: Patient | None = None) -> None:
    """Record that the person was shown a product or an arm. Nothing is recorded in an open trial, or for a POST."""
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
