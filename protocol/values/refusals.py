"""Refusal of a typed value, with a sentence for the user.

The pure modules know nothing of Django, so a sentence travels as a template and its parameters;
`sentence(translate, language)` puts it in the reader's language at the edge, where the language is known.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from protocol.values.writing import day_text, number_text


def gettext_noop(sentence: str) -> str:
    """Return the sentence unchanged. `makemessages` finds texts by this name, as it finds Django's function."""
    return sentence


def filled(template: str, parameters: Mapping[str, Any], language: str) -> str:
    """Return a translated template with its parameters; days and decimals are written for the language."""
    return template % {name: _written(value, language) for name, value in parameters.items()}


def _written(value: Any, language: str) -> Any:
    if isinstance(value, dt.date):
        return day_text(value, language)
    return number_text(f"{value:f}", language) if isinstance(value, Decimal) else value


class ValueRefused(ValueError):
    """The typed text is not a value of the item's type; the message says what to type instead."""

    def __init__(self, template: str, **parameters: Any) -> None:
        self.template = template
        self.parameters = parameters
        super().__init__(template, parameters)

    def sentence(self, translate: Callable[[str], str] = str, language: str = "en") -> str:
        """Return the sentence in the language of `translate`, English without one."""
        template = translate(self.template)
        return filled(template, self.parameters, language) if self.parameters else template

    def __str__(self) -> str:
        return self.sentence()
