"""What the trail keeps and does not tell: to nobody yet, or only to those with a right (RND-01, BLD-03)."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db import models

from audit.trail import Concealed, trail_of

NOTHING = Concealed()


def keys_to_ask(rows: Iterable[Any]) -> dict[type[models.Model], set[Any]]:
    """Return by model the keys of history rows with columns that are told only once another one is filled."""
    wanted: dict[type[models.Model], set[Any]] = {}
    for row in rows:
        model = getattr(row, "instance_type", None)
        if model is not None and (found := trail_of(model).concealed) is not None and found.until:
            wanted.setdefault(model, set()).add(getattr(row, model._meta.pk.attname))
    return wanted


def told_rows(model: type[models.Model], keys: Collection[Any] | None = None) -> set[Any]:
    """Return the keys (of all rows, or of these) that conceal nothing any more. One query."""
    found = trail_of(model).concealed
    rows = model._base_manager.filter(**{f"{found.until}__isnull": False} if found else {})
    return set((rows if keys is None else rows.filter(pk__in=keys)).values_list("pk", flat=True))


def hidden(model: type[models.Model], key: Any, *, may: Collection[str], told: Collection[Any]) -> Concealed:
    """Return what of a row this reader is not told. `told`: the keys of the rows that may be told by now."""
    found = trail_of(model).concealed
    if found is None or (found.may and found.may in may) or (found.until and key in told):
        return NOTHING
    return found


def without(value: Any, parts: Collection[str]) -> Any:
    """Return a JSON value without these entries of each object that has all of them."""
    if parts and isinstance(value, Mapping):
        leave = parts if all(part in value for part in parts) else ()
        return {name: without(inner, parts) for name, inner in value.items() if name not in leave}
    if parts and isinstance(value, list):
        return [without(inner, parts) for inner in value]
    return value
