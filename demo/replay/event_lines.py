"""One adverse event in one line."""

from typing import Any

from demo.replay.cells import YES_NO, Cells
from demo.replay.courses import ReplayedEvent
from protocol.document.document import Protocol
from protocol.values.moments import Moment
from safety.choices import causalities, seriousness, special_interests
from safety.event_checks import EventAnswers, has_clock
from safety.models import AdverseEvent

GRADES = tuple("12345")


def read_event(cells: Cells, rules: Protocol) -> ReplayedEvent:
    """Return an adverse event. A blank causality stays unassessed; everything else that the form asks is needed."""
    for column in ("term", "onset", "grade", "seriousness", "outcome", "action_taken"):
        cells.stated(column)
    interests = [code for code, _title in special_interests(rules)]
    if interests:
        cells.stated("aesi")
    onset, end = cells.moment("onset"), cells.moment("end")
    ongoing = cells.code("ongoing", YES_NO) or ("N" if cells.text("end") else "")
    if not ongoing:
        cells.refuse("ongoing", "State the end, or whether the event goes on: allowed is Y, N.")
    grade, number = cells.code("grade", GRADES), cells.number("infusion", whole=True)
    answers: dict[str, Any] = {
        **{name: cells.text(name) for name in ("term", "description", "treatment")},
        "onset": onset,
        "ongoing": ongoing,
        "end": end,
        "grade": int(grade) if grade else None,
        "seriousness": cells.codes("seriousness", [code for code, _title in seriousness()]),
        "causality": cells.code("causality", [code for code, _title in causalities(rules)]),
        "outcome": cells.code("outcome", AdverseEvent.Outcome.values),
        "action_taken": cells.code("action_taken", AdverseEvent.Action.values),
        "aesi": cells.code("aesi", interests) if interests else "",
        "infusion": int(number) if number is not None else None,
    }
    if cells.text("aware") or has_clock(EventAnswers(**answers), rules):  # type: ignore[typeddict-item]
        answers["aware"] = _read_aware(cells, onset)
    return ReplayedEvent(cells.row, answers, cells.minute("reported"))


def _read_aware(cells: Cells, onset: Moment | None) -> Moment | None:
    """Return when the site learned of a serious event: as stated, else at its onset if that is known by its day."""
    if cells.text("aware") or onset is None or onset.date is None:
        found: Moment | None = cells.minute("aware")
        return found
    return onset if onset.precision == "minute" else cells.days.minute(onset.iso)
