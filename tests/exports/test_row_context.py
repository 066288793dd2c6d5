"""What stands beside each captured row of an export: days from each anchor, group, arm, and how far the form came."""

from datetime import timedelta

import pytest
import time_machine

from audit.context import acting
from dosing.allocation.slots import arm_of
from exports.exporting import tables_of
from patients.models import Record
from patients.review.signatures import sign_records
from tests.support import build
from tests.support.study.bedside import INCLUDED, NOW, give, on
from tests.support.study.graded_results import infused, result

pytestmark = pytest.mark.django_db
DAYS = [f"days_since_{name}" for name in ("screening", "inclusion", "infusion_1", "infusion_2", "infusion_3")]


@pytest.fixture(autouse=True)
def _march():
    with time_machine.travel(NOW, tick=False):
        yield


def rows_of(trial, name: str, *, sees_treatment: bool = False) -> list[dict[str, str]]:
    table = next(each for each in tables_of(trial, sees_treatment=sees_treatment) if each.name == name)
    return [dict(zip(table.header, row, strict=True)) for row in table.rows()]


def test_each_row_counts_the_days_from_every_anchor_at_the_site():
    """P11-02: nobody has to join four tables for the study day; an infusion that was not given leaves it blank."""
    trial = build.trial(build.LIEGE)
    patient = infused(trial)
    result(patient, "12 08:00", alt="30")
    (row,) = (row for row in rows_of(trial, "forms/biochemistry") if row["visit"] == "UNS")
    assert row["visit_date"] == (INCLUDED + timedelta(days=2)).isoformat()
    assert [row[name] for name in DAYS] == [2, 2, 2, "", ""]
    assert row["patient_group"] == patient.group
    not_held = rows_of(trial, "forms/demography")[0]
    assert [not_held[name] for name in ("visit_date", *DAYS)] == [""] * 6


def test_an_infusion_after_midnight_counts_from_the_day_at_the_site():
    """P11-02: 23:30 in UTC is the next day in Liège."""
    trial = build.trial(build.LIEGE)
    doctor = build.user("investigator", trial=trial)
    patient = build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
    started, ended = build.moment("12-Mar-2026 00:30"), build.moment("12-Mar-2026 01:30")
    weighed = build.moment("11-Mar-2026 20:00")
    late = on("11-Mar-2026", started=started, ended=ended, weight_measured=weighed)
    with acting(user=doctor, role="investigator"):
        give(patient, 1, {**late, "timing_deviation_reason": "Product late"}, doctor)
    result(patient, "12 08:00", alt="30")
    (row,) = (row for row in rows_of(trial, "forms/biochemistry") if row["visit"] == "UNS")
    assert [row[name] for name in DAYS[1:3]] == [2, 0]


def test_the_arm_stands_beside_each_row_only_for_who_may_know_it():
    """BLD-01: a blinded export has neither the column nor its place in the dictionary."""
    trial = build.trial(build.COVID_MSV)
    doctor = build.user("investigator", trial=trial)
    patient = build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
    (known,) = rows_of(trial, "forms/demography", sees_treatment=True)
    (blinded,) = rows_of(trial, "forms/demography")
    assert known["arm"] == arm_of(patient).code
    assert "arm" not in blinded
    described = [row["item"] for row in rows_of(trial, "data_dictionary") if row["table"] == "forms/*"]
    assert "days_since_inclusion" in described
    assert "arm" not in described


def test_an_open_trial_with_one_arm_has_no_column_for_it():
    trial = build.trial(build.LIEGE)
    infused(trial)
    assert "arm" not in rows_of(trial, "forms/demography", sees_treatment=True)[0]


def test_each_row_says_how_far_its_form_came():
    """P11-02: signed and verified are facts of the row; a change takes the signature back."""
    trial = build.trial(build.LIEGE)
    patient = infused(trial)
    doctor = build.user("investigator", trial=trial)
    row = Record.objects.get(patient=patient, form="demography")

    def flags() -> list[str]:
        (found,) = rows_of(trial, "forms/demography")
        return [found[f"is_{name}"] for name in ("verified", "signed", "locked")]

    assert flags() == ["N", "N", "N"]
    with acting(user=doctor, role="investigator"):
        sign_records(records=[row], meaning="review", password=build.PASSWORD, by=doctor)
    assert flags() == ["N", "Y", "N"]
    with acting(system="test", reason="corrected"):
        Record.objects.filter(pk=row.pk).update(values={**row.values, "note": "x"}, version=row.version + 1)
    assert flags() == ["N", "N", "N"]


def test_the_rows_cost_the_same_queries_with_one_patient_and_with_three(django_assert_max_num_queries):
    trial = build.trial(build.LIEGE)
    for _each in range(3):
        infused(trial)
    with django_assert_max_num_queries(10):
        assert len(rows_of(trial, "forms/demography")) == 3
