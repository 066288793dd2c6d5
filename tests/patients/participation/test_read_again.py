"""A step decides on what is stored when it gets its lock, not on what its page was made from (DAT-11)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from accounts.models import User
from audit.context import acting
from patients.entry.saving import strike_out
from patients.models import DataLock, Patient, Query, Record, Visit
from patients.participation.visits import hold_visit, miss_visit
from patients.queries.threads import answer_query, raise_query
from patients.review import locks
from patients.review.locks import grant_unlock, request_unlock
from tests.support import build
from tests.support.study.entered_forms import BLOOD_PRESSURE, at, draft, included
from trials.delegations import delegation
from trials.models import Delegation, Trial

pytestmark = pytest.mark.django_db


@contextmanager
def refused(said: str) -> Iterator[None]:
    """Expect a refusal in words: neither a stored row nor an error of the database."""
    with pytest.raises(ValidationError, match=said):
        yield


def visit_of(patient: Patient, code: str = "D7") -> Visit:
    return Visit.objects.select_related("patient").get(patient=patient, code=code)


def asked(record: Record, by: User) -> Query:
    with acting(user=by, role="monitor"):
        return raise_query(record=record, item="sbp", text="Right?", origin="monitor", by=by, role="monitor")


def test_a_form_is_not_saved_at_a_visit_that_was_missed_meanwhile(patient: Patient, nurse: User) -> None:
    included(patient)
    place = at(patient, nurse, visit="D7")
    with acting(user=nurse, role="coordinator"):
        miss_visit(visit=visit_of(patient), reason="Abroad", by=nurse)
    with refused("was missed"):
        draft(place, nurse, BLOOD_PRESSURE)
    assert not Record.objects.filter(visit__code="D7").exists()


def test_a_form_is_not_saved_at_a_visit_that_was_frozen_meanwhile(
    patient: Patient, nurse: User, manager: User
) -> None:
    included(patient)
    place = at(patient, nurse, visit="D7")
    with acting(user=manager, role="data_manager"):
        locks.freeze(target=visit_of(patient), reason="Interim analysis", by=manager)
    with refused("is frozen"):
        draft(place, nurse, BLOOD_PRESSURE)


def test_a_form_is_checked_on_the_day_to_which_its_visit_was_moved_meanwhile(
    patient: Patient, nurse: User
) -> None:
    """The record keeps the visit as it is now, and `visit.on` in a check is its new day."""
    included(patient)
    place = at(patient, nurse, visit="D7")
    day = build.today(patient) - timedelta(days=3)
    with acting(user=nurse, role="coordinator"):
        hold_visit(visit=visit_of(patient), on=day, by=nurse)
    saved = draft(place, nurse, BLOOD_PRESSURE)
    here = saved.casebook.place("vitals", "D7")
    assert saved.casebook.scope(here, {}).get("visit.on") == day


@pytest.mark.parametrize("verb", ["hold", "miss"])
def test_a_visit_that_was_frozen_meanwhile_is_neither_held_nor_missed(
    patient: Patient, nurse: User, manager: User, verb: str
) -> None:
    included(patient)
    seen = visit_of(patient)
    with acting(user=manager, role="data_manager"):
        locks.freeze(target=visit_of(patient), reason="Interim analysis", by=manager)
    with acting(user=nurse, role="coordinator"), refused("is frozen"):
        if verb == "hold":
            hold_visit(visit=seen, on=build.today(patient), by=nurse)
        else:
            miss_visit(visit=seen, reason="Abroad", by=nurse)


def test_a_visit_that_was_cancelled_meanwhile_is_not_held(patient: Patient, nurse: User) -> None:
    included(patient)
    seen = visit_of(patient)
    with acting(system="test"):
        Visit.objects.filter(pk=seen.pk).update(state="cancelled")
    with acting(user=nurse, role="coordinator"), refused("no longer planned"):
        hold_visit(visit=seen, on=build.today(patient), by=nurse)


def test_a_visit_moved_meanwhile_by_an_amendment_keeps_its_version(patient: Patient, nurse: User) -> None:
    """A visit held after an amendment was applied keeps the version that the amendment gave it."""
    included(patient)
    seen = visit_of(patient)
    with acting(system="test"):
        Visit.objects.filter(pk=seen.pk).update(protocol=patient.protocol, planned_on=build.today(patient))
    with acting(user=nurse, role="coordinator"):
        stored = hold_visit(visit=seen, on=build.today(patient), by=nurse)
    assert (stored.protocol_id, stored.planned_on) == (patient.protocol_id, build.today(patient))


@pytest.mark.parametrize("how", ["locked", "struck out"])
def test_no_query_is_raised_on_a_form_that_was_closed_meanwhile(
    record: Record, nurse: User, manager: User, how: str
) -> None:
    seen = Record.objects.select_related("patient__trial", "visit", "protocol").get(pk=record.pk)
    if how == "locked":
        with acting(user=manager, role="data_manager"):
            locks.lock(target=record, reason="Clean", by=manager)
    else:
        with acting(user=nurse, role="coordinator"):
            strike_out(record=record, reason="Another patient", by=nurse)
    with acting(user=manager, role="data_manager"), refused(how):
        raise_query(
            record=seen, item="age", text="Right?", origin="data_manager", by=manager, role="data_manager"
        )


def test_a_query_is_not_answered_on_a_form_whose_visit_was_locked_meanwhile(
    patient: Patient, nurse: User, people: dict[str, User]
) -> None:
    row = draft(at(patient, nurse), nurse, BLOOD_PRESSURE).record
    seen = Query.objects.select_related("record__visit", "patient").get(pk=asked(row, people["monitor"]).pk)
    with acting(system="test"):
        Visit.objects.filter(pk=row.visit_id).update(locked_at=row.created_at)
    with acting(user=nurse, role="coordinator"), refused("is locked"):
        answer_query(query=seen, text="Yes", by=nurse, role="coordinator")


def test_of_two_people_who_decide_on_a_request_the_second_is_refused(
    record: Record, people: dict[str, User]
) -> None:
    manager, nurse = people["data_manager"], people["coordinator"]
    with acting(user=manager, role="data_manager"):
        locks.lock(target=record, reason="Clean", by=manager)
    with acting(user=nurse, role="coordinator"):
        request = request_unlock(target=record, reason="A value is missing", by=nurse)
    with acting(user=manager, role="data_manager"):
        grant_unlock(request=request, by=manager)
        with refused("decided already"):
            grant_unlock(request=request, by=manager)
    assert DataLock.objects.get().released_by == manager


def test_somebody_deactivated_meanwhile_gets_no_role(trial: Trial, administrator: User) -> None:
    """ACC-04: the page was made while the account was active."""
    person = build.user("monitor")
    seen = User.objects.get(pk=person.pk)
    with acting(system="test"):
        User.objects.filter(pk=person.pk).update(is_active=False)
    with acting(user=administrator, role="administrator"), refused("deactivated"):
        delegation.delegate(
            user=seen, trial=trial, role="monitor", starts_on=trial.today, ends_on=None, by=administrator
        )
    assert not Delegation.objects.filter(user=person).exists()


def test_an_ended_role_is_not_prolonged_into_the_days_of_the_next_one(
    trial: Trial, administrator: User
) -> None:
    """ACC-02: a person has one role at a time in a trial."""
    person, day = build.user("monitor"), trial.today
    first = build.delegate(person, trial=trial, role="monitor", starts_on=day, ends_on=day)
    build.delegate(person, trial=trial, role="data_manager", starts_on=day + timedelta(days=1))
    with acting(user=administrator, role="administrator"), refused("some of these days"):
        delegation.end_delegation(
            delegation=first, ends_on=day + timedelta(days=2), reason="Stays", by=administrator
        )
