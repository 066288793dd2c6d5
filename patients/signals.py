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
inclusion_corrected = Signal()
# patient; each receiver returns the sentences why the inclusion cannot be struck out
inclusion_struck_out_asked = Signal()
# patient, by
inclusion_struck_out = Signal()
# visit; each receiver returns the sentences why the visit cannot be struck out
visit_struck_out_asked = Signal()
# patient, by
study_ended = Signal()
# patient; each receiver returns {label: day}: the days that its room has planned for the patient
planned_days = Signal()
# patient; each receiver returns {name: rows}: the rows of its room that a signature on the casebook covers
casebook_content = Signal()
