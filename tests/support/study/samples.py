"""Samples for tests: a patient with held visits, samples collected, tubes handled and shipped as a nurse does it."""

from datetime import date, timedelta
from typing import Any

from accounts.models import User
from audit.context import acting
from patients.models import Aliquot, Patient, Sample, Shipment, Visit
from patients.participation.visits import hold_visit
from patients.samples.collection import CollectionFacts, collect_sample
from patients.samples.handling import HandlingFacts, handle_aliquots
from patients.samples.shipping import ShipmentFacts, receive_shipment, ship_aliquots
from protocol.values.moments import Moment, parse_moment
from trials.models import Trial

CONSIGNMENT = ShipmentFacts(
    destination="Central laboratory",
    carrier="Courier",
    consignment="C-1",
    packing="dry_ice",
    logger="L-7",
    sent_by="Nurse",
)


def held(patient: Patient, code: str, by: User, on: date | None = None) -> Visit:
    """Return a visit of a patient, held on its planned day or another one."""
    visit = patient.visits.get(code=code)
    visit.patient = patient
    with acting(user=by, role="coordinator"):
        return hold_visit(visit=visit, on=on or visit.planned_on, by=by)


def clock(patient: Patient, on: date, time: str = "10:00") -> Moment:
    """Return a minute of a day on the clock of the site."""
    return parse_moment(f"{on:%d-%b-%Y} {time}", patient.trial.time_zone)


def collected(
    visit: Visit, by: User, plan: str = "CYTOKINE", *, at: Moment | None = None, aliquots: int = 3, **how: Any
) -> Sample:
    """Return a sample collected at 10:00 on the day of its visit."""
    patient = visit.patient
    when = at or clock(patient, visit.held_on or visit.planned_on or patient.trial.today)
    facts = CollectionFacts(collected=when, collected_by="Nurse", note="")
    with acting(user=by, role="coordinator", origin="web"):
        return collect_sample(visit=visit, plan=plan, aliquots=aliquots, facts=facts, by=by, **how)


def handled(
    sample: Sample,
    by: User,
    kind: str,
    minutes: int,
    *tubes: int,
    place: str = "Freezer 2, rack A",
    reason: str = "",
) -> list[Aliquot]:
    """Record a step of some tubes (default: all), so many minutes after the collection. Return them as stored."""
    assert sample.collected_at
    rows = sample.aliquots.filter(number__in=tubes) if tubes else sample.aliquots.all()
    at = Moment.from_datetime(
        sample.collected_at + timedelta(minutes=minutes), sample.patient.trial.time_zone
    )
    facts = HandlingFacts(kind=kind, moment=at, done_by="Nurse", place=place, reason=reason)
    with acting(user=by, role="coordinator", origin="web"):
        handle_aliquots(sample=sample, aliquots=[row.code for row in rows], facts=facts, by=by)
    return list(sample.aliquots.order_by("number"))


def shipped(trial: Trial, tubes: list[Aliquot], by: User, sent: Moment, **changed: str) -> Shipment:
    """Send tubes in one shipment."""
    with acting(user=by, role="coordinator", origin="web"):
        facts = ShipmentFacts(**{**CONSIGNMENT, **changed})  # type: ignore[typeddict-item]
        return ship_aliquots(
            trial=trial, aliquots=[tube.code for tube in tubes], facts=facts, sent=sent, by=by
        )


def received(shipment: Shipment, by: User, at: Moment, conditions: dict[str, str]) -> Shipment:
    """Record the receipt of a shipment. conditions: by code of each tube on its way."""
    with acting(user=by, role="coordinator", origin="web"):
        return receive_shipment(
            shipment=shipment,
            received=at,
            received_by="Laboratory",
            conditions=conditions,
            note="",
            version=shipment.version,
            by=by,
        )
