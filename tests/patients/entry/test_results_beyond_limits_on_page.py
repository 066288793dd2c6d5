"""A result beyond a limit of detection is typed on the form as the laboratory prints it (DAT-02, LAB-03)."""

import pytest

from patients.models import Query, Record
from tests.support.pages.entry_pages import address, opened, save, words

pytestmark = pytest.mark.django_db


def test_it_is_stored_as_comparator_and_limit_and_shown_as_it_was_typed(desk, patient):
    typed = {"crp": "<0,6", "ferritin": "> 2000", "ferritin-unit": "ng/mL"}
    assert save(desk, patient, typed, form="biochemistry").status_code == 302
    values = Record.objects.get().values
    assert values["crp"] == {"comparator": "<", "limit": "0.6"}
    assert values["ferritin"] == {"comparator": ">", "limit": "2000", "entered": "2000", "unit": "ng/mL"}
    page = desk.get(address(patient, form="biochemistry")).content.decode()
    assert 'name="crp" value="&lt;0.6"' in page
    assert save(desk, patient, {**typed, "crp": "<0.6"}, form="biochemistry").status_code == 302
    assert Record.objects.get().values == values


def test_a_calculated_value_that_it_does_not_decide_stays_empty(desk, patient):
    typed = {"wbc": "7.1", "neutrophils": "5", "lymphocytes": "<0.1"}
    assert save(desk, patient, typed, form="haematology").status_code == 302
    values = Record.objects.get().values
    assert values["lymphocytes"] == {"comparator": "<", "limit": "0.1"}
    assert not any("ratio" in name for name in values)


def test_it_asks_only_if_every_value_that_it_can_be_is_unusual(desk, patient):
    save(desk, patient, {"crp": ">400"}, form="biochemistry")
    assert not Query.objects.exists()
    save(desk, patient, {"crp": ">500"}, form="biochemistry")
    assert Query.objects.get().item == "crp"


def test_an_impossible_one_a_bare_sign_and_one_beside_a_vital_sign_are_refused(desk, patient):
    for form, item, text in (("biochemistry", "crp", "<"), ("vitals", "hr", "<60")):
        refused = save(desk, patient, {item: text}, form=form)
        assert refused.status_code == 422
        assert f'value="{text.replace("<", "&lt;")}"' in refused.content.decode()
    assert not Record.objects.exists()


def test_a_number_that_can_be_read_in_two_ways_is_refused_beside_its_field(desk, patient):
    refused = save(desk, patient, {"ferritin": "1,500"}, form="biochemistry")
    assert refused.status_code == 422
    assert "“1,500” can be read as 1.500 or as 1500" in words(refused)
    assert 'value="1,500"' in refused.content.decode()


def test_the_check_during_typing_writes_it_back_with_its_conversion(desk, patient):
    control = opened(desk, patient, form="biochemistry")
    typed = {**control, "crp": "≤0,06", "crp-unit": "mg/dL"}
    answer = desk.post(address(patient, form="biochemistry", end="check/"), typed).content.decode()
    assert "≤0.60" in answer
