"""Both shipped protocol files: no infusion without a product that was dispensed and compared (CEL-13, CEL-14)."""

from datetime import UTC, datetime

import pytest

from dosing.models import Infusion, LateInfusion, Preparation
from patients.models import Deviation
from protocol.checking.loading import load
from tests.dosing.worksheet.conftest import TODAY, included
from tests.support import build
from tests.support.pages.infusions import page, text_of
from tests.support.study.worksheets import supplied

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]
BOTH = (build.LIEGE, build.COVID_MSV)
BEGUN = datetime(2026, 3, 30, 6, 50, tzinfo=UTC)


@pytest.fixture(params=BOTH)
def patient(request, known_day):
    """A patient of a shipped trial, included today, whose weight the ward has recorded."""
    return included(build.shipped(request.param))


@pytest.fixture
def nurse(patient):
    return build.client(build.user("coordinator", trial=patient.trial))


def typed(patient, **changed) -> dict:
    row = patient.infusions.get(number=1)
    return {
        "weight_kg": str(row.weight_kg), "weight_measured": f"{TODAY} 08:00", "weight_confirmation": "Weighed twice",
        "version": row.version, "started": f"{TODAY} 10:00", "ended": f"{TODAY} 11:00", "volume_ml": "100",
        "interrupted": "N", "interruption_reason": "", "premedication": "None", "timing_deviation_reason": "",
        **changed,
    }  # fmt: skip


@pytest.mark.parametrize("slug", BOTH)
def test_the_shipped_files_ask_for_the_chain_and_those_of_the_other_tests_do_not(slug):
    assert load(build.shipped_text(slug)).dosing.chain
    assert not load(build.protocol_text(slug)).dosing.chain


def test_an_infusion_without_a_product_is_refused_and_nothing_is_stored(patient, nurse):
    answer = nurse.post(page(patient), typed(patient, premedication="Paracetamol 2 g"))

    assert answer.status_code == 422
    shown = text_of(answer)
    assert "No kit was dispensed and compared at the bedside for this infusion" in shown
    assert "Paracetamol 2 g" in answer.content.decode()
    assert not Infusion.objects.filter(state="given").exists()
    assert not LateInfusion.objects.exists()


def test_an_infusion_with_its_product_is_recorded(patient, nurse):
    supplied(patient, BEGUN)
    assert Preparation.objects.get().dose_finding in {"within", ""}
    assert nurse.post(page(patient), typed(patient)).status_code == 302
    assert Infusion.objects.get(patient=patient, number=1).state == "given"
    assert not Deviation.objects.exists()


def test_what_was_given_without_a_product_is_documented_late(patient, nurse):
    answer = nurse.post(page(patient), typed(patient, late_reason="The server was down"))
    assert answer.status_code == 302
    assert LateInfusion.objects.get().reason == "The server was down"
    assert Deviation.objects.get(category="not_dispensed").patient == patient
