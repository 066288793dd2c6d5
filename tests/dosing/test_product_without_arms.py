"""An open trial that names no arms: every patient receives the product, and an amendment may name the one arm."""

from datetime import date
from decimal import Decimal

import pytest

from audit.context import acting
from dosing.allocation.slots import arm_of
from dosing.infusions.administration import record_infusion
from dosing.infusions.infusion_checks import Bedside
from dosing.models import Preparation
from dosing.products.preparing import Product, record_preparation
from protocol.checking.mistakes import ProtocolMistakes
from tests.support import build
from tests.support.build import moment
from tests.support.pages.infusions import page
from tests.support.study import amended_protocol
from tests.support.study import product_chain as chain
from tests.support.study.bedside import stored
from trials.models import Trial
from trials.versions.loading import load_protocol

pytestmark = pytest.mark.django_db

INCLUDED = date(2021, 3, 10)
ARM = '[[arms]]\ncode = "cells"\ntitle = { en = "Stromal cells" }\ncells = true\n\n[[eligibility]]'


@pytest.fixture
def trial(walking: Trial) -> Trial:
    assert walking.rules.arms == ()
    return walking


@pytest.fixture
def patient(trial, doctor):
    return amended_protocol.enrolled(trial, by=doctor, on=INCLUDED)


def prepared(patient, by) -> Preparation:
    """Record the first infusion and its product."""
    row = stored(patient, 1)
    facts = Bedside(
        weight_kg=Decimal(80),
        weight_measured=moment("10-Mar-2021 08:00"),
        started=moment("10-Mar-2021 10:00"),
        ended=moment("10-Mar-2021 11:00"),
        volume_ml=Decimal(100),
        interrupted="N",
        interruption_reason="",
        premedication="",
        timing_deviation_reason="",
    )
    with acting(user=by, role="coordinator"):
        infusion = record_infusion(infusion=row, facts=facts, version=row.version, by=by)
        bag = Product(
            bags=chain.bags_for(infusion, lot="L-42"),
            viable_cells=Decimal(120_000_000),
            viability_percent=Decimal(91),
            thawed=None,
            dose_deviation_reason="",
            donor_deviation_reason="",
        )
        return record_preparation(infusion=infusion, facts=bag, version=0, by=by)


def test_a_product_is_recorded_in_an_open_trial_without_arms(trial, patient, doctor):
    """CEL-09: the dose follows from the weight of the day, whether the file names an arm or not."""
    product = prepared(patient, doctor)
    assert (product.cells_per_kg, product.dose_finding) == (Decimal(1_500_000), "within")


def test_the_page_of_the_product_names_what_every_patient_receives(trial, patient):
    laboratory = build.client(build.user("cell_laboratory", trial=trial))
    answer = laboratory.get(page(patient, "preparation"))
    assert answer.status_code == 200
    assert "Stromal cells" in answer.content.decode()


def test_an_amendment_names_the_only_arm(trial, patient, doctor):
    prepared(patient, doctor)
    named = amended_protocol.text("1.1").replace("[[eligibility]]", ARM, 1)
    amended = load_protocol(text=named, system="test", effective_from=amended_protocol.IN_FORCE)
    assert [arm.code for arm in amended.rules.arms] == ["cells"]
    assert arm_of(patient).cells


def test_an_amendment_does_not_name_an_arm_without_cells(trial):
    """What patients received cannot become something else."""
    named = amended_protocol.text("1.1").replace("[[eligibility]]", ARM.replace("true", "false"), 1)
    with pytest.raises(ProtocolMistakes, match="arms: are others than in version"):
        load_protocol(text=named, system="test", effective_from=amended_protocol.IN_FORCE)
