"""Refusal of a typed value, with a sentence for the user.

The pure modules do not import Django: a refusal holds a template and its parameters, and `sentence(translate)`
renders it in the reader's language.
"""

from collections.abc import Callable
from typing import Any


def gettext_noop(sentence: str) -> str:
    """Return the sentence unchanged. `makemessages` finds texts by this name, as it finds Django's function."""
    return sentence


class ValueRefused(ValueError):
    """The typed text is not a value of the item's type; the message says what to type instead."""

    def __init__(self, template: str, **parameters: Any) -> None:
        self.template = template
        self.parameters = parameters
        super().__init__(template, parameters)

    def sentence(self, translate: Callable[[str], str] = str) -> str:
        """Return the sentence in the language of `translate`; in English without it."""
        return translate(self.template) % self.parameters if self.parameters else translate(self.template)

    def __str__(self) -> str:
        return self.sentence()
