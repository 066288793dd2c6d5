"""No page that a blinded role reaches from home depends on the arm (BLD-01)."""

import re

import pytest
import time_machine
from django.utils import timezone

from audit.context import acting
from dosing.models import AllocationSlot, Infusion, Preparation
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from tests.support.pages.home import work_of
from tests.support.study import cohort

pytestmark = pytest.mark.django_db

BLINDED = ("coordinator", "investigator", "monitor", "data_manager", "administrator")


def without_token(html: str) -> str:
    """Return the page without its CSRF tokens, which differ on every request."""
    return re.sub(r"[A-Za-z0-9]{64}", "", html)


def swap_arms(trial) -> None:
    """Give every patient the other arm, with its product data."""
    with acting(system="test", reason="swapping the arms"):
        for slot in AllocationSlot.objects.filter(trial=trial):
            AllocationSlot.objects.filter(pk=slot.pk).update(
                arm="placebo" if slot.arm == "cells" else "cells"
            )
        for number, row in enumerate(Preparation.objects.filter(patient__trial=trial)):
            Preparation.objects.filter(pk=row.pk).update(
                donor_code="",
                lot=f"SALINE-{number}",
                viable_cells=None,
                cells_per_kg=None,
                viability_percent=None,
            )


@pytest.mark.parametrize("role", each_engine_or_one(BLINDED))
def test_no_page_of_a_blinded_role_depends_on_the_arm(role):
    """BLD-01, BLD-02: the bytes are the same when the arms are swapped."""
    masked = build.trial(build.COVID_MSV)
    cohort.patients(masked, 3)
    home = f"/trials/{masked.slug}/"
    addresses = [
        home,
        f"{home}patients/VAL-001/",
        f"{home}patients/VAL-001/profile.svg",
        f"{home}search/?q=LOT-001",
    ]
    with time_machine.travel(timezone.now(), tick=False):
        before, after = seen_before_and_after(masked, addresses, role)
    assert before == after
    assert not [html for html in before if "LOT-001 ·" in html or "D-17" in html or "2.00 ×10⁶" in html]


def seen_before_and_after(masked, addresses, role) -> tuple[list[str], list[str]]:
    browser = build.client(build.user(role, trial=masked))
    before = [without_token(browser.get(url).content.decode()) for url in addresses]
    swap_arms(masked)
    return before, [without_token(browser.get(url).content.decode()) for url in addresses]


def test_the_cell_laboratory_counts_what_is_to_be_prepared(as_test):
    masked = build.trial(build.COVID_MSV)
    patient = cohort.patients(masked, 1)[0]
    Infusion.objects.create(
        patient=patient,
        number=2,
        state="planned",
        planned_on=build.today(patient),
        window_from=build.today(patient),
    )
    assert work_of(masked, "cell_laboratory").preparations == {"next": 1, "given": 0}
    assert work_of(masked, "coordinator").preparations == {"next": 0, "given": 0}
