"""What the patients room stores as code: reasons for change, texts of queries, names of its processes."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from protocol.values.parsing import UNUSUAL

# Why a complete form changes, in the order in which they are offered.
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
    "query.corrected": _("The value was corrected."),
    "patients.never_saved": _("Sent with a form that was never saved"),
    "process.checks": _("Edit checks"),
    "process.clear_uploads": _("Clearing of files never saved"),
    "process.schedule": _("Schedule"),
}
