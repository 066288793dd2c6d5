"""Messages of a refused call, by field."""

import pytest
from django.core.exceptions import ValidationError


def refused(verb, *arguments, **options) -> dict[str, list[str]]:
    """Return the messages of a ValidationError by field; those without a field under ""."""
    with pytest.raises(ValidationError) as refusal:
        verb(*arguments, **options)
    error = refusal.value
    return error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
