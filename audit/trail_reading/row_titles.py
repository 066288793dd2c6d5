"""The titles of rows of audited tables in the trail: form and visit, item, analyte, laboratory, person (AUD-02).

Page, CSV and paper name the object of an entry with these words, in the language of the reader. Each room registers the
titles of its models when it starts. They are made from rows that the reader has loaded (`needs` says which), without
queries.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils.translation import gettext as _

from audit.trail import model_labelled, title_of

if TYPE_CHECKING:
    from audit.trail_reading.change_labels import Reader

TitleMaker = Callable[[Any, "Reader"], str]
"""Returns the title of a current row or a history row."""
Needs = Callable[[Any], Iterable[tuple[type[models.Model], Any]]]
"""Returns the rows that the title of a row needs: by model and key."""
PartLabel = Callable[[str], str]
"""Returns what an entry of a JSON column is called, by its key."""

SEPARATOR = " · "
_titles: dict[str, TitleMaker] = {}
_needs: dict[str, Needs] = {}
_parts: dict[tuple[str, str], PartLabel] = {}


def register(
    titles: Mapping[str, TitleMaker],
    needs: Mapping[str, Needs] | None = None,
    parts: Mapping[tuple[str, str], PartLabel] | None = None,
) -> None:
    """Register the titles of models by their label, what the titles need, and labels of parts of JSON columns."""
    _titles.update(titles)
    _needs.update(needs or {})
    _parts.update(parts or {})


def named_models() -> set[str]:
    """Return the labels of the models whose rows have a title."""
    return {"audit.signature", *_titles}


def needs(row: Any) -> Iterator[tuple[type[models.Model], Any]]:
    """Yield the rows that the title of this row needs: by model and key."""
    model = getattr(row, "instance_type", type(row))
    if (found := _needs.get(model._meta.label_lower)) is not None:
        yield from ((to, key) for to, key in found(row) if key is not None)


def title(model: type[models.Model], row: Any, reader: "Reader") -> str:
    """Return the title of a current row or a history row."""
    label = model._meta.label_lower
    if label == "audit.signature":
        return _("Signature on %(what)s") % {"what": title_of_target(row.target_type, row.target_id, reader)}
    make = _titles.get(label)
    return make(row, reader) if make else title_of(model)


def title_of_target(label: str, key: Any, reader: "Reader") -> str:
    """Return the title of a loaded row by the label of its model and its key; of the model if it is not loaded."""
    model = model_labelled(label)
    if model is None:
        return label
    row = reader.find(model, key)
    return title(model, row, reader) if row is not None else title_of(model)


def part_label(model: type[models.Model], column: str, key: str) -> str:
    """Return the name of an entry of a JSON column."""
    label = _parts.get((model._meta.label_lower, column))
    return label(key) if label else key
