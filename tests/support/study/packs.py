"""The tables of a report pack by title, as a reader of the PDF finds them."""

from typing import Any

from accounts.models import User
from reports.packs.making import sections_of
from reports.packs.registry import PACKS
from tests.support.trail_clock import trail_now
from trials.access import access_to
from trials.models import Trial

Table = dict[str, list[str]]
"""The cells of each row by its first cell."""


def chapters(trial: Trial, person: User, code: str, moment: Any = None) -> list[dict[str, Any]]:
    """Return the chapters of a pack for a person, as of now or of a moment."""
    access = access_to(user=person, slug=trial.slug)
    assert access is not None
    return sections_of(PACKS[code], access, moment or trail_now(), "en")


def tables(trial: Trial, person: User, code: str, moment: Any = None) -> dict[str, dict[str, Any]]:
    """Return the tables of a pack by title."""
    found = [table for part in chapters(trial, person, code, moment) for table in part["tables"]]
    assert len({table["title"] for table in found}) == len(found)
    return {table["title"]: table for table in found}


def rows(table: dict[str, Any]) -> Table:
    """Return the rows of a table by their first cell, which must differ."""
    found = {row[0]: row[1:] for row in table["rows"]}
    assert len(found) == len(table["rows"])
    return found
