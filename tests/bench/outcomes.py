"""Fill a trial with 200 patients of 20 visits for the outcomes: `outcomes_polars` measures them. All is invented."""

from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

PROTOCOL = Path(__file__).parents[2] / "trials/protocols/nct04445454.toml"
SLUG, PATIENTS, VISITS, SEED = "outcomes", 200, 20, 16
CAUSALITIES = ("unrelated", "unlikely", "possible", "probable", "")
INTERESTS = ("none", "none", "", "INFECTION_BACTERIAL", "INFECTION_VIRAL", "THROMBOEMBOLIC")
SUPPORTS = ("LOW_FLOW", "HFNO", "IMV")


def filled() -> Any:
    """Return the trial; it is stored if it is not there yet."""
    from audit.context import acting
    from trials.models import Trial
    from trials.versions.loading import load_protocol

    with acting(system="bench", reason="measuring"):
        known = Trial.objects.filter(slug=SLUG).first()
        if known is not None:
            return known
        text = PROTOCOL.read_text("utf-8").replace('id = "NCT04445454"', f'id = "{SLUG.upper()}"', 1)
        trial = load_protocol(text=text).trial
        rng = Random(SEED)
        for number in range(1, PATIENTS + 1):
            _patient(trial, number, rng)
        return trial


def _patient(trial: Any, number: int, rng: Random) -> None:
    from patients.models import Patient

    day = trial.today - timedelta(days=100 + number)
    died = day + timedelta(days=rng.randint(2, 60)) if rng.random() < 0.15 else None
    patient = Patient.objects.create(
        trial=trial, protocol=trial.protocol, number=number, code=f"OUT-{number:03d}", state="enrolled",
        screened_on=day, enrolled_on=day, enrolled_at=_at(day), first_infusion_on=day, group=rng.choice("AB"),
    )  # fmt: skip
    infusions = _infusions(patient, day)
    _records(patient, _visits(patient, day, infusions, died), died, rng)
    _events(patient, day, rng)


def _at(day: date, hour: int = 9) -> datetime:
    return datetime.combine(day, clock(hour), UTC)


def _infusions(patient: Any, day: date) -> dict[str, date]:
    from dosing.models import Infusion

    zone, found = str(patient.trial.zone), {}
    for number in range(1, 4):
        on = day + timedelta(days=3 * (number - 1))
        Infusion.objects.create(
            patient=patient, number=number, planned_on=on, window_from=on, window_to=on, state="given",
            weight_kg=Decimal(70),
            started=f"{on}T11:00+01:00[{zone}]", started_at=_at(on, 10), ended=f"{on}T12:00+01:00[{zone}]",
            ended_at=_at(on, 11),
        )  # fmt: skip
        found[f"infusion_{number}"] = on
    return found


def _visits(patient: Any, day: date, infusions: dict[str, date], died: date | None) -> list[Any]:
    from patients.models import Visit
    from protocol.document.design import UNSCHEDULED
    from protocol.document.schedule import planned_visits

    plans = planned_visits(patient.protocol.rules, {"screening": day, "inclusion": day, **infusions})
    planned = [
        Visit(
            patient=patient, code=plan.code, position=10 * position, planned_on=plan.planned_on,
            window_from=plan.window_from, window_to=plan.window_to, held_on=plan.planned_on, state=Visit.State.HELD,
        )
        for position, plan in enumerate(plans, start=1)
        if plan.planned_on and (died is None or plan.planned_on <= died)
    ]  # fmt: skip
    # The protocol plans fewer visits than the aim of the measure has: the others are unscheduled.
    days = range(VISITS - len(planned))
    unscheduled = [
        Visit(
            patient=patient, code=UNSCHEDULED, number=number, position=9000 + number, planned_on=on, held_on=on,
            reason="Seen again", state=Visit.State.HELD,
        )
        for number, on in enumerate((_seen(day, 4 * each + 1, died) for each in days), start=1)
    ]  # fmt: skip
    return Visit.objects.bulk_create([*unscheduled, *planned])


def _seen(day: date, after: int, died: date | None) -> date:
    return min(day + timedelta(days=after), died or date.max)


def _records(patient: Any, visits: list[Any], died: date | None, rng: Random) -> None:
    from patients.models import Record
    from patients.models.visit_forms import forms_of

    rows = []
    for visit in visits:
        status = {"survival_status": "ALIVE", "last_contact_on": visit.held_on.isoformat()}
        if died is not None and visit is visits[-1]:
            status |= {"survival_status": "DEAD", "died_on": died.isoformat()}
        answers = {
            "vital_status": status,
            "respiratory_support": {"support": rng.choice(SUPPORTS)},
            "vitals": {"temp": f"{rng.uniform(36, 39):.1f}", "spo2": str(rng.randint(85, 99))},
        }
        asked = [each.form for each in forms_of(patient.protocol, visit)]
        rows += [
            Record(
                patient=patient, visit=visit, protocol=patient.protocol, form=form, state="complete", values=values,
                completed_at=_at(visit.held_on),
            )
            for form, values in answers.items()
            if form in asked and rng.random() < 0.97
        ]  # fmt: skip
    start = f"{patient.enrolled_on}T08:00+01:00[{patient.trial.zone}]"
    rows.append(
        Record(
            patient=patient, protocol=patient.protocol, form="support_episode", state="complete",
            values={"kind": rng.choice(("OXYGEN", "IMV")), "started_at": start, "ongoing": "Y"},
            completed_at=_at(patient.enrolled_on),
        )
    )  # fmt: skip
    Record.objects.bulk_create(rows)


def _events(patient: Any, day: date, rng: Random) -> None:
    from safety.models import CRITERIA, AdverseEvent

    for number in range(1, rng.randint(1, 6)):
        onset = day + timedelta(days=rng.randint(0, 100))
        serious = rng.random() < 0.3
        noticed = {
            "aware": onset.isoformat(),
            "aware_at": _at(onset, 23),
            "due_at": _at(onset + timedelta(days=1), 23),
        }
        AdverseEvent.objects.create(
            trial=patient.trial, patient=patient, number=number, term="Fever", onset=onset.isoformat(),
            onset_earliest=_at(onset, 0), onset_latest=_at(onset, 23), ongoing="Y", grade=rng.randint(1, 4),
            causality=rng.choice(CAUSALITIES), outcome="recovering", action_taken="none", aesi=rng.choice(INTERESTS),
            none_of_these=not serious, **dict.fromkeys(CRITERIA, False) | {"hospitalisation": serious},
            **(noticed if serious else {}),
        )  # fmt: skip
