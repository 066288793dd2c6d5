"""What follows from adverse events in an export: class, and time from each infusion (SAF-06, SAF-15)."""

from decimal import Decimal

import pytest
import time_machine

from audit import signatures
from audit.context import acting
from dosing.allocation.slots import arm_of
from exports.exporting import tables_of
from exports.formats.typed_values import typed_rows
from exports.tables.event_facts import CHUNK, fact_tables
from patients.models import Patient
from protocol.values.moments import Moment
from tests.support import build
from tests.support.study.bedside import NOW
from tests.support.study.graded_results import infused

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _march():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def patient():
    """A patient infused for the first time on 10 March at 10:00 in Brussels."""
    return infused(build.trial(build.LIEGE))


def table(trial, name: str) -> list[dict[str, object]]:
    found = next(each for each in fact_tables(trial) if each.name == name)
    return [dict(zip(found.header, row, strict=True)) for row in found.rows()]


def test_the_time_from_the_infusion_is_in_days_and_hours(patient):
    build.event(patient=patient, onset=build.moment("11-Mar-2026 08:30"))
    (row,) = table(patient.trial, "event_timing")
    assert [row[name] for name in ("event", "infusion", "days_least", "days_most", "after")] == [
        1,
        1,
        1,
        1,
        "Y",
    ]
    assert (row["hours_least"], row["hours_most"]) == ("22.50", "22.50")


def test_days_and_hours_are_numbers_in_a_format_with_types(patient):
    """P11-02."""
    build.event(patient=patient, onset=build.moment("11-Mar-2026 08:30"))
    found = next(each for each in fact_tables(patient.trial) if each.name == "event_timing")
    (row,) = typed_rows(found)
    assert row[1:] == [1, 1, 1, 1, Decimal("22.50"), Decimal("22.50"), "Y"]


def test_a_partial_date_gives_the_least_and_the_most(patient):
    """Nothing is imputed: March holds days before and after the infusion."""
    build.event(patient=patient, onset=Moment.from_iso("2026-03"))
    (row,) = table(patient.trial, "event_timing")
    assert (row["days_least"], row["days_most"], row["after"]) == (-9, 21, "")
    (found,) = table(patient.trial, "event_classes")
    assert found["treatment_emergent"] == ""


def test_the_class_is_said_and_what_is_undecided_is_empty(patient):
    """SAF-06: serious and related, but expectedness is not judged yet."""
    build.event(
        patient=patient,
        onset=build.moment("11-Mar-2026 08:30"),
        seriousness=frozenset({"hospitalisation"}),
        causality="probable",
        aware=build.moment("11-Mar-2026 09:00"),
    )
    (row,) = table(patient.trial, "event_classes")
    assert [row[name] for name in ("class", "sae", "ar", "sar", "sesar", "susar", "treatment_emergent")] == [
        "SAR", "Y", "Y", "Y", "", "", "Y",
    ]  # fmt: skip


def test_an_event_has_its_study_days_group_and_review_beside_it(patient):
    """P11-02: as every captured form has them; a date that is known to the month has no day."""
    trial, doctor = patient.trial, build.user("investigator", trial=patient.trial)
    event = build.event(patient=patient, onset=build.moment("11-Mar-2026 08:30"))
    build.event(patient=patient, onset=Moment.from_iso("2026-03"))
    days = ("days_since_screening", "days_since_inclusion", "days_since_infusion_1", "days_since_infusion_2")
    exact, partial = table(trial, "event_classes")
    assert [exact[name] for name in days] == [1, 1, 1, ""]
    assert [partial[name] for name in days] == [""] * 4
    assert exact["patient_group"] == patient.group != ""
    assert "arm" not in exact
    states = ("is_verified", "is_signed", "is_locked")
    assert [exact[name] for name in states] == ["N", "N", "N"]
    with acting(user=doctor, role="investigator"):
        signatures.sign(target=event, meaning="review", password=build.PASSWORD, by=doctor)
    with acting(system="test", reason="arranged"):
        Patient.objects.filter(pk=patient.pk).update(locked_at=NOW)
    exact, partial = table(trial, "event_classes")
    assert [exact[name] for name in states] == ["N", "Y", "Y"]
    assert [partial[name] for name in states] == ["N", "N", "Y"]


def test_the_arm_stands_beside_an_event_only_for_who_may_know_it():
    """BLD-01: neither as a column nor in the dictionary of the others."""
    trial = build.trial(build.COVID_MSV)
    doctor = build.user("investigator", trial=trial)
    patient = build.enrolled(trial=trial, investigator=doctor)
    build.event(patient=patient)
    for known in (True, False):
        tables = {each.name: each for each in tables_of(trial, sees_treatment=known)}
        found = tables["event_classes"]
        (row,) = (dict(zip(found.header, cells, strict=True)) for cells in found.rows())
        assert row.get("arm") == (arm_of(patient).code if known else None)
        described = {tuple(line[:2]) for line in tables["data_dictionary"].rows()}
        assert (("event_classes", "arm") in described) is known


def test_the_tables_cost_the_same_queries_for_one_event_and_for_many(patient, django_assert_num_queries):
    for _each in range(3):
        build.event(patient=patient, onset=build.moment("11-Mar-2026 08:30"))
    assert CHUNK >= 3
    with django_assert_num_queries(6):
        assert len(table(patient.trial, "event_classes")) == 3
