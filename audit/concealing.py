"""What the trail keeps and does not tell: to nobody yet, or only to those with a right (RND-01, BLD-03)."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db import models

from audit.trail import trail_of


def keys_to_ask(rows: Iterable[Any]) -> dict[type[models.Model], set[Any]]:
    """Return by model the keys of history rows with columns that are told only once another one is filled."""
    found: dict[type[models.Model], set[Any]] = {}
    for row in rows:
        model = getattr(row, "instance_type", None)
        if model is not None and (hidden := trail_of(model).concealed) is not None and hidden.until:
            found.setdefault(model, set()).add(getattr(row, model._meta.pk.attname))
    return found


def told_rows(model: type[models.Model], keys: Collection[Any] | None = None) -> set[Any]:
    """Return the keys (of all rows, or of these) whose concealed columns may be told by now. One query."""
    hidden = trail_of(model).concealed
    rows = model._base_manager.filter(**{f"{hidden.until}__isnull": False} if hidden else {})
    return set((rows if keys is None else rows.filter(pk__in=keys)).values_list("pk", flat=True))


def hidden_columns(
    model: type[models.Model], key: Any, *, may: Collection[str], told: Collection[Any]
) -> Mapping[str, str]:
    """Return the columns of a row that this reader is not told, with the words that stand in their place.

    told: the keys whose columns may be told by now.
    """
    hidden = trail_of(model).concealed
    if hidden is None or (hidden.may and hidden.may in may) or (hidden.until and key in told):
        return {}
    return dict.fromkeys(hidden.columns, hidden.words)
