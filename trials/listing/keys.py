"""Position of a page in a listing: the sort key of its last row, as a URL parameter."""

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from django.core.exceptions import BadRequest, ValidationError
from django.db.models import F, Field, Model
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from django.utils.translation import gettext as _

Key = tuple[Any, ...]


def key_of(row: Model, fields: Sequence[str]) -> list[str]:
    """Return the key of a row as text."""
    return [_field(type(row), name).value_to_string(row) for name in fields]


def write_key(key: list[str]) -> str:
    """Return a key as a URL parameter."""
    return urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def read_key(token: str, model: type[Model], fields: Sequence[str]) -> Key:
    """Return the key in a URL parameter. Raises BadRequest if `write_key` did not write it for these fields."""
    try:
        texts = json.loads(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ValueError(token)
        key = tuple(_value(_field(model, name), text) for name, text in zip(fields, texts, strict=True))
    except (ValueError, binascii.Error, ValidationError, OverflowError, RecursionError) as problem:
        raise BadRequest(_("This page of the listing does not exist. Start at its first page.")) from problem
    return key


def after_key(fields: Sequence[str], key: Key) -> TupleGreaterThan:
    """Return the condition that a row follows the key, as one row comparison that an index can seek."""
    return TupleGreaterThan(Tuple(*(F(name) for name in fields)), key)


def before_key(fields: Sequence[str], key: Key) -> TupleLessThan:
    """Return the condition that a row precedes the key."""
    return TupleLessThan(Tuple(*(F(name) for name in fields)), key)


def _field(model: type[Model], name: str) -> "Field[Any, Any]":
    return cast("Field[Any, Any]", model._meta.pk if name == "pk" else model._meta.get_field(name))


def _value(field: "Field[Any, Any]", text: str) -> Any:
    # Refuse what the database cannot take: a forged key must not cause a server error.
    text.encode()
    value = field.to_python(text)
    too_large = isinstance(value, int) and abs(value) >= 2**63
    without_zone = isinstance(value, datetime) and value.tzinfo is None
    if value is None or "\0" in text or too_large or without_zone:
        raise ValueError(text)
    return value
