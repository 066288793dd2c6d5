"""The facts of one patient in one line: screening, consent, inclusion, arm, infusions, end of study."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

from demo.replay.cells import YES_NO, Cells
from demo.replay.courses import ReplayedInfusion, ReplayedPatient
from demo.replay.headings import OF_INFUSION
from demo.replay.times import StudyDays
from patients.models import Consent, Patient
from protocol.document.document import Protocol
from protocol.values.moments import Moment

MOST_MINUTES = Decimal(10_000)


def read_patient(cells: Cells, label: str, rules: Protocol, inclusion: StudyDays) -> ReplayedPatient | None:
    """Return the course of a patient without infusions and visits; None if the day of screening is not stated.

    inclusion: the count of the cell `included`, which may itself be day 0 of the others.
    """
    cells.stated("screened")
    cells.stated("consented")
    types, versions = rules.consent.types, rules.consent.versions
    kind = cells.code("consent_type", types)
    if len(types) > 1:
        cells.stated("consent_type")
    screened, consented = cells.day("screened"), cells.minute("consented")
    included, failed = cells.day("included", days=inclusion), cells.day("screen_failed")
    if included is not None and failed is not None:
        cells.refuse("screen_failed", "A patient who failed screening is not included: clear one of the two.")
    if failed is not None:
        cells.stated("failure_reason")
    if included is None:
        _refuse_after_inclusion(cells)
    died, ended, reason = _read_end(cells)
    if screened is None:
        return None
    return ReplayedPatient(
        label=label,
        row=cells.row,
        screened=screened,
        consented=consented,
        consent_type=kind or Consent.Type(types[0]),
        consent_version=cells.code("consent_version", versions) or rules.consent.current_version,
        failed_on=failed,
        failure_reason=cells.text("failure_reason"),
        included=included,
        arm=_read_arm(cells, rules),
        ended=died or ended,
        end_reason=Patient.EndReason.DEATH if died else reason,
        end_note=cells.text("end_note"),
    )


def _read_end(cells: Cells) -> tuple[date | None, date | None, str]:
    died, ended = cells.day("died"), cells.day("ended")
    reason = cells.code("end_reason", Patient.EndReason.values)
    if died is not None and (ended not in (None, died) or reason not in ("", Patient.EndReason.DEATH)):
        cells.refuse("died", "A death ends the study on its day: clear ended and end_reason.")
    if died is None and cells.text("ended"):
        cells.stated("end_reason")
    if reason and not (cells.text("ended") or cells.text("died")):
        cells.refuse("ended", "State the day on which the study ended, or clear end_reason.")
    return died, ended, reason


def _refuse_after_inclusion(cells: Cells) -> None:
    """Note each cell that only an included patient can have; what is stated for all lines is left out instead."""
    later = [
        name for name in cells.row.cells if name in ("arm", "died", "ended") or name.endswith(".started")
    ]
    for name in later:
        if cells.row.cells[name]:
            cells.refuse(name, "The patient is not included: state the day of inclusion, or clear the cell.")


def _read_arm(cells: Cells, rules: Protocol) -> str:
    if rules.allocation is not None:
        return cells.code("arm", tuple(rules.allocation.ratio))
    if cells.text("arm"):
        cells.refuse("arm", "The protocol does not randomise: clear the cell.")
    return ""


def read_infusion(cells: Cells, number: int, zone: str, starting: StudyDays) -> ReplayedInfusion | None:
    """Return an infusion; None if the line states neither its start nor why it was not given.

    starting: the count of its start, which may itself be day 0 of the other cells.
    """

    def name(fact: str) -> str:
        return f"{OF_INFUSION}.{number}.{fact}"

    reason = cells.text(name("not_given"))
    if not cells.text(name("started")):
        for fact in ("ended", "minutes", "volume_ml", "weight_kg"):
            if cells.row.cells.get(name(fact)):
                cells.refuse(name("started"), f"State when the infusion began, or clear {name(fact)}.")
        return ReplayedInfusion(number, not_given=reason) if reason else None
    if reason:
        cells.refuse(name("not_given"), "The infusion has a start: clear one of the two.")
    started = cells.minute(name("started"), days=starting)
    cells.stated(name("volume_ml"))
    cells.stated(name("interrupted"))
    return ReplayedInfusion(
        number=number,
        started=started,
        ended=_read_ended(cells, name, started, zone),
        volume_ml=cells.number(name("volume_ml")),
        weight_kg=cells.number(name("weight_kg")),
        weighed=cells.minute(name("weighed")) or started,
        interrupted=cells.code(name("interrupted"), YES_NO),
        interruption_reason=cells.text(name("interruption_reason")),
        premedication=cells.text(name("premedication")),
    )


def _read_ended(cells: Cells, name: Callable[[str], str], started: Moment | None, zone: str) -> Moment | None:
    """Return the end of an infusion: as stated, or so many minutes after its start."""
    if cells.text(name("ended")):
        found: Moment | None = cells.minute(name("ended"))
        return found
    cells.stated(name("minutes"))
    minutes = cells.number(name("minutes"), whole=True)
    if started is None or minutes is None:
        return None
    if not 0 < minutes <= MOST_MINUTES:
        cells.refuse(name("minutes"), f"An infusion lasts 1 to {MOST_MINUTES} minutes.")
        return None
    return Moment.from_datetime(started.earliest + timedelta(minutes=int(minutes)), zone)
