"""A value that another form asks under another name is offered with its source, never filled in (DAT-01)."""

import pytest

from patients.casebook.casebook import Casebook
from patients.casebook.known_values import known_values
from protocol.checking.mistakes import examined
from tests.support import build

COVID = build.protocol_text(build.COVID_MSV)
FROM_SPO2 = 'known_from = "vitals.spo2"'


@pytest.mark.django_db
def test_the_saturation_of_the_vital_signs_is_offered_in_the_eligibility_evidence():
    trial = build.trial(build.COVID_MSV)
    person = build.user("coordinator", trial=trial)
    patient = build.patient(trial=trial)
    build.consent(patient)
    build.record(patient, "vitals", {"spo2": "88", "rr": "31"}, draft=True)
    build.record(patient, "blood_gas", {"gas_done": "Y", "pao2": "72", "fio2": "50"}, draft=True)
    book = Casebook.open(user=person, trial=trial, code=patient.code)
    found = known_values(book, book.place("eligibility", "SCR"))
    offered = {name: (each.words, each.source.partition(",")[0]) for name, each in found.items()}
    assert offered["spo2_at_rest"] == ("88 %", "Vital signs")
    assert offered["respiratory_rate"] == ("31 breaths/min", "Vital signs")
    assert offered["pao2"][0] == "72 mmHg"
    assert offered["fio2"][0] == "50 %"


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("vitals.nothing", "no item 'vitals.nothing' of another form"),
        ("nowhere.spo2", "no item 'nowhere.spo2' of another form"),
        ("eligibility.pao2", "no item 'eligibility.pao2' of another form"),
        ("vitals.rr", "'vitals.rr' has another type or unit"),
    ],
)
def test_an_item_that_is_not_the_same_question_is_a_mistake_of_the_file(named, told):
    assert FROM_SPO2 in COVID
    found = examined(COVID.replace(FROM_SPO2, f'known_from = "{named}"'))
    assert [str(each) for each in found.mistakes] == [f"forms.eligibility.spo2_at_rest.known_from: {told}"]
