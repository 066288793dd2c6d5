"""A value that another form asks under another name is offered with its source, never filled in (DAT-01)."""

import pytest

from patients.casebook.casebook import Casebook
from patients.casebook.known_values import known_values
from protocol.checking.mistakes import examined
from tests.support import build

COVID = build.protocol_text(build.COVID_MSV)
FROM_DIAGNOSIS = 'known_from = "medical_history.diagnosed_on"'


@pytest.mark.django_db
def test_the_day_of_the_diagnosis_is_offered_for_the_sample():
    trial = build.trial(build.COVID_MSV)
    person = build.user("coordinator", trial=trial)
    patient = build.patient(trial=trial)
    build.consent(patient)
    build.record(patient, "medical_history", {"diagnosed_on": "2026-03-07"}, draft=True)
    book = Casebook.open(user=person, trial=trial, code=patient.code)
    found = known_values(book, book.place("virology", "SCR"))
    offered = {name: (each.words, each.source.partition(",")[0]) for name, each in found.items()}
    assert offered == {"pcr_on": ("07-Mar-2026", "Medical history")}


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("vitals.nothing", "no item 'vitals.nothing' of another form"),
        ("nowhere.spo2", "no item 'nowhere.spo2' of another form"),
        ("virology.serology_on", "no item 'virology.serology_on' of another form"),
        ("vitals.rr", "'vitals.rr' has another type or unit"),
    ],
)
def test_an_item_that_is_not_the_same_question_is_a_mistake_of_the_file(named, told):
    assert FROM_DIAGNOSIS in COVID
    found = examined(COVID.replace(FROM_DIAGNOSIS, f'known_from = "{named}"'))
    assert [str(each) for each in found.mistakes] == [f"forms.virology.pcr_on.known_from: {told}"]
