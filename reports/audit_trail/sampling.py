"""The random sample of a planned review: drawn from all entries of a view since the sample of its last review.

The seed is kept with the review, so that anybody can see that the sample was not chosen. Between showing and recording
the sample travels with the page, signed: nobody can review other entries than were drawn.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Any

from django.core import signing
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from audit.models import SavedView, TrailReview
from audit.trail_index import pages
from audit.trail_index.finding import Found
from audit.trail_reading.reading import TrailEntry
from audit.trail_reading.sources import Filter
from reports.audit_trail.page import TrailPage

SALT = "reports.audit_trail.sampling"
# Without a sample size all entries are reviewed, on one page as long as there are not more than these.
MOST = 200


@dataclass(frozen=True)
class Drawn:
    """A drawn sample: entries as (number, time, table, row), of how many, with which seed, when."""

    entries: tuple[Found, ...]
    of: int
    seed: str
    at: datetime

    @property
    def seen(self) -> dict[str, Any]:
        """Return the sample as the review stores it: seed, size of the population, entries by table and number."""
        return {
            "sample": [[each.source, each.row] for each in self.entries],
            "of": self.of,
            "seed": self.seed,
            "drawn": self.at.isoformat(),
        }


def nothing(at: datetime) -> Drawn:
    """Return a sample without entries."""
    return Drawn((), 0, "", at)


def draw(page: TrailPage, view: SavedView, at: datetime, seed: str = "") -> Drawn:
    """Draw the sample of a view from its entries since the last sample that was reviewed. Reads where all of them are.

    at: a moment before the index was brought up to date, so that every earlier entry is in it. seed: draws the same
    sample again.
    """
    seed = seed or secrets.token_hex(8)
    population = _since(page.form.filter(), _last_drawn(view))
    chosen, of = _reservoir(page, population, view.sample or MOST, Random(seed))  # noqa: S311
    return Drawn(tuple(sorted(chosen)), of, seed, at)


def _last_drawn(view: SavedView) -> datetime | None:
    """Return when the last reviewed sample was drawn; None before the first review.

    Not when it was reviewed: what was written in between was in no sample.
    """
    reviews = TrailReview.objects.filter(view_id=view.pk).values_list("seen", "reviewed_at")
    return max((parse_datetime(seen.get("drawn", "")) or at for seen, at in reviews), default=None)


def _since(trail_filter: Filter, since: datetime | None) -> Filter:
    if since is None or (trail_filter.since is not None and trail_filter.since >= since):
        return trail_filter
    return replace(trail_filter, since=since)


def _reservoir(page: TrailPage, trail_filter: Filter, size: int, rng: Random) -> tuple[list[Found], int]:
    """Return a random sample of the entries, and how many there are. Memory holds the sample only."""
    chosen: list[Found] = []
    number = 0
    for run in pages.runs(trail_filter, may=page.may, oldest_first=True, size=5000):
        for each in run:
            number += 1
            if len(chosen) < size:
                chosen.append(each)
            elif (place := rng.randrange(number)) < size:
                chosen[place] = each
    return chosen, number


def entries(drawn: Drawn, page: TrailPage) -> list[TrailEntry]:
    """Return the entries of a sample."""
    return pages.load(drawn.entries, page.reader) if drawn.entries else []


def written(drawn: Drawn, view: SavedView) -> str:
    """Return a sample as signed text."""
    rows = [[each.number, each.at.isoformat(), each.source, each.row] for each in drawn.entries]
    content = {"view": view.pk, "rows": rows, "of": drawn.of, "seed": drawn.seed, "at": drawn.at.isoformat()}
    return signing.dumps(content, salt=SALT, compress=True)


def read(text: str, view: SavedView) -> Drawn | None:
    """Return the sample of a signed text; None if it is not one of this view."""
    try:
        content = signing.loads(text, salt=SALT)
    except signing.BadSignature:
        return None
    if content["view"] != view.pk:
        return None
    rows = tuple(Found(number, _moment(at), source, row) for number, at, source, row in content["rows"])
    return Drawn(rows, content["of"], content["seed"], _moment(content["at"]))


def _moment(text: str) -> datetime:
    return parse_datetime(text) or timezone.now()
