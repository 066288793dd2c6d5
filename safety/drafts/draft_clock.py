"""When the reporting clock of a draft of an adverse event starts. Pure functions, no Django."""

from collections.abc import Collection
from datetime import datetime

from safety.classification import FATAL, SeriousnessCriterion, is_reported

GRADE_OF_A_CLOCK = 4


def may_be_serious(
    *, seriousness: Collection[str], grade: int | None, outcome: str, kind: str = "", expedited: bool = False
) -> bool:
    """Return whether a draft has to be reported: any criterion, grade 4 or 5, a fatal outcome, its kind or category.

    expedited: the protocol reports its category of special interest like a serious event.

    A draft is judged by what is typed, also if the answers contradict each other.
    """
    criteria = frozenset(seriousness) & frozenset(SeriousnessCriterion)
    return (
        bool(criteria)
        or (grade is not None and grade >= GRADE_OF_A_CLOCK)
        or outcome == FATAL
        or is_reported(kind)
        or expedited
    )


def draft_clock_start(
    *, urgent: bool, aware_at: datetime | None, first_saved_at: datetime
) -> datetime | None:
    """Return when the clock starts: at the awareness that was typed, else at the first save; None if not urgent.

    An awareness after the first save is no awareness: whoever saved the draft knew of the event.
    """
    if not urgent:
        return None
    return min(aware_at, first_saved_at) if aware_at else first_saved_at
