"""The reason for a correction: whoever changes what was recorded says why (AUD-04)."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from audit.stored_text import Text, trimmed


def required_reason(reason: Text) -> Text:
    """Return the reason without blanks around it. Raises ValidationError if it is empty."""
    found = trimmed(reason)
    if not found:
        raise ValidationError({"reason": _("Say why this is changed.")})
    return found
