"""The pages and entries of the trail that a reviewer saw under a filter, noted in the session until the review."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from reports.audit_trail.page import TrailPage
from trials.access import TrialRequest

KEY = "trail_seen"
# Filters kept: whoever opens more loses what was seen under the oldest.
MOST = 20
FIRST = "first"


def note(request: TrialRequest, page: TrailPage) -> None:
    """Note the page of the trail that is shown; the same page counts once."""
    kept: dict[str, Any] = request.session.get(KEY, {})
    name = _name(page)
    seen = kept.pop(name, None) or {"since": timezone.now().isoformat(), "pages": {}}
    place = page.parameters.get("after", "") or FIRST
    if seen["pages"].get(place) == len(page.page.entries) and next(reversed([*kept, name])) == name:
        return
    seen["pages"][place] = len(page.page.entries)
    kept[name] = seen
    request.session[KEY] = dict(list(kept.items())[-MOST:])


def seen(request: TrialRequest, page: TrailPage) -> dict[str, Any]:
    """Return how many pages and entries were seen under the filters of a page."""
    pages = _noted(request, page).get("pages", {})
    return {"pages": len(pages), "entries": sum(pages.values())}


def since(request: TrialRequest, page: TrailPage) -> datetime:
    """Return when the reviewer first opened the trail with these filters; now if never."""
    text = _noted(request, page).get("since", "")
    return (parse_datetime(text) if text else None) or timezone.now()


def forget(request: TrialRequest, page: TrailPage) -> None:
    """Forget what was seen under the filters of a page: it was reviewed."""
    kept = dict(request.session.get(KEY, {}))
    if kept.pop(_name(page), None) is not None:
        request.session[KEY] = kept


def _noted(request: TrialRequest, page: TrailPage) -> dict[str, Any]:
    found: dict[str, Any] = request.session.get(KEY, {}).get(_name(page), {})
    return found


def _name(page: TrailPage) -> str:
    return f"{page.trial.pk}?{page.query}"
