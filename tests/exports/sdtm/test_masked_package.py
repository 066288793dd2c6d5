"""The SDTM package of a masked trial: blinded people get the same bytes in either arm (BLD-03)."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import time_machine
from django.db import transaction

from tests.support.pages import blinding
from tests.support.pages.exports import archive_of, sent_export
from tests.support.study.bedside import NOW
from tests.support.study.masked_trial import masked_trial
from tests.support.study.tabulated import Package

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
    with archive_of(sent_export(world.staff[role], world.trial, format="sdtm")) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("role", BLINDED)
def test_a_blinded_person_gets_the_same_bytes_whatever_the_arms(world, role):
    """BLD-03: data sets, metadata, annotations, note and manifest."""
    before, after = (
        blinding.read_after(world.trial, change, lambda: sent(world, role))
        for change in (blinding.as_it_is, blinding.swap_arms)
    )
    assert before.keys() == after.keys()
    assert "define.xml" in before
    assert [name for name in before if before[name] != after[name]] == []
    words = (b"QXJ", b"class_i", b"HLA1AB", b"PLACEBO (SALINE)")
    assert [(name, word) for name, data in before.items() for word in words if word in data] == []


def test_a_blinded_package_has_one_masked_arm_and_no_product(world):
    """BLD-03: no EX, no result that tells the arm, no deviation of the product; EC is the same in both arms."""
    package = Package.of(world.trial, sees_treatment=False)
    assert {"EX", "SUPPEX"}.isdisjoint(package.heads)
    assert {row["ARMCD"] for row in package.rows("TA")} == {"MASKED"}
    treated = [row for row in package.rows("DM") if row["RFXSTDTC"]]
    assert [(row["ARMCD"], row["ACTARMCD"]) for row in treated] == [("MASKED", "MASKED")] * 2
    assert {row["ETCD"] for row in package.rows("SE")} <= {"SCRN", "MASKED", "FUP"}
    assert {row["DVSPID"][0] for row in package.rows("DV")} == {"D"}
    assert [row["ECTRT"] for row in package.rows("EC")] == ["MSV-ALLO OR PLACEBO"] * 2
    assert not [row for row in package.rows("IS") if row["ISTESTCD"] == "HLA1AB"]


def test_who_may_know_the_treatment_reads_arms_doses_and_masked_results(world):
    """BLD-03: the same export tells the arms apart for an unblinded person."""
    package = Package.of(world.trial)
    treated = [row["ARMCD"] for row in package.rows("DM") if row["RFXSTDTC"]]
    assert sorted(treated) == ["CELLS", "PLACEBO"]
    doses = {row["EXTRT"]: row["EXDOSE"] for row in package.rows("EX")}
    assert doses["PLACEBO (SALINE)"] == "0"
    assert float(doses["MSV-ALLO"]) > 0
    assert {row["DVSPID"][0] for row in package.rows("DV")} == {"D", "P"}
    results = {(row["ISTESTCD"], row["ISSTRESC"]) for row in package.rows("IS")}
    assert {("HLA1AB", "POSITIVE"), ("HLA2AB", "NEGATIVE")} <= results


def test_the_exchange_of_the_arms_is_read_by_who_may_know(world):
    """BLD-03: the comparison above can tell a difference."""
    before, after = (
        blinding.read_after(world.trial, change, lambda: sent(world, "statistician"))
        for change in (blinding.as_it_is, blinding.swap_arms)
    )
    assert {"xpt/dm.xpt", "xpt/ex.xpt"} <= {name for name in before if before[name] != after[name]}
