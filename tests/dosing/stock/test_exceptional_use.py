"""A lot out of specification reaches one infusion of one patient only after three signed steps (ATM-04)."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from audit.models import Signature
from dosing.models import ExceptionalStep, ProductDeviation
from tests.support import build
from tests.support.pages.infusions import errors_of, page, text_of
from tests.support.study import product_chain as chain
from tests.support.study.bedside import INCLUDED, NOW, stored
from trials.models import SponsorNotice

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]
NEED = {"need": "No other product in time", "password": build.PASSWORD}
RISK = {"evaluation": "Viability is a little low", "favourable": "Y", "password": build.PASSWORD}
TAKEN = {"reason": "The benefit outweighs it", "favourable": "Y", "password": build.PASSWORD}


@pytest.fixture
def patient(trial):
    return build.enrolled(trial=trial, on=INCLUDED)


@pytest.fixture
def other(trial):
    return build.enrolled(trial=trial, on=INCLUDED)


@pytest.fixture
def bag(trial):
    """A bag of a lot that waits: its viability is too low."""
    lot = chain.lot(trial, "L-9")
    chain.with_results(lot, viability="10")
    return chain.bag(trial, "B-9", of="L-9", release=False)


@pytest.fixture
def physician(trial):
    return build.client(build.user("investigator", trial=trial))


def at(patient, name: str, *more) -> str:
    return reverse(f"dosing:exceptional-{name}", args=[patient.trial.slug, patient.code, 1, *more])


def stops(bag, patient) -> set[str]:
    return {each.stop.value for each in chain.stops_of(bag, stored(patient, 1))}


def asked(physician, patient, bag, **changed):
    return physician.post(at(patient, "ask"), {**NEED, "lot": str(bag.lot_id), **changed})


def test_request_evaluation_and_decision_free_the_lot_for_that_infusion_alone(
    patient, other, bag, physician, laboratory
):
    """ATM-04: each step signed; not for another patient, not for the next infusion."""
    before = stops(bag, patient)
    assert "unreleased" in before
    assert asked(physician, patient, bag).url == at(patient, "uses")
    assert laboratory.post(at(patient, "evaluation", bag.lot_id), RISK).status_code == 302
    assert "unreleased" in stops(bag, patient)
    assert physician.post(at(patient, "decision", bag.lot_id), TAKEN).status_code == 302

    assert stops(bag, patient) == before - {"unreleased", "stock_short"}
    assert "unreleased" in stops(bag, other)
    assert "unreleased" in {each.stop.value for each in chain.stops_of(bag, stored(patient, 2))}
    kinds = list(ExceptionalStep.objects.values_list("kind", flat=True))
    assert kinds == ["request", "evaluation", "decision"]
    assert Signature.objects.filter(target_type="dosing.exceptionalstep").count() == 3
    assert ProductDeviation.objects.get(patient=patient).category == "specification"
    assert SponsorNotice.objects.get().what == "out_of_specification"


def test_a_late_failing_result_of_a_released_lot_goes_the_same_road(trial, patient, physician, laboratory):
    """ATM-04, CEL-06."""
    bag = chain.bag(trial, "B-1")
    chain.with_results(bag.lot, viability="10")
    assert "out_of_specification" in stops(bag, patient)
    asked(physician, patient, bag)
    laboratory.post(at(patient, "evaluation", bag.lot_id), RISK)
    physician.post(at(patient, "decision", bag.lot_id), TAKEN)
    assert "out_of_specification" not in stops(bag, patient)
    chain.decided(bag.lot, "recall", "Too many")
    assert "recalled" in stops(bag, patient)


def test_the_steps_follow_each_other(patient, bag, physician, laboratory):
    """ATM-04: no decision before the evaluation, no step twice, nothing against the laboratory."""
    assert physician.get(at(patient, "decision", bag.lot_id)).status_code == 404
    asked(physician, patient, bag)
    again = asked(physician, patient, bag)
    assert again.status_code == 422
    early = physician.post(at(patient, "decision", bag.lot_id), TAKEN)
    assert "not the next one" in text_of(early)
    laboratory.post(at(patient, "evaluation", bag.lot_id), {**RISK, "favourable": "N"})
    refused = physician.post(at(patient, "decision", bag.lot_id), TAKEN)
    assert "found the risk not acceptable" in errors_of(refused)["favourable"]
    assert refused.content.decode().count("The benefit outweighs it") == 1
    declined = physician.post(at(patient, "decision", bag.lot_id), {**TAKEN, "favourable": "N"})
    assert declined.status_code == 302
    assert "unreleased" in stops(bag, patient)
    assert not ProductDeviation.objects.exists()


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"need": " "}, "need"), ({"lot": ""}, "lot"), ({"password": "wrong"}, "password")],
)
def test_a_request_with_a_hole_is_refused(patient, bag, physician, changed, field):
    response = asked(physician, patient, bag, **changed)
    assert field in errors_of(response)
    assert not ExceptionalStep.objects.exists()


def test_a_lot_within_its_specification_or_recalled_cannot_be_asked_for(trial, patient, bag, physician):
    good = chain.bag(trial, "B-1")
    assert "lot" in errors_of(asked(physician, patient, good))
    chain.decided(bag.lot, "quarantine", "Leak")
    assert "lot" in errors_of(asked(physician, patient, bag))


def test_each_role_takes_its_own_steps(patient, bag, physician, laboratory, ward):
    """ATM-04: over HTTP, with the form bypassed."""
    assert laboratory.post(at(patient, "ask"), {**NEED, "lot": str(bag.lot_id)}).status_code == 403
    asked(physician, patient, bag)
    for person in (physician, ward):
        assert person.post(at(patient, "evaluation", bag.lot_id), RISK).status_code == 403
    laboratory.post(at(patient, "evaluation", bag.lot_id), RISK)
    for person in (laboratory, ward):
        assert person.post(at(patient, "decision", bag.lot_id), TAKEN).status_code == 403


def test_sponsor_and_authority_are_told_within_two_days(patient, bag, physician, laboratory):
    """ATM-04: the clock runs from the decision and is shown."""
    asked(physician, patient, bag)
    laboratory.post(at(patient, "evaluation", bag.lot_id), RISK)
    physician.post(at(patient, "decision", bag.lot_id), TAKEN)
    told = {"kind": "sponsor", "at": "30-Mar-2026 12:00", "text": "Phone, ref. 7", "password": build.PASSWORD}
    assert laboratory.post(at(patient, "notice", bag.lot_id), told).status_code == 302
    shown = text_of(laboratory.get(at(patient, "uses")))
    assert "told before 01-Apr-2026 12:00" in shown
    assert "late" not in shown.split("told before")[1].split(".")[0]
    early = {**told, "kind": "authority", "at": "29-Mar-2026 12:00"}
    assert "at" in errors_of(laboratory.post(at(patient, "notice", bag.lot_id), early))
    with time_machine.travel(NOW + timedelta(hours=49), tick=False):
        again = build.client(build.user("cell_laboratory", trial=patient.trial))
        assert "told before 01-Apr-2026 12:00. late" in text_of(again.get(at(patient, "uses")))


def test_in_a_masked_trial_nobody_asks(both_arms):
    """BLD-01: the same answer in both arms, whatever the lots are."""
    answers = set()
    for patient in both_arms.values():
        doctor = build.client(build.user("investigator", trial=patient.trial))
        answers.add((doctor.get(at(patient, "ask")).status_code, doctor.get(at(patient, "uses")).status_code))
        assert doctor.post(at(patient, "ask"), NEED).status_code == 404
        assert "Product out of specification" not in doctor.get(page(patient)).content.decode()
    assert answers == {(404, 403)}
