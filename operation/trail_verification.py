"""Verification of the trail that is asked for on a page and run by the worker; its result is kept (AUD-07).

Both are events: the trail itself says who asked, when it was verified, and with which result.
"""

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any

from django.utils import timezone

from accounts.models import User
from audit import events
from audit.models import AccessEvent
from audit.sealing.seal_files import SealBroken
from audit.sealing.verification import Tally, TrailFinding, findings
from audit.trail import names_restricted
from trials.models import Trial

# Verified by itself if nobody asked for so long.
EVERY = timedelta(days=7)
# A damaged table may have a finding in every row: so many are counted, and the first is told.
MOST = 1000


def ask_for_verification(*, trial: Trial, by: User) -> AccessEvent:
    """Record that a person asks for a verification; return the request that waits if there is one already."""
    waiting = waiting_request()
    if waiting is not None:
        return waiting
    kind = events.AccessKind.VERIFICATION
    return events.record(kind=kind, user=by, trial_id=trial.pk, detail={"stage": "asked"})


def waiting_request() -> AccessEvent | None:
    """Return the last request if nothing has been verified since. Two queries."""
    rows = AccessEvent.objects.filter(kind=events.AccessKind.VERIFICATION).order_by("-pk")
    last = rows.filter(detail__stage="asked").first()
    done = last_result()
    return last if last is not None and (done is None or done.pk < last.pk) else None


def last_result() -> AccessEvent | None:
    """Return the event of the last verification. One query."""
    rows = AccessEvent.objects.filter(kind=events.AccessKind.VERIFICATION, detail__stage="finished")
    return rows.order_by("-pk").first()


def verify_if_asked() -> AccessEvent | None:
    """Verify the trail if a person asked for it, or if it was last verified long ago. Return the kept result."""
    asked, last = waiting_request(), last_result()
    if asked is None and last is not None and timezone.now() - last.at < EVERY:
        return None
    return verify(asked)


def verify(asked: AccessEvent | None) -> AccessEvent:
    """Verify the whole trail now, and keep the result as an event."""
    begun, tally = time.monotonic(), Tally()
    found = list(islice(_found(tally), MOST))
    detail = {
        "stage": "finished",
        "findings": len(found),
        **kept_findings(found),
        "seals": tally.seals,
        "rows": tally.rows,
        "signatures": tally.signatures,
        "files": tally.files,
        "newer": tally.newer,
        "seconds": round(time.monotonic() - begun, 1),
    }
    if asked is not None:
        detail["asked_as"] = asked.pk
    trial = asked.trial_id if asked is not None else None
    return events.record(kind=events.AccessKind.VERIFICATION, trial_id=trial, detail=detail)


def kept_findings(found: Sequence[TrailFinding]) -> dict[str, Any]:
    """Return the findings that are kept: the first ones.

    The first place may be a table that some readers must not know of: they are told the first of the other tables.
    """
    texts = [str(each) for each in found]
    open_ones = (text for text in texts if not names_restricted(text))
    return {"first": next(open_ones, ""), "first of all": texts[0] if texts else ""}


def _found(tally: Tally) -> Iterator[TrailFinding]:
    try:
        yield from findings(tally)
    except SealBroken as broken:
        yield TrailFinding("file of the heads", str(broken))
