"""Volume and duration of an infusion against the limits of the protocol: a question first, then a deviation.

Facts that both arms share: a masked trial has one volume and one duration for all.
"""

from decimal import Decimal

from django.utils.translation import gettext as _

from accounts.models import User
from audit.stored_text import StoredText, system_text
from dosing.dose import minutes_between, position_in
from dosing.infusions.schedule import given_on
from dosing.models import Infusion
from patients.models import Deviation, DeviationPlace
from patients.participation.deviation_log.deviations import FoundDeviation, reconcile
from patients.participation.questions import Question
from protocol.document.dosing import Dosing, QuantityLimits
from protocol.values.moments import Moment
from trials.reader import shown_number

CATEGORY = Deviation.Category.INFUSION_COURSE.value
WHOLE = Decimal(1)


def course_questions(row: Infusion, started: Moment, ended: Moment, volume_ml: Decimal) -> list[Question]:
    """Return the questions about a volume or a duration outside the limits, unless it is stored so already."""
    dosing, asked = _dosing(row), []
    if dosing is None:
        return []
    minutes = (
        minutes_between(started.earliest, ended.earliest) if ended.earliest >= started.earliest else None
    )
    if row.volume_ml != volume_ml and position_in(dosing.volume_ml, volume_ml) != "within":
        text = _("The protocol allows %(range)s mL: %(given)s mL is a deviation.")
        words = text % {"range": range_words(dosing.volume_ml), "given": shown_number(volume_ml)}
        asked.append(Question(f"volume:{row.number}:{volume_ml}", words))
    stored = (row.started, row.ended) == (started.iso, ended.iso)
    if minutes is not None and not stored and position_in(dosing.duration_minutes, minutes) != "within":
        text = _("The protocol allows %(range)s minutes: %(given)s minutes are a deviation.")
        words = text % {"range": range_words(dosing.duration_minutes), "given": shown_number(_whole(minutes))}
        asked.append(Question(f"duration:{row.number}:{minutes}", words))
    return asked


def note_course(row: Infusion, by: User) -> None:
    """Open or take back the deviation of an infusion whose volume or duration is outside the limits."""
    text, day = _deviation(row), given_on(row, row.patient)
    key = str(row.number)
    found = {(CATEGORY, key): FoundDeviation(day, text)} if text is not None and day is not None else {}
    reconcile(
        patient=row.patient,
        place=DeviationPlace.INFUSION,
        categories=[CATEGORY],
        keys=[key],
        found=found,
        by=by,
    )


def _deviation(row: Infusion) -> StoredText | None:
    dosing = _dosing(row)
    if dosing is None or row.state != Infusion.State.GIVEN or row.started_at is None or row.ended_at is None:
        return None
    minutes = minutes_between(row.started_at, row.ended_at)
    wrong_volume = row.volume_ml is not None and position_in(dosing.volume_ml, row.volume_ml) != "within"
    wrong_time = position_in(dosing.duration_minutes, minutes) != "within"
    if not (wrong_volume or wrong_time):
        return None
    code = "both" if wrong_volume and wrong_time else "volume" if wrong_volume else "duration"
    facts = {"volume": f"{row.volume_ml:f}", "minutes": f"{_whole(minutes):f}"}
    known = {"volume": ("volume",), "duration": ("minutes",), "both": ("volume", "minutes")}[code]
    return system_text(f"dosing.course_{code}", **{name: facts[name] for name in known})


def planned_volume(row: Infusion) -> str:
    """Return the volume that the protocol asks for, as a hint beside the empty field; empty without one."""
    dosing = _dosing(row)
    limits = dosing.volume_ml if dosing else None
    if limits is None:
        return ""
    if limits.planned is None:
        return _("The protocol allows %(range)s mL.") % {"range": range_words(limits)}
    words = _("The protocol asks for %(planned)s mL.") % {"planned": shown_number(limits.planned)}
    bounded = limits.lowest is not None or limits.highest is not None
    more = _("It allows %(range)s mL.") % {"range": range_words(limits)} if bounded else ""
    return f"{words} {more}".strip()


def range_words(limits: QuantityLimits | None) -> str:
    """Return limits as text: `90 to 110`, `at least 70`, `at most 1`; empty without a bound."""
    if limits is None or (limits.lowest is None and limits.highest is None):
        return ""
    lowest, highest = shown_number(limits.lowest), shown_number(limits.highest)
    if limits.highest is None:
        return _("at least %(lowest)s") % {"lowest": lowest}
    if limits.lowest is None:
        return _("at most %(highest)s") % {"highest": highest}
    return _("%(lowest)s to %(highest)s") % {"lowest": lowest, "highest": highest}


def _whole(minutes: Decimal) -> Decimal:
    """Return minutes without decimals if there are none, else with one: shown only, never compared."""
    return (
        minutes.quantize(WHOLE)
        if minutes == minutes.to_integral_value()
        else minutes.quantize(Decimal("0.1"))
    )


def _dosing(row: Infusion) -> Dosing | None:
    return row.patient.protocol.rules.dosing
