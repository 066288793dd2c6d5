"""The database itself refuses two overlapping reference ranges, whatever writes them (LAB-03)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, transaction

from audit.context import acting
from audit.triggers import defects
from tests.support.study.reference_ranges import central
from trials.laboratories.ranges import add_laboratory, range_of
from trials.models import Laboratory, ReferenceRange, Trial

pytestmark = pytest.mark.django_db

START, END = date(2020, 1, 1), date(2020, 12, 31)
REACH = {"form": "biochemistry", "item": "crp", "unit": "mg/L", "upper": Decimal(5)}
HELD: dict[str, Any] = {
    "sex": "F",
    "age_from": 18,
    "age_to": 60,
    "effective_from": START,
    "effective_to": END,
}


@pytest.fixture
def laboratory(trial: Trial) -> Laboratory:
    return central(trial)


def unsaved(laboratory: Laboratory, **told: Any) -> ReferenceRange:
    return ReferenceRange(laboratory=laboratory, **{**REACH, **HELD, **told})


def stored(laboratory: Laboratory, **told: Any) -> ReferenceRange:
    """Store a range directly, without the checks of `add_range`."""
    with acting(system="test"), transaction.atomic():
        row = unsaved(laboratory, **told)
        row.save(force_insert=True)
    return row


SEXES = ("", "F", "M")
AGES = ((0, 18), (0, 19), (17, None), (59, 80), (60, None), (30, 40), (0, None))
DAYS = (
    (date(2019, 1, 1), date(2019, 12, 31)),
    (date(2019, 1, 1), START),
    (date(2020, 5, 1), date(2020, 5, 1)),
    (END, None),
    (date(2021, 1, 1), None),
    (date(2019, 1, 1), None),
)


def test_the_database_refuses_exactly_what_overlaps(laboratory):
    """Every way in which sex, ages and days can meet, against the rule of `protocol.values.reference_ranges`."""
    held = range_of(stored(laboratory))
    taken = []
    for sex, (age_from, age_to), (first, last) in product(SEXES, AGES, DAYS):
        fields = {"sex": sex, "age_from": age_from, "age_to": age_to, "effective_from": first}
        fields["effective_to"] = last
        refused = False
        try:
            with transaction.atomic():
                stored(laboratory, **fields)
                transaction.set_rollback(True)
        except IntegrityError:
            refused = True
        assert refused is held.overlaps(range_of(unsaved(laboratory, **fields))), fields
        taken.append(not refused)
    assert 0 < sum(taken) < len(taken)


@pytest.mark.parametrize("other", [{"form": "haematology"}, {"item": "alt"}, {"sex": "M"}], ids=str)
def test_another_item_or_sex_has_its_own(laboratory, other):
    stored(laboratory)
    stored(laboratory, **other)
    assert ReferenceRange.objects.count() == 2


def test_another_laboratory_has_its_own(trial, laboratory):
    with acting(system="test"):
        second = add_laboratory(trial=trial, code="night", name="Night laboratory", by=None)
    stored(laboratory)
    stored(second)
    assert ReferenceRange.objects.count() == 2


def test_two_that_meet_are_refused_in_one_statement(laboratory):
    with (
        acting(system="test"),
        pytest.raises(IntegrityError, match="trials_referencerange overlap"),
        transaction.atomic(),
    ):
        ReferenceRange.objects.bulk_create([unsaved(laboratory), unsaved(laboratory, age_from=30)])
    assert not ReferenceRange.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"age_from": 50},
        {"sex": "F"},
        {"sex": ""},
        {"effective_from": END, "sex": "F"},
        {"in_error_reason": ""},
    ],
    ids=str,
)
def test_a_change_that_makes_two_meet_is_refused(laboratory, change):
    """By update(), which runs no check of the application."""
    stored(laboratory)
    apart: dict[str, Any] = (
        {"sex": "M", "age_from": 30} if "sex" in change else {"age_from": 60, "age_to": 80}
    )
    if "in_error_reason" in change:
        apart = {"age_from": 30, "in_error_reason": "Wrong sheet"}
    other = stored(laboratory, **apart)
    rows = ReferenceRange.objects.filter(pk=other.pk)
    with (
        acting(system="test"),
        pytest.raises(IntegrityError, match="trials_referencerange overlap"),
        transaction.atomic(),
    ):
        rows.update(**change)
    assert rows.filter(**apart).exists()


def test_raw_sql_is_refused_too(laboratory):
    stored(laboratory)
    other = stored(laboratory, sex="M", age_from=30)
    refused = pytest.raises(IntegrityError, match="trials_referencerange overlap")
    with acting(system="test"), refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE trials_referencerange SET sex = '' WHERE id = %s", [other.pk])


def test_one_entered_in_error_makes_room(laboratory):
    stored(laboratory, in_error_reason="Wrong sheet")
    row = stored(laboratory)
    with acting(system="test"):
        ReferenceRange.objects.filter(pk=row.pk).update(upper=6, source="Handbook 8")
        ReferenceRange.objects.filter(pk=row.pk).update(in_error_reason="Twice")
    stored(laboratory, age_from=20)
    assert ReferenceRange.objects.filter(in_error_reason="").count() == 1


def test_the_guard_is_one_of_the_triggers_that_are_checked(laboratory):
    """AUD-03: a guard that is missing is a defect."""
    name, on = ("stroma_apart", " ON trials_referencerange")
    if connection.vendor == "sqlite":
        name, on = "stroma_trials_referencerange_apart", ""
    assert defects() == []
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {name}{on}")
    assert len(defects()) == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_people_who_write_at_once_one_is_refused(laboratory):
    """Neither sees the other's row before it is stored; SQLite has one writer at a time."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite lets one write at a time")

    def write(age_from: int) -> str:
        try:
            stored(laboratory, age_from=age_from)
        except IntegrityError:
            return "refused"
        finally:
            connections.close_all()
        return "stored"

    with ThreadPoolExecutor(8) as pool:
        result = list(pool.map(write, range(18, 26)))
    assert sorted(result) == ["refused"] * 7 + ["stored"]
