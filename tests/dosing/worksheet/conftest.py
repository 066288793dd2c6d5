"""Patients of both trials whose protocol asks for the whole chain, included today, with their weight."""

import pytest

from audit.context import acting
from dosing.allocation.lists import generate_list
from dosing.allocation.slots import arm_of
from tests.support import build
from tests.support.pages.infusions import page
from tests.support.study import product_chain as chain
from tests.support.study.worksheets import chained_trial, identified

TODAY = "30-Mar-2026"


def included(trial, kg: str = "82.4"):
    """Return a patient included today, whose weight the ward has recorded."""
    found = identified(build.enrolled(trial=trial, on=trial.today))
    nurse = build.client(build.user("coordinator", trial=trial))
    typed = {
        "weight_kg": kg,
        "weight_measured": f"{TODAY} 08:00",
        "version": found.infusions.get(number=1).version,
    }
    typed["weight_confirmation"] = "Weighed twice"
    assert nurse.post(page(found, "weight"), typed).status_code == 302
    return found


@pytest.fixture
def liege(db, known_day):
    return chained_trial(build.LIEGE)


@pytest.fixture
def open_patient(liege):
    """A patient of Liège, with two bags of one donor in the store, and more for the later infusions."""
    for number in ("B-1", "B-2", "B-8", "B-9"):
        chain.bag(liege, number)
    return included(liege)


@pytest.fixture
def masked(db, known_day):
    """The trial of Valladolid, with a list whose first patient receives cells and the second one saline."""
    trial = chained_trial(build.COVID_MSV)
    with acting(system="test"):
        generate_list(trial=trial, by=None, seed="known")
    chain.bag(trial, "C-1", of="L-C")
    chain.bag(trial, "S-1", of="L-S", cells=False)
    return trial


@pytest.fixture
def both_arms(masked):
    """A patient who receives cells and one who receives saline, with the bag that fits each."""
    patients = [included(masked, "70") for _arm in range(2)]
    arms = [arm_of(patient) for patient in patients]
    assert [arm.cells for arm in arms if arm] == [True, False]
    return dict(zip(("C-1", "S-1"), patients, strict=True))
