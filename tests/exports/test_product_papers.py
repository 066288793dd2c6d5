"""The accountability log and the preparation worksheet as PDF, for those who may know the treatment."""

import io

import pytest
from pypdf import PdfReader

from exports.models import Document
from tests.dosing.worksheet.conftest import both_arms, included, masked
from tests.exports.test_documents import ask, listing, taken
from tests.support import build
from tests.support.study import product_chain as chain
from tests.support.study.worksheets import Bench, chained_trial

__all__ = ["both_arms", "masked"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]


def pages(person, row: Document) -> list[str]:
    assert (row.state, row.error) == ("ready", "")
    data = b"".join(taken(person, row).streaming_content)
    return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(data)).pages]


def test_the_worksheet_is_one_page_with_every_step_and_the_calculation(db):
    """CEL-09, CEL-12: who, when, values, signatures, allowed cells for this weight."""
    trial = chained_trial(build.LIEGE)
    for number in ("B-1", "B-2", "B-8", "B-9"):
        chain.bag(trial, number)
    patient = included(trial)
    Bench(patient).dispensed("B-1", "B-2")
    person = build.user("cell_laboratory", trial=trial)
    row = ask(person, trial, kind="worksheet", patient=patient.code, infusion="1")
    assert row.download_name.startswith(f"{trial.slug}-{patient.code.lower()}-infusion-1-worksheet")
    (text,) = pages(person, row)
    for words in ("Preparation worksheet", "82.4 kg", "123.6 to 247.2", "B-1, B-2", "Order identified",
                  "Dispensed", "Received by: Ward nurse", "27.4", "Second person before thawing"):  # fmt: skip
        assert words in text, words


def test_the_accountability_log_names_every_movement_and_the_balance(trial):
    """CEL-08."""
    chain.bag(trial, "B-1")
    chain.lot(trial, "L-2")
    person = build.user("cell_laboratory", trial=trial)
    text = " ".join(pages(person, ask(person, trial, kind="accountability_log")))
    for words in ("Lot L-1", "Lot L-2", "B-1", "Received", "Tank 1", "adds up", "No bag was moved yet."):
        assert words in text, words


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"infusion": "9"}, "This patient has no such infusion."), ({"infusion": ""}, "required")],
)
def test_a_worksheet_of_nothing_is_refused(trial, changed, words):
    patient = build.enrolled(trial=trial, on=trial.today)
    person = build.user("cell_laboratory", trial=trial)
    typed = {"kind": "worksheet", "patient": patient.code, "infusion": "1", **changed}
    answer = build.client(person).post(listing(trial), typed)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Document.objects.exists()


def test_in_a_masked_trial_only_who_may_know_the_treatment_gets_them(both_arms):
    """BLD-01: the same refusal in both arms; nothing is offered on the page."""
    trial = both_arms["C-1"].trial
    ward = build.client(build.user("coordinator", trial=trial))
    answers = set()
    for patient in both_arms.values():
        for kind in ("worksheet", "accountability_log"):
            typed = {"kind": kind, "patient": patient.code, "infusion": "1"}
            answers.add(ward.post(listing(trial), typed).status_code)
    assert answers == {403}
    assert "worksheet" not in ward.get(listing(trial)).content.decode()
    person = build.user("cell_laboratory", trial=trial)
    row = ask(person, trial, kind="worksheet", patient=both_arms["S-1"].code, infusion="1")
    assert "Taken from the store" in pages(person, row)[0]
    assert row.treatment is True
