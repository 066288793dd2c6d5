"""Models of trials, protocol versions, roles, training, reviews, problems, notices, calendars, laboratories."""

from trials.models.calendars import CalendarAddress
from trials.models.holds import HoldRelease, TrialHold
from trials.models.incidents import Incident, IncidentReview
from trials.models.laboratories import Laboratory, ReferenceRange
from trials.models.notices import NoticeMark, SponsorNotice
from trials.models.oversight import AccessReview, TrainingConfirmation
from trials.models.people import Delegation, FactorRecovery, Invitation
from trials.models.trials import ProtocolVersion, Trial

__all__ = [
    "AccessReview",
    "CalendarAddress",
    "Delegation",
    "FactorRecovery",
    "HoldRelease",
    "Incident",
    "IncidentReview",
    "Invitation",
    "Laboratory",
    "NoticeMark",
    "ProtocolVersion",
    "ReferenceRange",
    "SponsorNotice",
    "TrainingConfirmation",
    "Trial",
    "TrialHold",
]
