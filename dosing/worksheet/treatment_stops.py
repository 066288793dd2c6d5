"""Hard stops in patient and preparation, as stored now: consent, eligibility, window, viability (CEL-13, CEL-14)."""

from datetime import datetime
from decimal import Decimal

from django.core.exceptions import ValidationError

from dosing.dose import minutes_between
from dosing.infusions.participation import withdrawn
from dosing.infusions.schedule import windows
from dosing.labels import window_words
from dosing.models import Infusion
from dosing.stock.stops import FoundStop, TreatmentFacts, stops_of_treatment
from patients.models import EligibilityDecision, Patient
from patients.participation.consents.consent import current_consent
from patients.participation.consents.reconsent import refuse_without_reconsent
from patients.participation.eligibility_decisions.eligibility import decision_in_force


def treatment_stops(
    infusion: Infusion,
    *,
    bags: str,
    at: datetime,
    viability: Decimal | None = None,
    dmso: Decimal | None = None,
    taken: datetime | None = None,
) -> list[FoundStop]:
    """Return every reason in patient and preparation why bags may not be used at a moment; empty if they may.

    bags: their numbers, or the number of the kit, as the sentences name them. dmso: g per kg. taken: when the bags were
    taken from the store. Reads infusion.patient. Five queries.
    """
    patient = infusion.patient
    dosing = patient.protocol.rules.dosing
    limits = dosing.viability_percent if dosing else None
    decision = decision_in_force(patient)
    return stops_of_treatment(
        bags,
        TreatmentFacts(
            patient=patient.code,
            consent=_is_consented(patient, at),
            eligible=decision is not None and decision.conclusion == EligibilityDecision.Conclusion.ELIGIBLE,
            in_window=_is_in_window(infusion, at),
            opens=window_words(infusion),
            viability=viability,
            lowest_viability=limits.lowest if limits else None,
            dmso=dmso,
            most_dmso=dosing.dmso_g_per_kg.highest if dosing and dosing.dmso_g_per_kg else None,
            minutes=minutes_between(taken, at) if taken is not None and taken <= at else None,
            most_minutes=dosing.thaw_to_end_minutes.highest
            if dosing and dosing.thaw_to_end_minutes
            else None,
        ),
    )


def _is_consented(patient: Patient, at: datetime) -> bool:
    if current_consent(patient) is None or withdrawn(patient, patient.trial.day_of(at)):
        return False
    try:
        refuse_without_reconsent(patient)
    except ValidationError:
        return False
    return True


def _is_in_window(infusion: Infusion, at: datetime) -> bool:
    day = infusion.patient.trial.day_of(at)
    allowed = next((each for row, each in windows(infusion.patient) if row.pk == infusion.pk), None)
    return allowed is not None and allowed.holds(at, day)
