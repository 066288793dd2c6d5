"""Who takes part and what was captured about them."""

from patients.models.captured import Draft, Query, QueryMessage, Record, RecordQuerySet, Visit
from patients.models.people import Consent, EligibilityDecision, Identity, Patient
from patients.models.visibility import OfPatient, VisibleToMembers

__all__ = [
    "Consent",
    "Draft",
    "EligibilityDecision",
    "Identity",
    "OfPatient",
    "Patient",
    "Query",
    "QueryMessage",
    "Record",
    "RecordQuerySet",
    "VisibleToMembers",
    "Visit",
]
