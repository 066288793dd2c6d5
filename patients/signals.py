"""What the rooms above are told, inside the transaction that caused it."""

from django.dispatch import Signal

# patient, decision, by
eligibility_signed = Signal()
# patient, by
patient_enrolled = Signal()
# patient, before (the version until then), reason, by
patient_moved = Signal()
# patient, by
study_ended = Signal()
# patient; each receiver returns {name: rows}: what a signature on the casebook covers of its room
casebook_content = Signal()
