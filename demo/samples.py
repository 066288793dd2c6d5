"""Samples of invented patients, their tubes and two shipments, stored by the same functions as real ones."""

from datetime import date, datetime, timedelta
from random import Random

from django.utils import timezone

from demo.team import TrialTeam
from patients.models import Aliquot, Patient, Sample, Visit
from patients.samples.collection import CollectionFacts, collect_sample, record_not_collected
from patients.samples.expected import ExpectedSample, expected_samples
from patients.samples.handling import HandlingFacts, handle_aliquots
from patients.samples.shipping import ShipmentFacts, receive_shipment, ship_aliquots
from protocol.values.moments import Moment

NOT_COLLECTED, FORGOTTEN, LATE = 0.03, 0.06, 0.09
"""Shares of the required samples, each up to the next: not collected, not recorded, frozen too late."""
IN_A_SHIPMENT = 8


def take_samples(team: TrialTeam, patient: Patient) -> None:
    """Collect the samples of the visits held so far, freeze and store their tubes."""
    # A generator of its own: with it no other invented value changes.
    rng = Random(f"samples {team.trial.slug} {patient.code}")
    with team.as_role("coordinator"):
        for place in expected_samples(patient):
            if place.may_be_collected and place.required and place.visit.state == Visit.State.HELD:
                _take(team, patient, place, rng)


def _take(team: TrialTeam, patient: Patient, place: ExpectedSample, rng: Random) -> None:
    chance, by, visit = rng.random(), team.people["coordinator"], place.visit
    on, minute = visit.held_on, 30 + rng.randint(0, 9)
    visit.patient = patient
    if on is None or NOT_COLLECTED <= chance < FORGOTTEN:
        return
    if chance < NOT_COLLECTED:
        record_not_collected(visit=visit, plan=place.plan.code, reason="The tube clotted", by=by)
        return
    collected = team.moment(on, team.hour(on), minute)
    if collected.earliest > timezone.now():
        return
    facts = CollectionFacts(collected=collected, collected_by="Ward nurse", note="")
    sample = collect_sample(
        visit=visit, plan=place.plan.code, aliquots=place.plan.aliquots, facts=facts, by=by
    )
    most = place.plan.freeze_within_minutes
    if most is not None:
        _keep(team, sample, most + 25 if chance < LATE else rng.randint(most // 3, most - 5), rng)


def _keep(team: TrialTeam, sample: Sample, minutes: int, rng: Random) -> None:
    """Freeze the tubes of a sample after so many minutes, and store them."""
    rack = f"Freezer 2, rack {rng.choice('ABCD')}, box {rng.randint(1, 9)}"
    for kind, after, place in (("frozen", minutes, ""), ("stored", minutes + 15, rack)):
        _handle(team, sample, kind, _later(team, sample, minutes=after), place=place)


def _handle(
    team: TrialTeam, sample: Sample, kind: str, at: Moment, *, place: str = "", reason: str = ""
) -> None:
    if at.earliest > timezone.now():
        return
    facts = HandlingFacts(kind=kind, moment=at, done_by="Laboratory assistant", place=place, reason=reason)
    codes = list(sample.aliquots.values_list("code", flat=True))
    handle_aliquots(sample=sample, aliquots=codes, facts=facts, by=team.people["coordinator"])


def _later(team: TrialTeam, sample: Sample, **after: int) -> Moment:
    assert sample.collected_at is not None  # noqa: S101  the sample was collected
    return Moment.from_datetime(sample.collected_at + timedelta(**after), team.zone)


def destroy_after_withdrawal(team: TrialTeam, patient: Patient, on: date) -> None:
    """Record the destruction of the tubes of the first sample; the others are still to be destroyed."""
    kept = Sample.objects.filter(patient=patient, aliquots__state=Aliquot.State.STORED).order_by("number")
    sample = kept.first()
    if sample is None:
        return
    with team.as_role("coordinator"):
        at = team.moment(min(on + timedelta(days=3), team.today), team.hour(on), 45)
        _handle(
            team, sample, "destroyed", at, reason="Consent for samples withdrawn; autoclaved, record 2026-14"
        )


def ship_samples(team: TrialTeam) -> None:
    """Send two shipments: one arrived with a tube thawed, the other one is on its way."""
    sent = [team.moment(team.today - timedelta(days=days), 9, 30) for days in (10, 1)]
    with team.as_role("coordinator") as by:
        for number, moment in enumerate(sent):
            codes = _stored(team, moment.earliest)
            if not codes:
                return
            facts = ShipmentFacts(
                destination="Central laboratory",
                carrier="Invented courier",
                consignment=f"CN-{4711 + number}",
                packing="dry_ice",
                logger=f"TL-{208 + number}",
                sent_by="Laboratory assistant",
            )
            row = ship_aliquots(trial=team.trial, aliquots=codes, facts=facts, sent=moment, by=by)
            if number == 0:
                arrived = dict.fromkeys(codes, "intact") | {codes[0]: "thawed"}
                receive_shipment(
                    shipment=row,
                    received=team.moment(team.today - timedelta(days=9), 11, 5),
                    received_by="Central laboratory",
                    conditions=arrived,
                    note="The ice was gone in one corner of the box",
                    version=row.version,
                    by=by,
                )


def _stored(team: TrialTeam, before: datetime) -> list[str]:
    """Return the codes of some tubes that are stored since before a moment and may be sent."""
    rows = Aliquot.objects.filter(
        patient__trial=team.trial,
        patient__samples_withdrawn_on=None,
        patient__locked_at=None,
        state=Aliquot.State.STORED,
        sample__collected_at__lt=before - timedelta(days=1),
    )
    return list(rows.order_by("code").values_list("code", flat=True)[:IN_A_SHIPMENT])
