"""Values that the trail stores but conceals, for a time or from readers without a right (RND-01, BLD-03)."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db import models

from audit.trail import Concealed, trail_of

NOTHING = Concealed()
LATER = "later"


def concealable_keys(rows: Iterable[Any]) -> dict[type[models.Model], set[Any]]:
    """Return by model the keys of history rows whose columns are concealed until another column is filled."""
    keys_by_model: dict[type[models.Model], set[Any]] = {}
    for row in rows:
        model = getattr(row, "instance_type", None)
        if model is not None and (concealed := trail_of(model).concealed) is not None and concealed.until:
            keys_by_model.setdefault(model, set()).add(getattr(row, model._meta.pk.attname))
    return keys_by_model


def revealed_keys(model: type[models.Model], keys: Collection[Any] | None = None) -> set[Any]:
    """Return the keys (of all rows, or of `keys`) whose columns are filled until which something is concealed.

    A key stands with `LATER` once that of what stays concealed longer is filled too. One query, two with such columns.
    """
    concealed = trail_of(model).concealed
    found: set[Any] = set(_filled(model, concealed.until if concealed else "", keys))
    if concealed is not None and concealed.later is not None:
        found |= {(LATER, key) for key in _filled(model, concealed.later.until, keys)}
    return found


def _filled(model: type[models.Model], until: str, keys: Collection[Any] | None) -> Iterable[Any]:
    rows = model._base_manager.filter(**{f"{until}__isnull": False} if until else {})
    return (rows if keys is None else rows.filter(pk__in=keys)).values_list("pk", flat=True)


def concealed_from_reader(
    model: type[models.Model], key: Any, *, may: Collection[str], revealed: Collection[Any]
) -> Concealed:
    """Return the part of a row that is concealed from this reader. `revealed`: the keys of rows that no longer conceal
    anything."""
    concealed = trail_of(model).concealed
    if concealed is None or (concealed.may and concealed.may in may):
        return NOTHING
    if not concealed.until or key not in revealed:
        return concealed
    return NOTHING if concealed.later is None or (LATER, key) in revealed else concealed.later


def without_entries(value: Any, parts: Collection[str]) -> Any:
    """Return a JSON value without the entries `parts` of each object that has all of them."""
    if parts and isinstance(value, Mapping):
        dropped = parts if all(part in value for part in parts) else ()
        return {name: without_entries(inner, parts) for name, inner in value.items() if name not in dropped}
    if parts and isinstance(value, list):
        return [without_entries(inner, parts) for inner in value]
    return value
