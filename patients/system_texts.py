"""Sentences that `patients` stores as codes: reasons for change, texts of queries, processes."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from patients.casebook.birth_dates import AGE_DISAGREES
from protocol.values.parsing import UNUSUAL

# Reasons for changing a complete form, in the order of the pick-list.
REASONS: dict[str, Promise] = {
    "transcription": _("Transcription error"),
    "source": _("The source was corrected"),
    "late": _("The result arrived later"),
    "query": _("Answer to a query"),
    "other": _("Other"),
}
REASON = "entry."

TEXTS = {
    **{f"{REASON}{code}": words for code, words in REASONS.items()},
    "query.unusual": _(UNUSUAL),
    "query.birth_date": _(AGE_DISAGREES),
    "query.corrected": _("The value was corrected."),
    # Translators: number of a row of a table, and its value.
    "query.row_removed": _("Row %(row)s was removed (%(value)s)."),
    "patients.never_saved": _("Sent with a form that was never saved"),
    "process.checks": _("Edit checks"),
    "process.clear_uploads": _("Clearing of files never saved"),
    "process.schedule": _("Schedule"),
    "process.withdraw_protocol": _("Withdrawal of a protocol version"),
}
