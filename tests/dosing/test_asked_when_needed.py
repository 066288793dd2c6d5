"""The forms of infusion and product in the layout of captured forms: reasons are asked only when they are needed."""

import re

import pytest

from dosing.infusions.bedside_forms import BedsideForm
from tests.support import build
from tests.support.study.bedside import FIRST, INCLUDED, stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day"), pytest.mark.one_engine]


@pytest.fixture
def page(trial):
    patient = build.enrolled(trial=trial, on=INCLUDED)
    return f"/trials/{trial.slug}/patients/{patient.code}/infusions/1/"


def fields(html: str) -> list[str]:
    return re.findall(r'id="div_id_(\w+)" class="field', html)


def test_an_infusion_asks_for_no_reason_before_one_is_needed(ward, page):
    html = ward.get(page).content.decode()
    asked = fields(html)
    assert asked[:5] == ["weight_kg", "weight_measured", "started", "ended", "volume_ml"]
    assert not {"timing_deviation_reason", "weight_confirmation"} & set(asked)
    assert html.count("data-now=") == 3
    for reason, condition in (
        ("interruption_reason", "when-interrupted"),
        ("tolerance_note", "when-not-tolerated"),
    ):
        assert f'id="div_id_{reason}" class="field {condition}"' in html


def test_an_infusion_outside_its_window_asks_for_the_reason_of_the_timing(ward, page):
    """What was typed stays."""
    sent = {
        "weight_kg": "82.4", "weight_measured": "20-Mar-2026 08:00", "started": "20-Mar-2026 10:00",
        "ended": "20-Mar-2026 11:00", "volume_ml": "100", "interrupted": "N", "version": "1",
    }  # fmt: skip
    refused = ward.post(page, sent)
    assert refused.status_code == 422
    html = refused.content.decode()
    assert "timing_deviation_reason" in fields(html)
    assert 'value="20-Mar-2026 10:00"' in html


def test_a_reason_that_is_stored_is_shown(trial, page):
    row = stored(trial.patients.get(), FIRST)
    form = BedsideForm(None, row=row, initial={"timing_deviation_reason": "Fever"})
    assert form.is_needed("timing_deviation_reason")
    assert not BedsideForm(None, row=row).is_needed("timing_deviation_reason")
