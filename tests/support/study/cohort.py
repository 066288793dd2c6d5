"""Many patients at once, stored directly: for counting queries and filling pages."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from accounts.models import User
from audit.context import acting
from dosing.models import Infusion, Preparation
from patients.models import Consent, Patient, Query, Record, Visit
from patients.models.visit_forms import forms_of
from protocol.document.schedule import planned_visits
from safety.models import CRITERIA, AdverseEvent
from tests.support import build
from trials.models import Trial

VALUES: dict[str, dict[str, Any]] = {
    "demography": {"age": "54", "sex": "F", "weight": "70.00"},
    "vitals": {"spo2": "93", "weight": "70.00"},
    "biochemistry": {"crp": "48.00"},
}
TERMS = ("Pyrexia", "Headache", "pyrexia", "Deep vein thrombosis", "Anaemia")


def at(day: date, hour: int = 9) -> datetime:
    """Return a time of a day in UTC."""
    return datetime.combine(day, time(hour), tzinfo=UTC)


def patients(trial: Trial, number: int, *, days_ago: int = 30) -> list[Patient]:
    """Create patients in follow-up whose past visits were held, with every form complete.

    The first has a query and a draft; every third one has no forms at the last held visit. All have infusions with a
    product, two adverse events and a consent.
    """
    by = build.user("coordinator", trial=trial)
    with acting(user=by, role="coordinator"):
        return [one(trial, position, by, days_ago) for position in range(1, number + 1)]


def one(trial: Trial, number: int, by: User, days_ago: int = 30) -> Patient:
    """Create one patient of the cohort. The caller must act as somebody."""
    day = trial.today - timedelta(days=days_ago + number % 7)
    last = (
        Patient.objects.filter(trial=trial).order_by("-number").values_list("number", flat=True).first() or 0
    )
    patient = Patient.objects.create(
        trial=trial, protocol=trial.protocol, number=last + 1,
        code=trial.rules.trial.subject_code.format(number=last + 1), state=Patient.State.ENROLLED,
        screened_on=day, enrolled_on=day, enrolled_at=at(day), first_infusion_on=day,
    )  # fmt: skip
    Consent.objects.create(
        patient=patient, type="patient", version="1.0", given=f"{day}", given_at=at(day, 7), recorded_by=by
    )
    infusions = _infusions(patient, day, by)
    Patient.objects.filter(pk=patient.pk).update(
        infusions_given="".join(name.removeprefix("infusion_") for name in infusions)
    )
    visits = _visits(patient, day, infusions)
    _records(patient, visits, by, skip_last=number % 3 == 0)
    _events(patient, day, number)
    return patient


def _infusions(patient: Patient, day: date, by: User) -> dict[str, date]:
    found = {}
    for number in range(
        1, (patient.protocol.rules.dosing.infusions if patient.protocol.rules.dosing else 0) + 1
    ):
        on = day + timedelta(days=4 * (number - 1))
        zone = patient.protocol.rules.trial.site.time_zone
        infusion = Infusion.objects.create(
            patient=patient, number=number, planned_on=on, window_from=on, window_to=on, state="given",
            weight_kg=Decimal(70), started=f"{on}T10:00+00:00[{zone}]", started_at=at(on, 10),
            ended=f"{on}T11:00+00:00[{zone}]", ended_at=at(on, 11),
        )  # fmt: skip
        Preparation.objects.create(
            infusion=infusion, patient=patient, donor_code="D-17", lot=f"LOT-{patient.number:03d}",
            viable_cells=Decimal(140_000_000), cells_per_kg=Decimal(2_000_000), prepared_by=by,
            dose_basis="actual_weight", dose_measure=Decimal(70), dose_finding="within",
        )  # fmt: skip
        found[f"infusion_{number}"] = on
    return found


def _visits(patient: Patient, day: date, infusions: dict[str, date]) -> list[Visit]:
    today = patient.trial.today
    anchors = {"screening": day, "inclusion": day, **infusions}
    rows = []
    for position, plan in enumerate(planned_visits(patient.protocol.rules, anchors), start=1):
        held = plan.planned_on if plan.window_to and plan.window_to < today else None
        state = Visit.State.HELD if held else Visit.State.PLANNED
        rows.append(
            Visit(
                patient=patient, code=plan.code, position=position * 10, planned_on=plan.planned_on,
                window_from=plan.window_from, window_to=plan.window_to, held_on=held, state=state,
            )
        )  # fmt: skip
    return Visit.objects.bulk_create(rows)


def _records(patient: Patient, visits: list[Visit], by: User, *, skip_last: bool) -> None:
    held = [visit for visit in visits if visit.held_on]
    rows = [
        Record(
            patient=patient, visit=visit, protocol=patient.protocol, form=entry.form, state="complete",
            values=VALUES.get(entry.form, {}), completed_at=at(visit.held_on),
        )
        for visit in (held[:-1] if skip_last else held)
        for entry in forms_of(patient.protocol, visit)
    ]  # fmt: skip
    Record.objects.bulk_create(rows)
    if patient.number == 1:
        draft = Record.objects.filter(patient=patient).order_by("-pk")[0]
        Record.objects.filter(pk=draft.pk).update(state="draft", completed_at=None)
        item = patient.protocol.rules.form(draft.form).items[0].name
        Query.objects.create(
            patient=patient,
            record=draft,
            item=item,
            origin="monitor",
            state="open",
            text="Right?",
            opened_by=by,
        )


def _events(patient: Patient, day: date, number: int) -> None:
    for position in (1, 2):
        onset = day + timedelta(days=position)
        AdverseEvent.objects.create(
            trial=patient.trial,
            patient=patient,
            number=position,
            term=TERMS[(number + position) % len(TERMS)],
            onset=onset.isoformat(),
            onset_earliest=at(onset, 0),
            onset_latest=at(onset, 23),
            ongoing="Y",
            grade=1 + (number + position) % 4,
            causality="possible",
            outcome="recovering",
            action_taken="none",
            aesi="none",
            none_of_these=True,
            **dict.fromkeys(CRITERIA, False),
        )
