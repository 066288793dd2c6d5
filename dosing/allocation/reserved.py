"""Slots kept for paper: those with a reserve envelope that is not destroyed (BKP-02, RND-02)."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from dosing.models import AllocationSlot, ReserveCheck, ReserveEnvelope
from patients.models import Patient
from protocol.values.moments import Moment
from trials.models import Trial


def free_slots(*, trial: Trial, stratum: str) -> Any:
    """Return the slots of a stratum that no patient has taken and no reserve envelope keeps.

    Server and paper never take the same slot: an envelope may have been opened without the server knowing it yet.
    """
    kept = ReserveEnvelope.objects.filter(trial=trial).exclude(state=ReserveEnvelope.State.DESTROYED)
    rows = AllocationSlot.objects.filter(trial=trial, stratum=stratum, patient=None)
    return rows.exclude(pk__in=kept.values("slot_id"))


def no_place_words(trial: Trial, stratum: str) -> str:
    """Return why no slot of a stratum is free: all are taken, or the last ones are kept for paper."""
    sealed = ReserveEnvelope.objects.filter(trial=trial, stratum=stratum, state=ReserveEnvelope.State.SEALED)
    envelope = sealed.order_by("-number").first()
    if envelope is None:
        return _("The allocation list has no place left. Call the trial's statistician.")
    return _(
        "The last places of the allocation list are kept by reserve envelopes. Destroy %(envelope)s and record it:"
        " its place is free then."
    ) % {"envelope": str(envelope)}


def note_other_stratum(*, patient: Patient, stratum: str, by: User) -> None:
    """Record that the envelope opened for a patient was one of another stratum; the patient keeps the slot (RND-03)."""
    opened = ReserveCheck.objects.filter(patient=patient, finding=ReserveCheck.Finding.OPENED)
    check = opened.select_related("envelope").first()
    known = ReserveCheck.objects.filter(patient=patient, finding=ReserveCheck.Finding.STRATUM)
    if check is None or known.exists():
        return
    told = {"patient": patient.code, "stratum": stratum, "envelope": str(check.envelope)}
    ReserveCheck.objects.create(
        envelope=check.envelope,
        patient=patient,
        finding=ReserveCheck.Finding.STRATUM,
        happened=Moment.from_datetime(timezone.now(), patient.trial.time_zone).iso,
        note=_("%(patient)s belongs to “%(stratum)s”, which is not the stratum of %(envelope)s.") % told,
        recorded_by=by,
    )
