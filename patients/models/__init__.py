"""Models of patients, consents, visits, captured forms, logs of the site, queries, marks and locks."""

from patients.models.attachments import Attachment
from patients.models.captured import (
    MessageRow,
    Query,
    QueryMessage,
    QueryRow,
    Record,
    RecordQuerySet,
    Visit,
)
from patients.models.contacts import ContactAttempt, ContactQuerySet
from patients.models.deviations import (
    Deviation,
    DeviationClass,
    DeviationPlace,
    DeviationQuerySet,
    DeviationRow,
)
from patients.models.drafts import Draft
from patients.models.erasure import ErasureRequest
from patients.models.locks import DataLock, UnlockRequest
from patients.models.marks import Mark, MarkQuerySet, MarkRow
from patients.models.people import Consent, EligibilityDecision, Identity, Patient
from patients.models.prescreening import PrescreeningQuerySet, PrescreeningRow
from patients.models.samples import Aliquot, Sample, SampleMovement, Shipment
from patients.models.storage import StorageExcursion
from patients.models.treatment_holds import TreatmentHold
from patients.models.visibility import OfPatient, VisibleToMembers

__all__ = [
    "Aliquot",
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
    "ErasureRequest",
    "Identity",
    "Mark",
    "MarkQuerySet",
    "MarkRow",
    "MessageRow",
    "OfPatient",
    "Patient",
    "PrescreeningQuerySet",
    "PrescreeningRow",
    "Query",
    "QueryMessage",
    "QueryRow",
    "Record",
    "RecordQuerySet",
    "Sample",
    "SampleMovement",
    "Shipment",
    "StorageExcursion",
    "TreatmentHold",
    "UnlockRequest",
    "VisibleToMembers",
    "Visit",
]
