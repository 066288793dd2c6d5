"""Until when a kit is given: set when the product leaves the laboratory, by one rule for every arm (CEL-12, CEL-18).

The rule counts from the moment at which the bags were taken from the store, a step of every arm, and reads the protocol
alone: nothing of what the kit holds. So neither that there is a time, nor the time itself, tells the arm.
"""

from datetime import datetime, timedelta

from accounts.models import User
from audit.context import because
from audit.stored_text import system_text
from dosing.models import GiveBefore, Infusion, Kit
from protocol.document.dosing import Dosing

LONGEST = timedelta(hours=6)
"""Where the protocol has no limit: a proposal, no public source of the trials gives one."""


def latest_start(taken: datetime, dosing: Dosing | None) -> datetime:
    """Return until when an infusion begins: the limit of the protocol after `taken`, less its longest duration.

    Rounded down to the minute. Never before `taken`.
    """
    limits, duration = (dosing.thaw_to_end_minutes, dosing.duration_minutes) if dosing else (None, None)
    if limits is None or limits.highest is None:
        return (taken + LONGEST).replace(second=0, microsecond=0)
    minutes = limits.highest
    if duration is not None and duration.highest is not None:
        minutes = max(minutes - duration.highest, type(minutes)(0))
    before = taken + timedelta(minutes=float(minutes))
    return max(before.replace(second=0, microsecond=0), taken)


def set_for(infusion: Infusion, taken: datetime, *, key: str, by: User) -> GiveBefore:
    """Store until when the kit of an infusion is given. Under the lock of the patient. key: of what set it."""
    kit = Kit.objects.filter(infusion=infusion).first()
    at = latest_start(taken, infusion.patient.protocol.rules.dosing)
    return GiveBefore.objects.create(
        infusion=infusion, at=at, kit=kit.shown if kit else "", recorded_by=by, save_key=key
    )


def take_back(infusion: Infusion, *, key: str) -> None:
    """Strike out the time that was set with a key. The ward reads no reason of the laboratory."""
    reason = system_text("dosing.hand_over_taken_back")
    for row in GiveBefore.objects.in_force().filter(infusion=infusion, save_key=key):
        row.struck_out_reason = reason
        with because(reason):
            row.save(update_fields=["struck_out_reason"])


def newest_times(infusion: Infusion) -> list[GiveBefore]:
    """Return the newest time of each kit of an infusion, by kit. One query."""
    rows = GiveBefore.objects.in_force().filter(infusion=infusion).order_by("pk")
    newest = {row.kit: row for row in rows}
    return [row for _kit, row in sorted(newest.items())]
