"""Signals to the rooms above `patients`, sent inside the transaction of the step they report.

An exception in a receiver rolls the step back. The comment above each signal names its arguments.
"""

from django.dispatch import Signal

# patient, decision, by
eligibility_signed = Signal()
# patient, by
patient_enrolled = Signal()
# patient, before (the protocol version the patient was on), reason, by
patient_moved = Signal()
# patient, by
study_ended = Signal()
# patient; each receiver returns {name: rows}: the rows of its room that a signature on the casebook covers
casebook_content = Signal()
# patient, death (patients.participation.death.Death); each receiver returns the facts of its room after the death
recorded_after_death = Signal()
