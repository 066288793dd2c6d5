"""Models of trials, protocol versions, roles, invitations, notices, laboratories and reference ranges."""

from trials.models.laboratories import Laboratory, ReferenceRange
from trials.models.notices import NoticeMark
from trials.models.people import Delegation, FactorRecovery, Invitation
from trials.models.trials import ProtocolVersion, Trial

__all__ = [
    "Delegation",
    "FactorRecovery",
    "Invitation",
    "Laboratory",
    "NoticeMark",
    "ProtocolVersion",
    "ReferenceRange",
    "Trial",
]
