"""Messages of a refused call, by field; questions of a call that asks before it stores."""

import pytest
from django.core.exceptions import ValidationError

from patients.participation.questions import Questioned


def refused(verb, *arguments, **options) -> dict[str, list[str]]:
    """Return the messages of a ValidationError by field; those without a field under ""."""
    with pytest.raises(ValidationError) as refusal:
        verb(*arguments, **options)
    error = refusal.value
    return error.message_dict if hasattr(error, "error_dict") else {"": error.messages}


def asked(verb, *arguments, **options) -> list[str]:
    """Return the questions that a call asks before it stores."""
    with pytest.raises(Questioned) as questioned:
        verb(*arguments, **options)
    return [question.text for question in questioned.value.questions]
