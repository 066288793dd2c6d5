"""Texts as the database keeps them: what the system says as code and parameters, what a person typed as it is.

A page puts what the system says into words for whoever reads it; a person's own words keep the language they were
typed in. A column holds either the words of a person, or a compact JSON object:

    {"code":"entry.transcription","says":{"en":"Transcription error"},"typed":"27 read as 72"}

`says` holds the English sentence, so that the stored row can be read without this program; `typed` what a person
added; `with` the parameters of the sentence. Every room registers its own codes when the application starts.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from audit.canonical import canonical
from protocol.values.refusals import filled

CODED, TYPED = '{"code":', '{"typed":'
ENGLISH = "en"
_templates: dict[str, str | Promise] = {}

if TYPE_CHECKING:
    _TextField = models.TextField[Any, Any]
else:
    _TextField = models.TextField


@dataclass(frozen=True)
class StoredText:
    """A sentence of the system, with what a person added in their own words.

    says: the sentence by language, English always; it is shown where the code is not registered, such as the message
    of a check, which the protocol file has in several languages. parameters: texts, other stored texts, and decimals,
    which the reader gets with their own decimal sign.
    """

    code: str
    says: Mapping[str, str]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    typed: str = ""

    def __str__(self) -> str:
        return self.in_language(get_language() or ENGLISH)

    def __hash__(self) -> int:
        return hash(self.stored)

    def in_language(self, language: str) -> str:
        """Return the sentence in a language, then what a person added, as it was typed."""
        with override(language):
            sentence = self._sentence(language)
            if not self.typed:
                return sentence
            # Translators: a reason chosen from a list, then the same person's own words.
            return _("%(reason)s: %(words)s") % {"reason": sentence, "words": self.typed}

    def _sentence(self, language: str) -> str:
        template = _templates.get(self.code)
        if template is not None:
            try:
                return filled(str(template), self.parameters, language) if self.parameters else str(template)
            except (KeyError, TypeError, ValueError):
                # Stored by a version whose sentence had other parameters: it is shown as it was kept.
                pass
        return self.says.get(language) or self.says.get(language[:2]) or self.says.get(ENGLISH) or self.code

    @property
    def stored(self) -> str:
        """Return the text of the column."""
        parts = {"says": dict(self.says), "with": _plain(self.parameters), "typed": self.typed}
        return canonical({"code": self.code, **{name: part for name, part in parts.items() if part}})


Text: TypeAlias = str | StoredText
"""The words of a person, or what the system says."""


def register(templates: Mapping[str, str | Promise]) -> None:
    """Give codes their sentences, lazily translated. Raises ValueError for a code that has a sentence already."""
    for code, template in templates.items():
        if _templates.setdefault(code, template) is not template:
            raise ValueError(f"The code {code} has a sentence already")


def say(code: str, typed: str = "", **parameters: Any) -> StoredText:
    """Return what the system says by a registered code. Raises KeyError for an unknown one."""
    template = _templates[code]
    with override(ENGLISH):
        sentence = filled(str(template), parameters, ENGLISH) if parameters else str(template)
    return StoredText(code, {ENGLISH: sentence}, parameters, typed)


def title(code: str, otherwise: str) -> str:
    """Return the words of a registered code in the active language; `otherwise` for an unknown one."""
    return str(_templates.get(code, otherwise))


def written(text: Text) -> str:
    """Return the text of the column. Typed words that look like a stored sentence are wrapped: they stay typed."""
    if isinstance(text, StoredText):
        return text.stored
    return canonical({"typed": text}) if text.startswith((CODED, TYPED)) else text


def read(column: str) -> Text:
    """Return what a column holds; anything that is not of this form is shown as it is."""
    if not column.startswith((CODED, TYPED)):
        return column
    try:
        found = _read(json.loads(column))
    except (ValueError, ArithmeticError):
        return column
    return column if found is None else found


def _read(parts: Any) -> Text | None:
    match parts:
        case {"typed": str(typed), **rest} if not rest:
            return typed
        case {"code": str(code), **rest}:
            says, parameters, added = rest.get("says", {}), rest.get("with", {}), rest.get("typed", "")
            if isinstance(says, dict) and isinstance(parameters, dict) and isinstance(added, str):
                return StoredText(code, says, {name: _part(part) for name, part in parameters.items()}, added)
    return None


def _part(part: Any) -> Any:
    """Return a parameter: a decimal and a stored text are put into words with the sentence around them."""
    match part:
        case {"number": str(number)}:
            return Decimal(number)
        case dict():
            return part if (found := _read(part)) is None else found
    return part


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain_part(part) for name, part in parameters.items()}


def _plain_part(part: Any) -> Any:
    if isinstance(part, Decimal):
        return {"number": f"{part:f}"}
    return json.loads(part.stored) if isinstance(part, StoredText) else part


def english(text: Any) -> Any:
    """Return a stored text in English, as exports write it; anything else as it is."""
    return text.in_language(ENGLISH) if isinstance(text, StoredText) else text


def code_of(text: Any) -> str:
    """Return the code of what the system says; empty for a person's words."""
    return text.code if isinstance(text, StoredText) else ""


def trimmed(text: Text) -> Text:
    """Return the text without blanks around what was typed."""
    return text if isinstance(text, StoredText) else text.strip()


class StoredTextField(_TextField):
    """A text column whose value is a person's words (`str`) or what the system says (`StoredText`).

    A migration sees the plain text column that it is.
    """

    if TYPE_CHECKING:
        _pyi_private_set_type: Any
        _pyi_private_get_type: Any

    def deconstruct(self) -> Any:
        """Return the column as migrations know it."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Text | None:
        """Return the value of a row that was read."""
        return None if value is None else read(value)

    def to_python(self, value: Any) -> Any:
        """Return the value as it is assigned."""
        return value if isinstance(value, StoredText) else super().to_python(value)

    def get_prep_value(self, value: Any) -> Any:
        """Return the text of the column."""
        value = super().get_prep_value(value)
        return written(value) if isinstance(value, str | StoredText) else value

    def value_to_string(self, obj: Any) -> str:
        """Return the text of the column for a serialised row."""
        return str(self.get_prep_value(self.value_from_object(obj)))
