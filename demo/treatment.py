"""Infusions and products of an invented patient, stored by the same functions as real ones."""

from datetime import date, timedelta
from decimal import ROUND_FLOOR, Decimal
from math import ceil

from django.utils import timezone

from demo.stock import bags_for
from demo.stories import Story
from demo.team import TrialTeam
from dosing.infusions.administration import Bedside, Product, record_infusion, record_preparation
from dosing.infusions.weights import last_weight
from dosing.models import AllocationSlot, Infusion
from dosing.patient_dose import planned_for
from patients.models import Patient
from protocol.values.moments import Moment

# Of a bag that was counted after thawing.
CELLS_OF_A_BAG = Decimal(130_000_000)


def infuse(team: TrialTeam, patient: Patient, story: Story, day: date, last: int) -> None:
    """Record the infusions whose day has come, with their products."""
    dosing = patient.protocol.rules.dosing
    if dosing is None:
        return
    on, donor = day, f"D-{team.rng.randint(11, 15)}"
    for infusion in Infusion.objects.filter(patient=patient).order_by("number"):
        if infusion.number > story.infusions or on > team.today or (on - day).days > last:
            return
        start = team.moment(on, team.hour(on), 40 + infusion.number)
        end = team.moment(on, team.hour(on) + 1, 10 + team.rng.randint(0, 30))
        # Today's infusion may not have ended yet.
        if end.earliest > timezone.now():
            return
        known = last_weight(infusion)
        weight = known.kg.quantize(Decimal("0.1")) if known else Decimal(team.rng.randint(580, 960)) / 10
        _give(team, patient, infusion, weight, start, end, donor)
        on += timedelta(days=team.rng.choice(dosing.interval_days)) if dosing.interval_days else timedelta()


def _give(
    team: TrialTeam,
    patient: Patient,
    infusion: Infusion,
    weight: Decimal,
    start: Moment,
    end: Moment,
    donor: str,
) -> None:
    """Record one infusion as the coordinator and its product as the cell laboratory."""
    with team.as_role("coordinator") as by:
        weighed = team.moment(_day_of(start), team.hour(_day_of(start)), 30)
        asked = infusion.weight_asked
        facts = Bedside(
            weight_kg=weight if asked else None,
            weight_measured=weighed if asked else None,
            started=start,
            ended=end,
            volume_ml=Decimal(100),
            interrupted="N",
            interruption_reason="",
            premedication="Paracetamol 1 g",
            timing_deviation_reason="",
        )
        given = record_infusion(infusion=infusion, facts=facts, version=infusion.version, by=by)
    cells = _cells_for(team, patient, given)
    count = 1 if cells is None else ceil(cells / CELLS_OF_A_BAG)
    bags = bags_for(team, cells=cells is not None, donor=donor, count=count)
    with team.as_role("cell_laboratory") as by:
        product = Product(
            bags=bags,
            viable_cells=cells,
            viability_percent=Decimal(team.rng.randint(820, 960)) / 10 if cells else None,
            thawed=team.moment(_day_of(start), team.hour(_day_of(start)), 10) if cells else None,
            dose_deviation_reason="",
            donor_deviation_reason="",
        )
        record_preparation(infusion=infusion, facts=product, version=0, by=by)


def _cells_for(team: TrialTeam, patient: Patient, infusion: Infusion) -> Decimal | None:
    """Return the viable cells of one infusion, close to the target dose; None in an arm without cells."""
    rules = patient.protocol.rules
    slot = AllocationSlot.objects.filter(patient=patient).first()
    planned = planned_for(infusion)
    if planned is None or (slot and not rules.arm(slot.arm).gives_cells(infusion.number)):
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
