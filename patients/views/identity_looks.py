"""Looks at the identity of a patient: each page that shows it is one event of the trail (PRV-04)."""

from typing import Any

from audit import events
from patients.models import Identity, Patient
from trials.access import TrialRequest
from trials.permissions import Permission as P


def record_look(request: TrialRequest, patient: Patient, searched: Any = None) -> None:
    """Record that this page shows who the patient is, once for the page. searched: by what the person was found."""
    seen = vars(request).setdefault("identities_seen", set())
    if patient.pk not in seen:
        seen.add(patient.pk)
        events.record(
            kind=events.AccessKind.IDENTITY_SEEN,
            trial_id=patient.trial_id,
            patient_id=patient.pk,
            detail={"searched": searched, "found": True} if searched else None,
            request=request,
        )


def name_for(request: TrialRequest, patient: Patient) -> str:
    """Return the name of the patient for a reader with the right to it, and record the look; else an empty text.

    One query for such a reader, two if there is a name.
    """
    if not request.access.may(P.SEE_IDENTITY):
        return ""
    name = Identity.objects.filter(patient=patient.pk).values_list("name", flat=True).first() or ""
    if name:
        record_look(request, patient)
    return name
