"""The changes to a patient's visits under another protocol version: future visits are replanned, others stay."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from patients.models import Patient, Visit
from patients.participation.visits import UNSCHEDULED, anchors_of
from protocol.document.document import Protocol
from protocol.document.schedule import PlannedVisit, planned_visits

State = Visit.State
BETWEEN = 10


@dataclass(frozen=True, slots=True)
class VisitChange:
    """The change to one visit. `plan` is its plan by the new version, None for a visit cancelled or not replanned."""

    kind: Literal["added", "moved", "cancelled", "kept"]
    code: str
    position: int
    visit: Visit | None = None
    plan: PlannedVisit | None = None

    @property
    def before(self) -> date | None:
        """Return the day planned before the change, or None."""
        return self.visit.planned_on if self.visit and self.visit.state != State.CANCELLED else None

    @property
    def after(self) -> date | None:
        """Return the day planned by the new version, or None."""
        return self.plan.planned_on if self.plan else None


def visit_changes(
    patient: Patient,
    rules: Protocol,
    visits: Sequence[Visit],
    *,
    begun: Collection[int],
    infusions: Mapping[int, date],
    never_given: Collection[int] = (),
) -> list[VisitChange]:
    """Return the change to each scheduled visit, in the order of the protocol.

    begun: keys of visits that have forms. They are kept, like visits held, missed, frozen or locked.
    infusions: by number, the days of the infusions given. never_given: numbers of those that will not be given.
    """
    plans = {
        plan.code: plan for plan in planned_visits(rules, anchors_of(patient, dict(infusions)), never_given)
    }
    present = {visit.code: visit for visit in visits if visit.number == 1 and visit.code != UNSCHEDULED}
    positions = dict(_positions(list(plans), sorted(present.values(), key=lambda visit: visit.position)))
    return [
        _change(code, present.get(code), plans.get(code), positions[code], begun)
        for code in sorted(positions, key=lambda code: positions[code])
    ]


def _change(
    code: str, visit: Visit | None, plan: PlannedVisit | None, position: int, begun: Collection[int]
) -> VisitChange:
    if visit is None or (visit.state == State.CANCELLED and plan is not None):
        return VisitChange("added", code, position, visit, plan)
    if visit.state != State.PLANNED or visit.frozen_at or visit.locked_at or visit.pk in begun:
        return VisitChange("kept", code, position, visit)
    if plan is None:
        return VisitChange("cancelled", code, position, visit)
    same = (visit.planned_on, visit.window_from, visit.window_to) == (
        plan.planned_on, plan.window_from, plan.window_to,
    )  # fmt: skip
    return VisitChange("kept" if same else "moved", code, position, visit, plan)


def _positions(planned: Sequence[str], present: Sequence[Visit]) -> Iterator[tuple[str, int]]:
    """Yield the position of each visit: that of the new version, or just after its predecessor if it has none.

    Planned visits are BETWEEN apart, which leaves numbers for the others.
    """
    places = {code: (number + 1) * BETWEEN for number, code in enumerate(planned)}
    yield from places.items()
    last = 0
    for visit in present:
        if visit.code in places:
            last = places[visit.code]
        else:
            last += 1
            yield visit.code, last
