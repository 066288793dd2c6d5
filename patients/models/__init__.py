"""Models of patients, consents, visits, captured forms, logs of the site, queries, marks and locks."""

from patients.models.attachments import Attachment
from patients.models.captured import Draft, Query, QueryMessage, Record, RecordQuerySet, Visit
from patients.models.contacts import ContactAttempt, ContactQuerySet
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
from patients.models.prescreening import PrescreeningQuerySet, PrescreeningRow
from patients.models.visibility import OfPatient, VisibleToMembers

__all__ = [
    "Attachment",
    "Consent",
    "ContactAttempt",
    "ContactQuerySet",
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
    "PrescreeningQuerySet",
    "PrescreeningRow",
    "Query",
    "QueryMessage",
    "Record",
    "RecordQuerySet",
    "UnlockRequest",
    "VisibleToMembers",
    "Visit",
]
