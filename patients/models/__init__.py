"""Models of patients, consents, visits, captured forms, deviations, queries, marks and locks."""

from patients.models.attachments import Attachment
from patients.models.captured import Draft, Query, QueryMessage, Record, RecordQuerySet, Visit
from patients.models.deviations import (
    Deviation,
    DeviationClass,
    DeviationPlace,
    DeviationQuerySet,
    DeviationRow,
)
from patients.models.locks import DataLock, UnlockRequest
from patients.models.marks import FactMark, Mark
from patients.models.people import Consent, EligibilityDecision, Identity, Patient
from patients.models.visibility import OfPatient, VisibleToMembers

__all__ = [
    "Attachment",
    "Consent",
    "DataLock",
    "Deviation",
    "DeviationClass",
    "DeviationPlace",
    "DeviationQuerySet",
    "DeviationRow",
    "Draft",
    "EligibilityDecision",
    "FactMark",
    "Identity",
    "Mark",
    "OfPatient",
    "Patient",
    "Query",
    "QueryMessage",
    "Record",
    "RecordQuerySet",
    "UnlockRequest",
    "VisibleToMembers",
    "Visit",
]
