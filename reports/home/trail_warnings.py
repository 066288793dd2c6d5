"""Warnings on the administrator's home: a clock that was set back, and copies of the seals that cannot be written."""

from datetime import timedelta

from django.utils.translation import gettext as _

from audit import clock
from audit.models import ClockTurn, TrailReview
from audit.sealing.seal_files import failing_copies
from reports.home.workload import Workload
from safety.labels import duration_text
from safety.reporting_clocks.clocks import span


def trail_warnings(work: Workload) -> list[str]:
    """Return the warnings about the trail for the reader's role: none but for administrators.

    One statement for the clock, one more if it was set back, one for each copy of the seals.
    """
    if work.access.role.code != "administrator":
        return []
    return [*_clock(work), *(_copy(place) for place in failing_copies())]


def _clock(work: Workload) -> list[str]:
    """Warn of a clock that is behind now, or was set back and the trail not reviewed since."""
    if behind := clock.behind_by(work.trail_waits.newest):
        return [
            _(
                "The clock of the server is %(time)s behind the newest entry of the audit trail. Set it right and keep "
                "it right with a time service: days and deadlines are computed with it."
            )
            % {"time": _length(behind)}
        ]
    turn = clock.last_turn()
    if turn is None or _reviewed_since(turn, work.trial.pk):
        return []
    return [
        _(
            "The clock of the server was set back by %(time)s. Entries of the audit trail stay in the order in which "
            "they were written. Find out why, then have the trail reviewed: the review ends this message."
        )
        % {"time": _length(turn.before - turn.after)}
    ]


def _reviewed_since(turn: ClockTurn, trial_id: int) -> bool:
    last_before = turn.marks.get(TrailReview._meta.db_table, 0)
    return TrailReview.objects.filter(trial_id=trial_id, pk__gt=last_before).exists()


def _copy(place: str) -> str:
    return _(
        "The copy of the seals %(place)s cannot be written. Sealing goes on; the copy gets what it lacks when it is "
        "reachable again."
    ) % {"place": place}


def _length(time: timedelta) -> str:
    return duration_text(span(time)) if time >= timedelta(minutes=1) else _("less than a minute")
