"""The index of the trail after a redaction: the words of a masked text are not found any more (AUD-12)."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import models

from audit.models import TrailIndexRow
from audit.trail import history_model, tracked_models
from audit.trail_index import words
from audit.trail_index.entries import IndexedEntry, indexed_tables


@dataclass(frozen=True)
class IndexedWords:
    """An entry of the index with its words: its number in the index, its table and its number there."""

    number: int
    source: str
    row: int
    words: list[str]


def entries(
    masked: Collection[tuple[str, int]], owners: Collection[tuple[type[models.Model], int]]
) -> list[IndexedWords]:
    """Return the indexed entries that will lose words: the masked ones, and all of the rows, which show old values."""
    labels = {history_model(each)._meta.db_table: each._meta.label_lower for each in tracked_models()}
    rows = set[tuple[str, int]]()
    for model, key in owners:
        indexed = TrailIndexRow.objects.filter(source=model._meta.label_lower, key=key)
        rows |= set(indexed.values_list("source", "row"))
    rows |= {(labels[table], row) for table, row in masked}
    found = []
    for source, row in sorted(rows):
        number = TrailIndexRow.objects.filter(source=source, row=row).values_list("id", flat=True).first()
        if number is not None:
            found.append(IndexedWords(number, source, row, words.words_of(_entry(source, row).texts())))
    return found


def index_again(before: Collection[IndexedWords]) -> None:
    """Replace the words of entries by those that they hold now."""
    words.remove([(each.number, each.words) for each in before])
    words.add([(each.number, words.words_of(_entry(each.source, each.row).texts())) for each in before])


def _entry(source: str, row: int) -> IndexedEntry:
    table = next(each for each in indexed_tables() if each.name == source)
    (entry,) = table.find(row - 1, row, 1)
    return entry
