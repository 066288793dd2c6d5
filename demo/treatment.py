"""Infusions and products of an invented patient, stored by the same functions as real ones."""

from datetime import date, timedelta
from decimal import ROUND_FLOOR, Decimal
from random import Random
from typing import Any

from django.utils import timezone

from accounts.models import User
from demo.preparation import LASTS, bags_needed, compare, enter_as_given, prepare
from demo.stock import bags_for
from demo.stories import Story
from demo.team import TrialTeam
from dosing.infusions.administration import record_infusion, record_weight
from dosing.infusions.infusion_checks import Bedside
from dosing.infusions.weights import last_weight
from dosing.models import AllocationSlot, Infusion
from dosing.patient_dose import planned_for
from patients.models import Patient
from patients.participation.questions import Questioned
from protocol.values.moments import Moment


def infuse(team: TrialTeam, patient: Patient, story: Story, day: date, last: int) -> None:
    """Record the infusions whose day has come, each with the product that was prepared and compared for it."""
    dosing = patient.protocol.rules.dosing
    if dosing is None:
        return
    on, donor = day, f"D-{team.rng.randint(11, 15)}"
    for infusion in Infusion.objects.filter(patient=patient).order_by("number"):
        if infusion.number > story.infusions or on > team.today or (on - day).days > last:
            return
        start = team.moment(on, team.hour(on) + 1, 20 + infusion.number)
        end = team.moment(on, team.hour(on) + 2, team.rng.randint(0, 30))
        # Today's infusion may not have ended yet.
        if end.earliest > timezone.now():
            return
        known = last_weight(infusion)
        weight = known.kg.quantize(Decimal("0.1")) if known else Decimal(team.rng.randint(580, 960)) / 10
        weighed = team.moment(on, team.hour(on), 30)
        if infusion.weight_asked:
            infusion = _weigh(team, infusion, weight, weighed)
        _give(team, infusion, weight, weighed, start, end, donor)
        on += timedelta(days=team.rng.choice(dosing.interval_days)) if dosing.interval_days else timedelta()


def _weigh(team: TrialTeam, infusion: Infusion, weight: Decimal, weighed: Moment) -> Infusion:
    with team.as_role("coordinator") as by:
        return record_weight(
            infusion=infusion, weight_kg=weight, weight_measured=weighed, version=infusion.version, by=by
        )


def _give(
    team: TrialTeam,
    infusion: Infusion,
    weight: Decimal,
    weighed: Moment,
    start: Moment,
    end: Moment,
    donor: str,
) -> None:
    """Prepare the product as the cell laboratory, compare and record the infusion as the ward, enter it as given."""
    patient = infusion.patient
    # A generator of its own: with it no other invented value changes.
    rng = Random(f"product {team.trial.slug} {patient.code} {infusion.number}")
    began = start.earliest
    cells = _cells_for(team, infusion)
    count = bags_needed(cells)
    left = (patient.protocol.rules.dosing.infusions if patient.protocol.rules.dosing else 1) - infusion.number
    bags = bags_for(
        team, cells=cells is not None, donor=donor, count=count, reserve=count * left, on=_day_of(start)
    )
    if bags:
        begun = began - LASTS - timedelta(minutes=4)
        prepare(team, infusion, bags=bags, cells=cells, begun=begun, rng=rng)
        compare(team, infusion, began - timedelta(minutes=2))
    asked = infusion.weight_asked
    with team.as_role("coordinator") as by:
        facts = Bedside(
            weight_kg=weight if asked else None,
            weight_measured=weighed if asked else None,
            started=start,
            ended=end,
            volume_ml=_volume(patient),
            interrupted="N",
            interruption_reason="",
            premedication="Paracetamol 1 g",
            timing_deviation_reason="",
        )
        given = _recorded(infusion, facts, by)
    if bags:
        enter_as_given(team, given, bags=bags, at=end.earliest, rng=rng)


def _recorded(infusion: Infusion, facts: Bedside, by: User) -> Infusion:
    """Record an infusion, and confirm what it asks, such as a duration outside the limits of the protocol."""
    arguments: dict[str, Any] = {"facts": facts, "version": infusion.version, "by": by}
    try:
        return record_infusion(infusion=infusion, **arguments)
    except Questioned as asked:
        return record_infusion(infusion=infusion, **arguments, confirmed=asked.token)


def _volume(patient: Patient) -> Decimal:
    """Return the volume of an infusion in mL: the planned one, else the least that the protocol allows."""
    dosing = patient.protocol.rules.dosing
    asked = dosing.volume_ml if dosing else None
    found = (asked.planned or asked.lowest) if asked else None
    return found or Decimal(100)


def _cells_for(team: TrialTeam, infusion: Infusion) -> Decimal | None:
    """Return the viable cells of one infusion, close to the target dose; None in an arm without cells."""
    patient = infusion.patient
    slot = AllocationSlot.objects.filter(patient=patient).first()
    planned = planned_for(infusion)
    if planned is None or (slot and not patient.protocol.rules.arm(slot.arm).gives_cells(infusion.number)):
        return None
    # Below the target where the permitted range is wide enough, as in real products.
    is_wide = planned.lowest * 10 <= planned.target * 8
    share = Decimal(team.rng.randint(80, 100)) / 100 if is_wide else Decimal(1)
    return (planned.target * share).quantize(Decimal(1), rounding=ROUND_FLOOR)


def _day_of(moment: Moment) -> date:
    """Return the date of a moment. Raises ValueError if it has none."""
    if moment.date is None:
        raise ValueError("a moment of the demo has a day")
    return moment.date
