"""A missed visit holds no data: the database refuses a form in force at it, whatever writes (DAT-08)."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import User
from audit.context import acting
from audit.triggers import defects
from patients.entry.saving import strike_out
from patients.models import Patient, Record, Visit
from patients.participation.visits import hold_visit, miss_visit
from tests.support import build
from tests.support.study.entered_forms import at, draft, included

pytestmark = pytest.mark.django_db

REFUSED = "cannot be in force below"


def missed(patient: Patient, by: User, code: str = "D7") -> Visit:
    """Include the patient and mark a visit as missed."""
    included(patient)
    with acting(user=by, role="coordinator"):
        return miss_visit(visit=patient.visits.get(code=code), reason="Abroad", by=by)


def stored(patient: Patient, visit: Visit | None, **told: Any) -> Record:
    """Store a record directly, without the checks of a save."""
    facts = {"state": "draft", "values": {}, "form": "vitals", **told}
    with acting(system="test"), transaction.atomic():
        return Record.objects.create(patient=patient, visit=visit, protocol=patient.protocol, **facts)


@pytest.mark.parametrize("state", ["draft", "complete"])
def test_no_form_is_stored_at_a_missed_visit(patient: Patient, nurse: User, state: str) -> None:
    visit = missed(patient, nurse)
    with pytest.raises(IntegrityError, match=REFUSED):
        stored(patient, visit, state=state)
    assert not visit.records.exists()


def test_a_form_struck_out_stays_at_a_visit_that_is_missed_afterwards(patient: Patient, nurse: User) -> None:
    included(patient)
    record = draft(at(patient, nurse, visit="D7"), nurse, {"hr": "72"}).record
    with acting(user=nurse, role="coordinator"):
        strike_out(record=record, reason="Another patient", by=nurse)
        visit = miss_visit(visit=patient.visits.get(code="D7"), reason="Abroad", by=nurse)
    assert (visit.state, visit.records.get().state) == ("missed", "struck_out")


def test_a_visit_with_a_form_is_not_missed(patient: Patient, nurse: User) -> None:
    """By update(), which runs no check of the application."""
    included(patient)
    visit = patient.visits.get(code="D7")
    draft(at(patient, nurse, visit="D7"), nurse, {"hr": "72"})
    with acting(system="test"), pytest.raises(IntegrityError, match=REFUSED), transaction.atomic():
        Visit.objects.filter(pk=visit.pk).update(state="missed", missed_reason="Abroad")
    visit.refresh_from_db()
    assert visit.state == "planned"


@pytest.mark.parametrize("change", ["state", "visit"])
def test_a_form_does_not_come_to_a_missed_visit_by_a_change(
    patient: Patient, nurse: User, change: str
) -> None:
    visit = missed(patient, nurse)
    struck = {"state": "struck_out", "struck_out_reason": "Another patient"}
    row = stored(patient, visit, **struck) if change == "state" else stored(patient, None)
    told: dict[str, Any] = {"state": "draft"} if change == "state" else {"visit": visit}
    with acting(system="test"), pytest.raises(IntegrityError, match=REFUSED), transaction.atomic():
        Record.objects.filter(pk=row.pk).update(**told)


def test_a_visit_held_after_all_takes_forms_again(patient: Patient, nurse: User) -> None:
    visit = missed(patient, nurse)
    with acting(user=nurse, role="coordinator"):
        hold_visit(visit=visit, on=build.today(patient), reason="He came late", by=nurse)
    assert draft(at(patient, nurse, visit="D7"), nurse, {"hr": "72"}).record.state == "draft"


@pytest.mark.parametrize("guard", ["barred", "bars"])
def test_the_guards_are_among_the_triggers_that_are_checked(trial: Any, guard: str) -> None:
    """AUD-03: a guard that is missing is a defect."""
    table = {"barred": "patients_record", "bars": "patients_visit"}[guard]
    name, on = f"stroma_{guard}_patients_record", f" ON {table}"
    if connection.vendor == "sqlite":
        name = {
            "barred": "stroma_patients_record_barred",
            "bars": "stroma_patients_visit_bars_patients_record",
        }[guard]
        on = ""
    assert defects() == []
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {name}{on}")
    assert len(defects()) == 1
