"""Models of adverse events and their drafts."""

from safety.models.events import (
    CRITERIA,
    FACTS,
    NOT_OF_SPECIAL_INTEREST,
    AdverseEvent,
    AdverseEventQuerySet,
    EventDraft,
)

__all__ = [
    "CRITERIA",
    "FACTS",
    "NOT_OF_SPECIAL_INTEREST",
    "AdverseEvent",
    "AdverseEventQuerySet",
    "EventDraft",
]
