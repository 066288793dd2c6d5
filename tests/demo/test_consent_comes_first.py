"""The training data hold nothing that was captured before the consent, except what a protocol asks about the past."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from audit.context import acting
from demo.patients import Populator
from demo.people import make_people
from demo.ranges import example_laboratory
from demo.stories import HEADACHE, Story
from dosing.models import Infusion
from patients.models import Consent, Patient, Record, Sample
from protocol.values.compared_dates import dated_answers
from protocol.values.moments import Moment, before
from safety.models import AdverseEvent
from tests.support import build
from trials.models import Trial

pytestmark = [pytest.mark.django_db, pytest.mark.one_engine]
# Forms of screening that ask about the time before it.
HISTORY = {"medical_history", "covid_diagnosis", "pregnancy_test", "eligibility"}
# Logs of care that was going on when the patient was included: its beginning belongs to the baseline.
CARE = {"stay", "support_episode", "medication", "procedure", "proning", "vasopressor"}
STORIES = (
    Story(30, entered_until=10, events=(HEADACHE,)),
    Story(4, infusions=1),
    Story(0, infusions=1),
    Story(1, stage="eligible"),
)


@pytest.fixture(params=[build.LIEGE, build.COVID_MSV])
def trial(request) -> Trial:
    trial = build.trial(request.param)
    with acting(system="test"):
        people = make_people([trial], build.PASSWORD)
        example_laboratory(trial)
    populator = Populator(trial, people, build.PASSWORD, seed=20)
    for story in STORIES:
        populator.create(story)
    return trial


def captured(patient: Patient) -> Iterator[tuple[str, Moment]]:
    """Yield the dates and times of a patient, each with where it stands."""
    zone, rules = patient.trial.time_zone, patient.protocol.rules
    for record in Record.objects.filter(patient=patient):
        if record.form in (CARE if record.visit_id is None else HISTORY):
            continue
        for where, _item, moment in dated_answers(rules.form(record.form), record.values, zone):
            yield f"{record.form}.{where}", moment
    for infusion in Infusion.objects.filter(patient=patient).exclude(started=""):
        yield f"infusion {infusion.number}", Moment.from_iso(infusion.started, zone)
    for event in AdverseEvent.objects.filter(patient=patient):
        yield event.term, Moment.from_iso(event.onset, zone)
    for at in Sample.objects.filter(visit__patient=patient, collected_at__isnull=False).values_list(
        "collected_at", flat=True
    ):
        yield "sample", Moment.from_datetime(at, zone)
    for visit in patient.visits.filter(held_on__isnull=False):
        yield f"visit {visit.key}", Moment.from_date(visit.held_on, zone)


def test_nothing_of_the_training_data_is_before_consent_or_in_the_future(trial):
    """P11-06: vital signs during an infusion were dated up to two weeks before it."""
    wrong, seen = [], set()
    for patient in Patient.objects.filter(trial=trial):
        given = Consent.objects.filter(patient=patient).order_by("pk").values_list("given", flat=True)[0]
        consent = Moment.from_iso(given, trial.time_zone)
        for where, moment in captured(patient):
            seen.add(where.partition(".")[0])
            if before(moment, consent) or moment.earliest > timezone.now():
                wrong.append((patient.code, where, moment.iso, given))
    assert wrong == []
    assert {"infusion_monitoring", "vitals", "infusion 1", "sample", "visit SCR", "Headache"} <= seen


def test_the_signs_during_an_infusion_are_timed_by_its_start_and_end(trial):
    """CEL-15."""
    records = Record.objects.filter(patient__trial=trial, form="infusion_monitoring").select_related("visit")
    timed = 0
    for record in records:
        visit = next(each for each in trial.rules.visits if each.code == record.visit.code)
        given = Infusion.objects.filter(
            patient=record.patient_id, number=visit.infusion, started_at__isnull=False
        ).first()
        rows = record.values.get("series", [])
        for row in rows if given and isinstance(rows, list) else ():
            if isinstance(at := row.get("measured_at"), str):
                moment = Moment.from_iso(at, trial.time_zone)
                assert given.started_at - timedelta(minutes=15) <= moment.earliest
                assert moment.earliest <= given.ended_at + timedelta(hours=24)
                timed += 1
    assert timed
