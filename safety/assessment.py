"""The investigator's first assessment of an adverse event, signed in the same step."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit.models import Meaning
from audit.stored_text import system_text
from patients.participation.lifecycle import lock_patient
from safety.event_checks import EventAnswers
from safety.models import CAUSES, AdverseEvent
from safety.reporting import StaleEvent, amend_event, review_events
from safety.stopping.watching import lock_for_rules


@transaction.atomic
def assess_and_sign(
    *, event: AdverseEvent, version: int, password: str, by: User, causality: str = "", **causes: str
) -> AdverseEvent:
    """Store the causality of an event that has none, and sign its review; both or neither.

    causes: to what else it is due, by column (`CAUSES`); blank: not judged.

    The causality of an assessed event stays: it is changed with a reason of its own (AUD-04). Raises StaleEvent if
    `version` is outdated, ValidationError for a wrong password, without a causality, and for an event that cannot
    be signed.
    """
    # Before the patient, as every report does: with opposite orders one of two would be cancelled as a deadlock.
    lock_for_rules(event.patient)
    patient = lock_patient(event.patient)
    row = AdverseEvent.objects.get(pk=event.pk)
    row.patient = patient
    if row.version != version:
        raise StaleEvent(row)
    if not row.causality:
        if not causality:
            raise ValidationError({"causality": _("Choose the causality: it is signed with the event.")})
        reason = system_text("event.assessed")
        changes = EventAnswers(causality=causality, **{name: causes.get(name, "") for name in CAUSES})  # type: ignore[typeddict-item]
        row = amend_event(event=row, changes=changes, reason=reason, version=version, by=by)
    versions = {row.pk: row.version}
    review_events(events=[row], versions=versions, by=by, password=password, meaning=Meaning.REVIEW)
    return row
