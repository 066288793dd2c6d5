"""Days from each infusion to an event, for a listing: read at once for all events of a page (SAF-15)."""

from collections.abc import Collection, Sequence

from django.utils.translation import gettext as _

from patients.models import Patient
from patients.participation.milestones import Milestone, milestones
from protocol.values.moments import days_between
from safety.labels import day
from safety.models import AdverseEvent

INFUSION = "infusion"


def infusions_of(patients: Collection[Patient]) -> dict[int, list[Milestone]]:
    """Return the infusions given of each patient, by its key. One query for all."""
    found = milestones(list(patients))
    return {key: [each for each in rows if each.kind == INFUSION] for key, rows in found.items()}


def attach_infusions(events: Sequence[AdverseEvent]) -> None:
    """Set `infusions_given` of each event: the milestones of its patient. One query for all events."""
    found = infusions_of({event.patient_id: event.patient for event in events}.values())
    for event in events:
        event.infusions_given = found[event.patient_id]


def since_infusions(event: AdverseEvent, zone: str) -> str:
    """Return the days from each infusion to the onset: `1: D2; 2: D–5`. Empty before the first one."""
    onset = event.onset_moment.placed(zone)
    told = []
    for each in event.infusions_given:
        first, last = days_between(each.at, onset, zone)
        days = day(first) if first == last else f"{day(first)}–{day(last)}"
        told.append(_("infusion %(number)s: %(days)s") % {"number": each.number, "days": days})
    return "; ".join(told)
