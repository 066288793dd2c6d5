"""The analysis data sets of a masked trial: blinded people get the same bytes in either arm (BLD-03)."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import time_machine
from django.db import transaction

from tests.support.pages import blinding
from tests.support.pages.exports import archive_of, sent_export
from tests.support.study.analysed import Analysis
from tests.support.study.bedside import NOW
from tests.support.study.masked_trial import masked_trial

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_clock")]
BLINDED = ("data_manager", "blinded_statistician", "administrator")


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker) -> Iterator[SimpleNamespace]:
    """A masked trial with a patient treated in each arm, made once."""
    with django_db_blocker.unblock(), time_machine.travel(NOW, tick=False), transaction.atomic():
        yield masked_trial()
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _march():
    with time_machine.travel(NOW, tick=False):
        yield


def sent(world, role: str) -> dict[str, bytes]:
    """Return the files that an export sends to a role."""
    with archive_of(sent_export(world.staff[role], world.trial, format="adam")) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def swapped(world, role: str) -> list[str]:
    """Return the files that differ after the exchange of the arms."""
    before, after = (
        blinding.read_after(world.trial, change, lambda: sent(world, role))
        for change in (blinding.as_it_is, blinding.swap_arms)
    )
    assert before.keys() == after.keys()
    assert "expected.csv" in before
    return [name for name in before if before[name] != after[name]]


@pytest.mark.parametrize("role", BLINDED)
def test_a_blinded_person_gets_the_same_bytes_whatever_the_arms(world, role):
    """BLD-03: data sets, derivations, numbers and manifest."""
    assert swapped(world, role) == []


def test_a_blinded_package_has_one_masked_arm_and_no_number_by_arm(world):
    """BLD-03: nor a stratum, nor a test between arms."""
    analysis = Analysis.of(world.trial, sees_treatment=False, at=NOW)
    treated = [row for row in analysis.rows("adsl") if row["SAFFL"] == "Y"]
    assert [(row["ARMCD"], row["TRT01A"]) for row in treated] == [("MASKED", "Masked treatment")] * 2
    numbers = analysis.rows("expected")
    assert {row["split"] for row in numbers} == {""}
    assert not [row for row in numbers if row["number"].startswith(("fisher", "welch", "mantel_haenszel"))]
    assert {row["STRATUM"] for row in analysis.rows("adout")} == {""}


def test_who_may_know_the_treatment_reads_arms_and_their_numbers(world):
    """BLD-03: the comparison above can tell a difference."""
    analysis = Analysis.of(world.trial, at=NOW)
    treated = [row["ARMCD"] for row in analysis.rows("adsl") if row["SAFFL"] == "Y"]
    assert sorted(treated) == ["CELLS", "PLACEBO"]
    by_arm = [row for row in analysis.rows("expected") if row["split"] == "arm"]
    assert {row["part"] for row in by_arm} == {"CELLS", "PLACEBO", "CELLS|PLACEBO"}
    assert {"csv/adsl.csv", "csv/adout.csv"} <= set(swapped(world, "statistician"))
