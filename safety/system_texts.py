"""What the safety room stores as code: why an adverse event changes."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# In the order in which they are offered.
REASONS: dict[str, Promise] = {
    "correction": _("Correction of an entry error"),
    "new_information": _("New information"),
    "course": _("The event went on, changed or ended"),
    "query": _("Answer to a query"),
    "other": _("Other"),
}
REASON = "event."

TEXTS = {
    **{f"{REASON}{code}": words for code, words in REASONS.items()},
    "event.reported": _("Reported to the sponsor"),
}
