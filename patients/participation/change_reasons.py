"""The reason for a change as a form asks for it: a choice, and words of one's own. The same list answers queries."""

from collections.abc import Mapping, MutableMapping
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from audit.stored_text import Text, system_text
from patients.participation.asked_facts import ANSWER
from patients.system_texts import REASON, REASONS

FIELDS = ("reason", "reason_text")
OTHER, QUERY = "other", "query"


def reason_fields(
    reasons: Mapping[str, str | Promise] = REASONS,
    *,
    required: bool = True,
    longest: int = 500,
    help_text: Any = "",
) -> dict[str, forms.Field]:
    """Return the two fields of the reason for a change, by name."""
    return {
        "reason": forms.ChoiceField(
            label=_("Reason for the change"),
            choices=[("", _("Choose")), *reasons.items()],
            required=required,
            help_text=help_text,
            error_messages={"required": _("Say why this is changed.")},
        ),
        "reason_text": forms.CharField(
            label=_("In your words"), required=False, max_length=longest, help_text=_("Needed for “Other”.")
        ),
    }


def given_reason(
    answers: MutableMapping[str, Any], reasons: Mapping[str, str | Promise] = REASONS, prefix: str = REASON
) -> Text:
    """Take the two answers out of `answers` and return the reason as it is stored.

    Empty without a choice, or “Other” without words. “Answer to a query” has one code in every list.
    """
    chosen, words = answers.pop("reason", ""), answers.pop("reason_text", "").strip()
    if chosen not in reasons or (chosen == OTHER and not words):
        return ""
    return system_text(ANSWER if chosen == QUERY else f"{prefix}{chosen}", words)
