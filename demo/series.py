"""Times in the tables of a visit's form, such as the signs during an infusion, counted from the infusion."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from demo.team import TrialTeam
from dosing.models import Infusion
from patients.models import Patient, Visit
from protocol.document.items import Form, Item
from protocol.values.moments import Moment

# Minutes by the time point of a row.
AFTER_START = {"PRE15": -15, "START": 0, "MIN15": 15, "MIN30": 30, "MIN45": 45, "MIN60": 60}
AFTER_END = {
    "END": 0, "END30": 30, "END1H": 60, "END2H": 120, "END4H": 240, "END6H": 360, "END12H": 720, "END24H": 1440
}  # fmt: skip
# Between the rows of a table without such time points.
APART = timedelta(minutes=5)


def timed_tables(
    team: TrialTeam, patient: Patient, visit: Visit, form: Form, values: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """Return the values of a form at a visit that is held, with the times of its tables. One query if it has any.

    A row whose time has not come yet is left out.
    """
    tables = [item for item in form.items if item.name in values and _timed(item)]
    if not tables:
        return dict(values)
    started, ended = _infusion(team, patient, visit)
    found = dict(values)
    for item in tables:
        rows = values[item.name]
        if not isinstance(rows, list):
            continue
        placed = [(_time(row, place, started, ended), row) for place, row in enumerate(rows)]
        kept = sorted((pair for pair in placed if pair[0] <= now), key=lambda pair: pair[0])
        if kept:
            found[item.name] = [
                _with_time(item, row, Moment.from_datetime(at, team.zone)) for at, row in kept
            ]
        else:
            del found[item.name]
    return found


def _timed(item: Item) -> bool:
    return any(column.type == "datetime" for column in item.columns)


def _infusion(team: TrialTeam, patient: Patient, visit: Visit) -> tuple[datetime, datetime]:
    """Return start and end of the infusion at a visit; an hour of its day if none was given there."""
    planned = next((each for each in patient.protocol.rules.visits if each.code == visit.code), None)
    number = (planned.infusion if planned is not None else None) or 0
    row = Infusion.objects.filter(patient=patient, number=number, state=Infusion.State.GIVEN).first()
    if row is not None and row.started_at and row.ended_at:
        return row.started_at, row.ended_at
    on = visit.held_on or team.today
    started = team.moment(on, team.hour(on) + 1, 20).earliest
    return started, started + timedelta(hours=1)


def _time(row: Mapping[str, Any], place: int, started: datetime, ended: datetime) -> datetime:
    point = next(
        (cell for cell in row.values() if isinstance(cell, str) and cell in {*AFTER_START, *AFTER_END}), ""
    )
    if point in AFTER_END:
        return ended + timedelta(minutes=AFTER_END[point])
    if point in AFTER_START:
        return started + timedelta(minutes=AFTER_START[point])
    return started + APART * place


def _with_time(item: Item, row: Mapping[str, Any], moment: Moment) -> dict[str, Any]:
    """Return a row with its time in every answered column for one."""
    names = {column.name for column in item.columns if column.type == "datetime"}
    return {
        name: moment.iso if name in names and isinstance(cell, str) else cell for name, cell in row.items()
    }
