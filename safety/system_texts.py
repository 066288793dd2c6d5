"""Sentences that `safety` stores as codes: reasons for changing an adverse event."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from patients.system_texts import REASONS as SHARED

# In the order of the pick-list.
REASONS: dict[str, Promise] = {
    "correction": _("Correction of an entry error"),
    "new_information": _("New information"),
    "course": _("The event continued, changed or ended"),
    **{code: SHARED[code] for code in ("query", "other")},
}
REASON = "event."

TEXTS = {
    **{f"{REASON}{code}": words for code, words in REASONS.items()},
    "event.reported": _("Reported to the sponsor"),
    "event.assessed": _("First assessment of the causality"),
    "event.coded": _("Coding of the event"),
    "event.grade_changed": _("The grade changed"),
    "case.opened": _("Drug safety of the sponsor opened a case"),
    "case.decided": _("Decision on a case"),
    "case.completed": _("Answers for the authority"),
    "case.coded": _("Coding of a case"),
    "case.sent": _("Report sent to the authority"),
    "case.answered": _("Answer of the authority"),
    "case.followed_up": _("Follow-up sent"),
    "case.new_information": _("The site reported new information"),
    "case.event_changed": _("The event was judged anew"),
    "event.draft_finished": _("The event was saved"),
    "deviation.event_not_reported": _("The event was not reported to the sponsor by %(day)s, %(time)s."),
}
