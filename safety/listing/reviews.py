"""Review signatures of adverse events, and whether they are still valid."""

from collections.abc import Sequence

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from audit.models import Signature
from safety.models import AdverseEvent


class ReviewState(TextChoices):
    """Review state of an event (SIG-02)."""

    UNSIGNED = "unsigned", _("Not signed")
    SIGNED = "signed", pgettext_lazy("status", "Signed")
    INVALIDATED = "invalidated", _("Invalidated")


TONES = {ReviewState.UNSIGNED: "none", ReviewState.SIGNED: "signed", ReviewState.INVALIDATED: "late"}


def attach_reviews(events: Sequence[AdverseEvent]) -> None:
    """Set `signatures` of each event, latest first. One query for all events."""
    by_event: dict[int, list[Signature]] = {event.pk: [] for event in events}
    rows = Signature.objects.filter(target_type=AdverseEvent._meta.label_lower, target_id__in=list(by_event))
    for signature in rows.order_by("-pk"):
        by_event[signature.target_id].append(signature)
    for event in events:
        event.signatures = by_event[event.pk]


def review_state(event: AdverseEvent) -> ReviewState:
    """Return the review state of an event. Needs `attach_reviews`."""
    if any(signature.invalidated_at is None for signature in event.signatures):
        return ReviewState.SIGNED
    return ReviewState.INVALIDATED if event.signatures else ReviewState.UNSIGNED
