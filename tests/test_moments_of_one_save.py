"""What one save stores has its moments in the order in which things happened, to the microsecond.

The clock of these tests goes on: a moment that is read twice is two moments.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from audit.context import acting
from audit.models import Signature
from dosing.stock.donor_decisions import decide_donor
from exports.exporting import tables_of
from patients.entry.posted import Action
from patients.models import Patient, Record
from patients.queries import threads
from patients.review.signatures import sign_records
from tests.support import build
from tests.support.pages.entry_pages import WHOLE, save
from tests.support.study import product_chain as chain
from tests.support.study.entered_forms import DEMOGRAPHY
from trials.models import Trial

pytestmark = pytest.mark.django_db


def signature_of(row: Any) -> datetime:
    return Signature.objects.get(target_type=row._meta.label_lower, target_id=row.pk).signed_at


def first_entry(row: Any) -> datetime:
    """Return the moment of the first entry of the trail about a row.

    PostgreSQL has a clock of its own, which a test does not set: it is compared with moments before it only.
    """
    return row.history.earliest("history_id").history_date


def form_of(trial: Trial, by: User) -> Record:
    patient = build.patient(trial=trial, by=by)
    build.consent(patient, by=by)
    return build.record(patient, "demography", DEMOGRAPHY, by=by)


def patient_screened(trial: Trial) -> Iterator[datetime]:
    row = build.patient(trial=trial, by=build.user("coordinator", trial=trial))
    yield from (row.created_at, first_entry(row))


def form_completed_at_once(trial: Trial) -> Iterator[datetime]:
    row = form_of(trial, build.user("coordinator", trial=trial))
    yield from (row.created_at, row.completed_at, first_entry(row))


def form_signed(trial: Trial) -> Iterator[datetime]:
    doctor = build.user("investigator", trial=trial)
    row = form_of(trial, doctor)
    with acting(user=doctor, role="investigator"):
        sign_records(records=[row], meaning="review", password=build.PASSWORD, by=doctor)
    yield from (row.completed_at, signature_of(row))


def query_raised_and_closed(trial: Trial) -> Iterator[datetime]:
    row = form_of(trial, build.user("coordinator", trial=trial))
    monitor = build.user("monitor", trial=trial)
    with acting(user=monitor, role="monitor"):
        query = threads.raise_query(
            record=row, item="sex", text="Sure?", origin="monitor", by=monitor, role="monitor"
        )
        query = threads.close_query(query=query, text="Seen in the chart", by=monitor, role="monitor")
    asked, closed = query.messages.order_by("pk").values_list("at", flat=True)
    yield from (query.opened_at, asked, closed, query.closed_at)


def event_reported(trial: Trial) -> Iterator[datetime]:
    doctor = build.user("investigator", trial=trial)
    row = build.event(patient=build.enrolled(trial=trial, investigator=doctor), by=doctor)
    yield from (row.created_at, first_entry(row))


def lot_decided(trial: Trial) -> Iterator[datetime]:
    row = chain.decided(chain.with_results(chain.lot(trial)), "release")
    yield from (row.decided_at, row.recorded_at, signature_of(row))


def donor_found_unfit(trial: Trial) -> Iterator[datetime]:
    by, giver = chain.technician(trial), chain.donor(trial)
    with acting(user=by, role="cell_laboratory"):
        row = decide_donor(
            donor=giver, kind="unfit", since=trial.today, reason="Hepatitis", password=build.PASSWORD, by=by
        )
    yield from (row.decided_at, row.recorded_at, signature_of(row))


@pytest.mark.parametrize(
    "moments",
    [
        patient_screened, form_completed_at_once, form_signed, query_raised_and_closed, event_reported, lot_decided,
        donor_found_unfit,
    ],
)  # fmt: skip
def test_the_moments_of_a_save_are_in_their_order(
    moments: Callable[[Trial], Iterator[datetime]],
) -> None:
    """AUD-02: what is entered is not complete before, what is decided not recorded before, the trail not earlier."""
    trial = build.trial(build.LIEGE)
    found = list(moments(trial))
    assert len(found) > 1
    assert found == sorted(found)


def test_a_form_completed_on_its_page_is_exported_as_completed_when_it_was_entered(
    desk: Client, patient: Patient
) -> None:
    """P11-02: `completed_at` was microseconds before `entered_at`, so that every form looked completed too early."""
    assert save(desk, patient, WHOLE, str(Action.NEXT)).status_code == 302
    row = Record.objects.get()
    assert row.completed_at is not None
    assert row.created_at == row.completed_at
    table = next(
        each for each in tables_of(patient.trial, sees_treatment=False) if each.name == "forms/vitals"
    )
    (found,) = (dict(zip(table.header, cells, strict=True)) for cells in table.rows())
    assert found["entered_at"] == found["completed_at"] != ""


def test_a_draft_that_is_completed_later_is_completed_after_it_was_entered(
    desk: Client, patient: Patient
) -> None:
    save(desk, patient, WHOLE)
    save(desk, patient, WHOLE, str(Action.NEXT))
    row = Record.objects.get()
    assert row.completed_at is not None
    assert row.created_at < row.completed_at
