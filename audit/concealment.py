"""Values that the trail stores but conceals, for a time or from readers without a right (RND-01, BLD-03)."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db import models

from audit.trail import Concealed, trail_of

NOTHING = Concealed()


def keys_to_ask(rows: Iterable[Any]) -> dict[type[models.Model], set[Any]]:
    """Return by model the keys of history rows whose columns are concealed until another column is filled."""
    wanted: dict[type[models.Model], set[Any]] = {}
    for row in rows:
        model = getattr(row, "instance_type", None)
        if model is not None and (found := trail_of(model).concealed) is not None and found.until:
            wanted.setdefault(model, set()).add(getattr(row, model._meta.pk.attname))
    return wanted


def told_rows(model: type[models.Model], keys: Collection[Any] | None = None) -> set[Any]:
    """Return the keys (of all rows, or of `keys`) that no longer conceal anything. One query."""
    found = trail_of(model).concealed
    rows = model._base_manager.filter(**{f"{found.until}__isnull": False} if found else {})
    return set((rows if keys is None else rows.filter(pk__in=keys)).values_list("pk", flat=True))


def hidden(model: type[models.Model], key: Any, *, may: Collection[str], told: Collection[Any]) -> Concealed:
    """Return what of a row is concealed from this reader. `told`: the keys of rows that no longer conceal anything."""
    found = trail_of(model).concealed
    if found is None or (found.may and found.may in may) or (found.until and key in told):
        return NOTHING
    return found


def without(value: Any, parts: Collection[str]) -> Any:
    """Return a JSON value without the entries `parts` of each object that has all of them."""
    if parts and isinstance(value, Mapping):
        leave = parts if all(part in value for part in parts) else ()
        return {name: without(inner, parts) for name, inner in value.items() if name not in leave}
    if parts and isinstance(value, list):
        return [without(inner, parts) for inner in value]
    return value
