"""Forms, logs and the end of study of one patient must agree (DAT-08)."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from audit.context import acting
from patients.models import Patient, Query, Record, Visit
from patients.participation import disposition
from patients.participation.questions import Questioned
from protocol.values.moments import Moment
from reports.closing.deaths import deaths_disagreeing
from safety.models import AdverseEvent
from tests.support import build
from trials.models import Trial

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient(trial: Trial) -> Patient:
    return build.enrolled(trial=trial)


def saved(
    patient: Patient, by: User, form: str, visit: str | None, values: dict[str, Any], repeat: int = 1
) -> Record:
    """Save a draft of a form."""
    return build.record(patient, form, values, visit=visit, repeat=repeat, draft=True, by=by)


def dead(patient: Patient, by: User) -> Record:
    """Record the vital status of day 7: dead, two days after the inclusion."""
    died = (patient.enrolled_on + timedelta(days=2)).isoformat()
    visit = patient.visits.get(code="D7")
    with acting(user=by, role="coordinator"):
        Visit.objects.filter(pk=visit.pk).update(state="held", held_on=visit.planned_on)
    return saved(patient, by, "vital_status", "D7", {"survival_status": "DEAD", "died_on": died})


def asked(record: Record) -> set[str]:
    """Return the checks with a query on a record."""
    return set(Query.objects.filter(record=record, state="open").values_list("check_id", flat=True))


def test_death_asks_for_the_end_of_what_is_still_open(patient: Patient, nurse: User) -> None:
    row = {"kind": "IMV", "ongoing": "Y"}
    saved(patient, nurse, "support_episode", None, row)
    assert "check:ST07" in asked(dead(patient, nurse))


def test_death_asks_nothing_when_the_logs_are_closed(patient: Patient, nurse: User) -> None:
    saved(patient, nurse, "support_episode", None, {"kind": "IMV", "ongoing": "N"})
    assert asked(dead(patient, nurse)) == set()


def test_a_row_that_goes_on_after_death_is_asked_about_and_stored(patient: Patient, nurse: User) -> None:
    dead(patient, nurse)
    row = saved(patient, nurse, "proning", None, {"ongoing": "Y", "awake": "N"})
    assert "check:PN02" in asked(row)


def test_a_sample_after_death_is_asked_about_and_stored(patient: Patient, nurse: User) -> None:
    dead(patient, nurse)
    died = patient.enrolled_on + timedelta(days=2)
    texts = [f"{died + timedelta(days=days)}T23:59+02:00[Europe/Brussels]" for days in (0, 1)]
    at_death, after = (
        saved(patient, nurse, "haematology", visit, {"sampled_at": text})
        for visit, text in zip(("D7", "D14"), texts, strict=True)
    )
    assert ("check:HE06" in asked(at_death), "check:HE06" in asked(after)) == (False, True)


def test_a_second_open_episode_of_the_same_support_is_asked_about(patient: Patient, nurse: User) -> None:
    saved(patient, nurse, "support_episode", None, {"kind": "IMV", "ongoing": "Y"})
    second = saved(patient, nurse, "support_episode", None, {"kind": "IMV", "ongoing": "Y"}, repeat=2)
    other = saved(patient, nurse, "support_episode", None, {"kind": "NIV", "ongoing": "Y"}, repeat=3)
    assert (asked(second), asked(other)) == ({"check:SE04"}, set())


@pytest.mark.parametrize(("reason", "days"), [("death", 3), ("withdrawal", 2)])
def test_the_end_of_study_agrees_with_the_date_of_death(
    patient: Patient, nurse: User, reason: str, days: int
) -> None:
    dead(patient, nurse)
    on = patient.enrolled_on + timedelta(days=days)
    with acting(user=nurse, role="coordinator"), pytest.raises(Questioned) as questioned:
        disposition.end_study(patient=patient, on=on, reason=reason, note="Said so", by=nurse)
    assert "the end of study says otherwise" in str(questioned.value)


def test_the_study_ends_on_the_day_of_death(patient: Patient, nurse: User) -> None:
    dead(patient, nurse)
    on = patient.enrolled_on + timedelta(days=2)
    with acting(user=nurse, role="coordinator"):
        ended = disposition.end_study(patient=patient, on=on, reason="death", note="", by=nurse)
    assert (ended.end_reason, ended.ended_on) == ("death", on)


def fatal(patient: Patient, day: int, **more: Any) -> AdverseEvent:
    """Record a fatal event that ended some days after the inclusion."""
    end = Moment.from_date(patient.enrolled_on + timedelta(days=day))
    fields = {"seriousness": frozenset({"results_in_death"}), "grade": 5, "outcome": "fatal", "ongoing": "N"}
    aware = Moment.from_datetime(timezone.now(), "Europe/Brussels")
    onset = Moment.from_date(patient.enrolled_on)
    return build.event(patient=patient, onset=onset, end=end, aware=aware, **fields, **more)


@pytest.mark.parametrize(("day", "told"), [(1, True), (2, False), (3, True)])
def test_a_fatal_event_ends_on_the_day_of_death(patient: Patient, nurse: User, day: int, told: bool) -> None:
    """DAT-08: one day before and one day after disagree, the day itself does not."""
    dead(patient, nurse)
    event = fatal(patient, day)
    page = build.client(nurse).get(
        f"/trials/{patient.trial.slug}/patients/{patient.code}/adverse-events/{event.number}/"
    )
    assert page.status_code == 200
    assert ("a fatal event ends on that day" in page.content.decode()) is told
    assert deaths_disagreeing(patient.trial) == ({patient.pk: 1} if told else {})


def test_a_death_without_a_fatal_event_is_reported(patient: Patient, nurse: User) -> None:
    """DAT-08: until somebody reports the event that ended in death."""
    assert deaths_disagreeing(patient.trial) == {}
    dead(patient, nurse)
    assert deaths_disagreeing(patient.trial) == {patient.pk: 1}
