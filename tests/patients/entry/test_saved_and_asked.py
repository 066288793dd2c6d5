"""After a save the page says how many unlikely values ask for a confirmation, with the way to the first."""

import pytest
from django.contrib.messages import get_messages

from patients.models import Query
from tests.support.pages.entry_pages import CONTROLS, address, opened

pytestmark = pytest.mark.django_db


def told(answer) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def save(desk, patient, action="draft", **typed):
    return desk.post(address(patient), {**opened(desk, patient), **typed, CONTROLS.action: action})


def test_each_unlikely_value_asks(desk, patient):
    (words,) = told(save(desk, patient, hr="190", rr="55"))
    assert words.startswith("Saved: Vital signs. 2 values ask for a confirmation.")
    assert f'href="{address(patient)}?change=1#{Query.objects.order_by("pk")[0].item}"' in words


def test_a_value_that_was_confirmed_asks_no_more(desk, patient):
    save(desk, patient, hr="190", rr="55")
    (words,) = told(save(desk, patient, **{"hr": "190", "rr": "55", "hr-confirm": "Measured twice"}))
    assert words.startswith("Saved: Vital signs. 1 value asks for a confirmation.")
    assert "#rr" in words


def test_a_form_of_usual_values_says_nothing_more(desk, patient):
    assert told(save(desk, patient, hr="80")) == []
