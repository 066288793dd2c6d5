"""Fill the invented trials of the bench: patients by the functions of the application, their data in bulk."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from audit.context import acting
from patients.models import Patient, Record, Visit
from patients.participation.consents.consent import record_consent
from patients.participation.eligibility_decisions.eligibility import sign_eligibility
from patients.participation.enrolment import enrol
from patients.participation.screening import screen
from protocol.values.moments import Moment
from safety.models import CRITERIA, AdverseEvent
from trials.models import Delegation, Trial
from trials.versions.loading import load_protocol

PROTOCOL = Path(__file__).with_name("study.toml")
ITEMS = 30
ROLES = ("coordinator", "investigator", "data_manager")


def values(rng: Random) -> dict[str, str]:
    """Return the stored answers of one form: thirty items, one of them calculated."""
    numbers = sorted((rng.randint(1500, 39000) for _each in range(20)), reverse=True)
    answers = {f"v{index:02}": f"{number / 100:.2f}" for index, number in enumerate(numbers, start=1)}
    answers |= {f"v{index:02}": rng.choice("YN") for index in range(21, 26)}
    mean = (numbers[0] + numbers[1]) / 200
    answers |= {
        "kind": "B",
        "detail": "as expected",
        "measured_at": "2025-03-03T09:30+01:00[Europe/Brussels]",
    }
    return answers | {"remark": "none", "mean": f"{mean:.1f}"}


def fill(password: str, *, patients: int, events: int, values: int, terms: Sequence[str]) -> None:
    """Store two trials: `bench`, as large as a real one, for the pages; `bulk` for the listing and the export.

    `bulk` has a fifth of the patients, at least one: all its events and values are theirs.
    """
    text = PROTOCOL.read_text("utf-8")
    with acting(system="bench", reason="measuring"):
        bench = load_protocol(text=text).trial
        bulk = load_protocol(text=text.replace('"BENCH"', '"BULK"').replace('"bench"', '"bulk"')).trial
        people = _people([bench, bulk], password)
        for trial, size, items in ((bench, patients, 0), (bulk, max(1, patients // 5), values)):
            enrolled = [_included(trial, people["investigator"], password) for _each in range(size)]
            _records(enrolled, items)
            _events(trial, enrolled, events if items else patients * 3, terms)


def _people(trials: list[Trial], password: str) -> dict[str, User]:
    today = timezone.now().date()
    people = {}
    for role in ROLES:
        people[role] = User.objects.create_user(role, password, full_name=role, identity_verified_on=today)
        for trial in trials:
            Delegation.objects.create(user=people[role], trial=trial, role=role, starts_on=today)
    return people


def _included(trial: Trial, by: User, password: str) -> Patient:
    day = trial.today - timedelta(days=150)
    patient = screen(trial=trial, screened_on=day, identity={}, by=by)
    given = Moment.from_datetime(datetime(day.year, day.month, day.day, 7, tzinfo=UTC), "Europe/Brussels")
    record_consent(patient=patient, type="patient", version="1.0", given=given, by=by)
    with acting(user=by, role="investigator"):
        sign_eligibility(patient=patient, conclusion="eligible", inclusion_on=day, password=password, by=by)
    return enrol(patient=patient, on=day, by=by)


@transaction.atomic
def _records(patients: list[Patient], wanted: int) -> None:
    """Store a form for every visit but the last two of each patient, then repeats until there are `wanted` values."""
    rng, rows = Random(2), list[Record]()
    for patient in patients:
        visits = list(patient.visits.order_by("position"))[:-2]
        Visit.objects.filter(pk__in=[visit.pk for visit in visits]).update(
            state="held", held_on=patient.enrolled_on
        )
        rows += [_record(patient, visit, 1, rng) for visit in visits]
    repeat = 2
    while len(rows) * ITEMS < wanted:
        rows += [_record(patient, None, repeat + extra, rng) for patient in patients for extra in range(20)]
        repeat += 20
    Record.objects.bulk_create(rows, batch_size=500)


def _record(patient: Patient, visit: Visit | None, repeat: int, rng: Random) -> Record:
    now = timezone.now()
    return Record(
        patient=patient,
        visit=visit,
        protocol=patient.protocol,
        form="measures",
        repeat=repeat,
        state="complete",
        values=values(rng),
        created_at=now,
        completed_at=now,
    )


def _events(trial: Trial, patients: list[Patient], wanted: int, terms: Sequence[str]) -> None:
    rng, start = Random(3), datetime(2025, 1, 1, tzinfo=UTC)

    def rows() -> Iterator[AdverseEvent]:
        for number in range(wanted):
            at = start + timedelta(minutes=number)
            patient = patients[number % len(patients)]
            yield AdverseEvent(
                trial=trial,
                patient=patient,
                number=number // len(patients) + 1,
                term=rng.choice(terms),
                onset=Moment.from_datetime(at, "Europe/Brussels").iso,
                onset_earliest=at,
                onset_latest=at,
                ongoing="Y",
                grade=rng.randint(1, 4),
                causality="possible",
                outcome="recovering",
                action_taken="none",
                **_seriousness(rng, at),
            )

    AdverseEvent.objects.bulk_create(rows(), batch_size=1000)


def _seriousness(rng: Random, at: datetime) -> dict[str, Any]:
    """Return the seriousness fields of one event; a serious one was reported after six hours."""
    serious = rng.random() < 0.1
    criteria = {name: serious and name == "hospitalisation" for name in CRITERIA}
    if not serious:
        return {**criteria, "none_of_these": True}
    aware = Moment.from_datetime(at, "Europe/Brussels").iso
    result = at + timedelta(hours=6)
    return {
        **criteria,
        "none_of_these": False,
        "aware": aware,
        "aware_at": at,
        "serious_aware": aware,
        "serious_aware_at": at,
        "due_at": at + timedelta(hours=24),
        "reported": Moment.from_datetime(result, "Europe/Brussels").iso,
        "reported_at": result,
    }
