"""Signals to the rooms above `patients`, sent inside the transaction of the step they report.

An exception in a receiver rolls the step back. The comment above each signal names its arguments.
"""

from collections.abc import Sequence
from typing import Any

from django.dispatch import Signal

# patient, decision, by
eligibility_signed = Signal()
# patient, on (the day of the inclusion); each receiver returns the sentences why the patient cannot be included
inclusion_asked = Signal()
# patient, by
patient_enrolled = Signal()
# patient, before (the protocol version the patient was on), reason, by
patient_moved = Signal()
# patient, by
inclusion_corrected = Signal()
# patient; each receiver returns the sentences why the inclusion cannot be struck out
inclusion_struck_out_asked = Signal()
# patient, by
inclusion_struck_out = Signal()
# visit; each receiver returns the sentences why the visit cannot be struck out
visit_struck_out_asked = Signal()
# patient, by
study_ended = Signal()
# patient, names (`subject.inclusion_on`, `visit.on` …: what changed under its name in expressions), visit (whose day
# changed, else None), by; the forms whose rules read a name are checked again
facts_changed = Signal()
# The name of the date of birth among announced facts; no expression may read it.
BORN_ON = "identity.birth_date"
# The name of the end of study among announced facts.
ENDED_ON = "subject.ended_on"


def announce(*, patient: Any, names: Sequence[str], by: Any, visit: Any = None) -> None:
    """Send `facts_changed`."""
    facts_changed.send(sender=type(patient), patient=patient, names=tuple(names), visit=visit, by=by)


# patient; each receiver returns {label: day}: the days that its room has planned for the patient
planned_days = Signal()
# patient; each receiver returns {name: rows}: the rows of its room that a signature on the casebook covers
casebook_content = Signal()
# patient, death (patients.participation.death.Death); each receiver returns the facts of its room after the death
recorded_after_death = Signal()
