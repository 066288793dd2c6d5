"""A typed value that cannot be taken, told in a sentence.

The pure modules know nothing of Django, so a sentence travels as a template and its parameters;
`sentence(translate)` puts it in the reader's language at the edge, where the language is known.
"""

from collections.abc import Callable
from typing import Any


def gettext_noop(sentence: str) -> str:
    """Return the sentence unchanged: by this name `makemessages` finds it, as it does Django's own."""
    return sentence


class ValueRefused(ValueError):
    """What was typed is not a value of the item's type; says what to type instead."""

    def __init__(self, template: str, **parameters: Any) -> None:
        self.template = template
        self.parameters = parameters
        super().__init__(template, parameters)

    def sentence(self, translate: Callable[[str], str] = str) -> str:
        """The sentence in the language of `translate`, English without one."""
        return translate(self.template) % self.parameters if self.parameters else translate(self.template)

    def __str__(self) -> str:
        return self.sentence()
