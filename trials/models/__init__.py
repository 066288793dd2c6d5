"""Models of trials, protocol versions, roles, invitations, notices, calendars, laboratories and reference ranges."""

from trials.models.calendars import CalendarAddress
from trials.models.laboratories import Laboratory, ReferenceRange
from trials.models.notices import NoticeMark
from trials.models.people import Delegation, FactorRecovery, Invitation
from trials.models.trials import ProtocolVersion, Trial

__all__ = [
    "CalendarAddress",
    "Delegation",
    "FactorRecovery",
    "Invitation",
    "Laboratory",
    "NoticeMark",
    "ProtocolVersion",
    "ReferenceRange",
    "Trial",
]
