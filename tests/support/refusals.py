"""What a verb that refuses says, by field."""

import pytest
from django.core.exceptions import ValidationError


def refused(verb, *arguments, **options) -> dict[str, list[str]]:
    """Return the sentences of a refusal by field; those about the whole under ""."""
    with pytest.raises(ValidationError) as refusal:
        verb(*arguments, **options)
    error = refusal.value
    return error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
