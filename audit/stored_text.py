"""Text columns for sentences of the system (stored as code and parameters) and for text that a person typed.

A page translates a sentence of the system for its reader; typed text stays as it was typed. A column holds either
typed text, or a compact JSON object:

    {"code":"entry.transcription","says":{"en":"Transcription error"},"typed":"27 read as 72"}

`templates` holds the English sentence, so that the stored row can be read without this program; `typed` the text that a
person added; `with` the parameters of the sentence. Each app registers its codes when the application starts.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
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


def reader_language() -> str:
    """Return the language code of the current request; English without one."""
    return get_language() or ENGLISH


@dataclass(frozen=True)
class StoredText:
    """A sentence of the system, with the text that a person added (`typed`).

    templates: the sentence by language, always in English. It is shown if the code is not registered, as for the
    message of an edit check, which the protocol file holds in several languages. parameters: texts, other stored
    texts, decimals and days, which are written as the reader writes them.
    """

    code: str
    templates: Mapping[str, str]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    typed: str = ""

    def __str__(self) -> str:
        return self.in_language(reader_language())

    def __hash__(self) -> int:
        return hash(self.stored)

    def in_language(self, language: str) -> str:
        """Return the sentence in a language, followed by the text that a person added."""
        with override(language):
            sentence = self._sentence(language)
            if not self.typed:
                return sentence
            # Translators: a reason chosen from a list, then the same person's own words.
            return _("%(reason)s: %(words)s") % {"reason": sentence, "words": self.typed}

    def _sentence(self, language: str) -> str:
        template = _templates.get(self.code)
        if template is None:
            return self._as_stored(language)
        try:
            return filled(str(template), self.parameters, language) if self.parameters else str(template)
        except (KeyError, TypeError, ValueError):
            # Stored by a version of the software whose sentence had other parameters.
            return self._as_stored(language)

    def _as_stored(self, language: str) -> str:
        """Return the sentence as it was stored, in the language or in English; the code without one."""
        return (
            self.templates.get(language)
            or self.templates.get(language[:2])
            or self.templates.get(ENGLISH)
            or self.code
        )

    @property
    def stored(self) -> str:
        """Return the text of the column."""
        parts = {"says": dict(self.templates), "with": _plain(self.parameters), "typed": self.typed}
        return canonical({"code": self.code, **{name: part for name, part in parts.items() if part}})


Text: TypeAlias = str | StoredText
"""Text that a person typed, or a sentence of the system."""


def register(templates: Mapping[str, str | Promise]) -> None:
    """Register the sentences of codes, lazily translated. Raises ValueError for a code with another sentence."""
    for code, template in templates.items():
        if _templates.setdefault(code, template) is not template:
            raise ValueError(f"The code {code} has a sentence already")


def system_text(code: str, typed: str = "", **parameters: Any) -> StoredText:
    """Return the sentence of a registered code with its parameters. Raises KeyError for an unknown code."""
    template = _templates[code]
    with override(ENGLISH):
        sentence = filled(str(template), parameters, ENGLISH) if parameters else str(template)
    return StoredText(code, {ENGLISH: sentence}, parameters, typed)


def title_of_code(code: str, otherwise: str) -> str:
    """Return the sentence of a registered code in the active language; `otherwise` for an unknown code."""
    return str(_templates.get(code, otherwise))


def written(text: Text) -> str:
    """Return the text of the column. Typed text that looks like a stored sentence is wrapped, to be read as typed."""
    if isinstance(text, StoredText):
        return text.stored
    return canonical({"typed": text}) if text.startswith((CODED, TYPED)) else text


def read(column: str) -> Text:
    """Return the content of a column; text that is not a valid stored sentence counts as typed."""
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
            templates, parameters, added = rest.get("says", {}), rest.get("with", {}), rest.get("typed", "")
            if isinstance(templates, dict) and isinstance(parameters, dict) and isinstance(added, str):
                return StoredText(
                    code, templates, {name: _part(part) for name, part in parameters.items()}, added
                )
    return None


def _part(part: Any) -> Any:
    """Return a parameter as `StoredText` takes it: a decimal, a day and a nested sentence stay free of language."""
    match part:
        case {"number": str(number)}:
            return Decimal(number)
        case {"day": str(day)}:
            return date.fromisoformat(day)
        case dict():
            return part if (found := _read(part)) is None else found
    return part


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain_part(part) for name, part in parameters.items()}


def _plain_part(part: Any) -> Any:
    if isinstance(part, Decimal):
        return {"number": f"{part:f}"}
    if isinstance(part, date):
        return {"day": part.isoformat()}
    return json.loads(part.stored) if isinstance(part, StoredText) else part


def english(text: Any) -> Any:
    """Return a stored text in English, as exports write it; anything else unchanged."""
    return text.in_language(ENGLISH) if isinstance(text, StoredText) else text


def code_of(text: Any) -> str:
    """Return the code of a sentence of the system; empty for typed text."""
    return text.code if isinstance(text, StoredText) else ""


def trimmed(text: Text) -> Text:
    """Return typed text without leading and trailing blanks; a sentence of the system unchanged."""
    return text if isinstance(text, StoredText) else text.strip()


class StoredTextField(_TextField):
    """A text column whose value is typed text (`str`) or a sentence of the system (`StoredText`).

    Migrations see a plain text column.
    """

    if TYPE_CHECKING:
        _pyi_private_set_type: Any
        _pyi_private_get_type: Any

    def deconstruct(self) -> Any:
        """Return the field as a `TextField` for migrations."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Text | None:
        """Return the value of a column that was read."""
        return None if value is None else read(value)

    def to_python(self, value: Any) -> Any:
        """Return the assigned value; a StoredText is not converted to a string."""
        return value if isinstance(value, StoredText) else super().to_python(value)

    def get_prep_value(self, value: Any) -> Any:
        """Return the text of the column."""
        value = super().get_prep_value(value)
        return written(value) if isinstance(value, str | StoredText) else value

    def value_to_string(self, obj: Any) -> str:
        """Return the text of the column for a serialised row."""
        return str(self.get_prep_value(self.value_from_object(obj)))
