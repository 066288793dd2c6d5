"""Models of trials, protocol versions, roles, invitations, laboratories and reference ranges."""

from trials.models.laboratories import Laboratory, ReferenceRange
from trials.models.people import Delegation, FactorRecovery, Invitation
from trials.models.trials import ProtocolVersion, Trial

__all__ = [
    "Delegation",
    "FactorRecovery",
    "Invitation",
    "Laboratory",
    "ProtocolVersion",
    "ReferenceRange",
    "Trial",
]
