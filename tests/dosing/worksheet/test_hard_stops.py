"""The hard stops, sent past the form: each blocks its step and names bag and reason (CEL-06, CEL-13)."""

import html

import pytest

from audit.context import acting
from dosing.models import Bag, BagMovement, KitCheck, Lot, WorksheetStep
from patients.models import Consent, EligibilityDecision
from tests.dosing.worksheet.conftest import included
from tests.support import build
from tests.support.pages.infusions import page
from tests.support.study import product_chain as chain
from tests.support.study.worksheets import BORN, TAKEN, Bench

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]
CALL = "This kit may not be given: call the cell laboratory."


def refused(response) -> str:
    assert response.status_code == 422
    return html.unescape(response.content.decode())


def recalled(bag: str, kind: str = "recall") -> None:
    chain.decided(Bag.objects.get(number=bag).lot, kind, "Late positive culture")


def expired(bag: str) -> None:
    lot = Bag.objects.get(number=bag).lot
    with acting(system="test"):
        Lot.objects.filter(pk=lot.pk).update(expires_on="2026-03-29")


BLOCKED = {
    "recalled": (recalled, "Bag {bag} belongs to a lot that was recalled."),
    "quarantined": (lambda bag: recalled(bag, "quarantine"), "Bag {bag} belongs to a lot in quarantine."),
    "expired": (expired, "Bag {bag} expired on 29-Mar-2026."),
}


@pytest.mark.parametrize("case", BLOCKED)
@pytest.mark.parametrize("trial_is", ["open", "masked"])
def test_a_blocked_bag_is_not_chosen_thawed_dispensed_or_given(case, trial_is, request):
    """CEL-06: at each step, in both trials, whatever the page offered."""
    block, sentence = BLOCKED[case]
    if trial_is == "open":
        patient, bag, other = request.getfixturevalue("open_patient"), "B-1", "B-2"
    else:
        patient, bag, other = request.getfixturevalue("both_arms")["C-1"], "C-1", None
    bench = Bench(patient)
    bench.checked(bag)
    words = sentence.format(bag=bag)
    block(bag)

    assert words in refused(bench.step(**TAKEN))
    assert not BagMovement.objects.filter(kind="dispensing").exists()
    if other is not None:
        # The other bag of the same lot is not even chosen for another patient.
        second = Bench(included(patient.trial))
        second.scan(second.patient.code)
        assert sentence.format(bag=other) in refused(second.scan(other))


def test_a_bag_blocked_after_the_signature_is_not_thawed(open_patient):
    bench = Bench(open_patient)
    bench.chosen("B-1", "B-2")
    bench.sign()
    recalled("B-1")
    words = refused(bench.step())

    assert "Bag B-1 belongs to a lot that was recalled." in words
    assert "Bag B-2 belongs to a lot that was recalled." in words
    assert not BagMovement.objects.filter(kind="thaw").exists()


def test_an_unreleased_lot_is_not_chosen(open_patient):
    chain.bag(open_patient.trial, "W-1", of="L-W", release=False)
    bench = Bench(open_patient)
    bench.scan(open_patient.code)

    assert "Bag W-1 belongs to a lot that is not released." in refused(bench.scan("W-1"))
    assert not WorksheetStep.objects.filter(kind="bag").exists()


def test_the_bag_of_another_patient_is_not_chosen(open_patient):
    Bench(open_patient).thawed("B-1")
    other = Bench(included(open_patient.trial))
    other.scan(other.patient.code)

    assert f"of patient {open_patient.code}" in refused(other.scan("B-1"))


def test_a_bag_of_another_donor_is_not_chosen(open_patient):
    """CEL-11: bags of one infusion come from one donor too."""
    lot = chain.released(open_patient.trial, "L-Y", of="D-18")
    chain.bag(open_patient.trial, "Y-1", of=lot.number)
    bench = Bench(open_patient)
    bench.chosen("B-1")

    assert "Bag Y-1 comes from donor D-18" in refused(bench.scan("Y-1"))


def test_saline_is_not_chosen_for_a_patient_with_cells(both_arms):
    bench = Bench(both_arms["C-1"])
    bench.scan(both_arms["C-1"].code)

    assert "Bag S-1 does not hold what this patient receives." in refused(bench.scan("S-1"))


@pytest.mark.parametrize("bag", ["B-1", "C-1", "S-1"])
def test_without_consent_or_eligibility_or_in_a_closed_window_nothing_is_thawed(bag, request):
    """CEL-14: the same in every arm of both trials."""
    patient = (
        request.getfixturevalue("open_patient") if bag == "B-1" else request.getfixturevalue("both_arms")[bag]
    )
    bench = Bench(patient)
    bench.chosen(bag)
    bench.sign()
    with acting(system="test"):
        Consent.objects.filter(patient=patient).update(struck_out_reason="Another person's form")
        EligibilityDecision.objects.filter(patient=patient).update(conclusion="not_eligible")
        type(patient).objects.filter(pk=patient.pk).update(enrolled_on="2026-03-10", enrolled_at=None)
    words = refused(bench.step())

    assert f"Bag {bag} may not be used: no consent of patient {patient.code}" in words
    assert f"Bag {bag} may not be used: no signed decision says that patient {patient.code}" in words
    assert f"Bag {bag} may not be used now: the protocol allows this infusion in the window" in words
    assert not BagMovement.objects.filter(infusion__patient=patient).exists()


def test_a_viability_below_the_limit_is_not_dispensed(db, known_day):
    """CEL-05: 69.99 % is below 70 %."""
    from tests.support.study.worksheets import COUNT, DILUTION, DRAWN, chained

    text = chained(build.protocol_text(build.LIEGE)).replace(
        "[dosing]\n", "[dosing]\nviability_percent = { lowest = 70 }\n", 1
    )
    trial = build.version(text).trial
    for number in ("B-1", "B-8", "B-9"):
        chain.bag(trial, number)
    bench = Bench(included(trial))
    bench.thawed("B-1")
    for values in ({}, DILUTION, {**COUNT, "viability_percent": "69.99"}, DRAWN):
        bench.step(**values)
    bench.scan(bench.kit)
    bench.sign()

    assert "the viability of 69.99 % is below the limit of 70 %" in refused(bench.step(**TAKEN))


def test_nothing_is_dispensed_without_the_second_persons_check(open_patient):
    """CEL-09: the step is sent past the page."""
    bench = Bench(open_patient)
    bench.chosen("B-1")

    assert bench.step().status_code == 422
    assert not BagMovement.objects.filter(infusion__isnull=False).exists()


def test_the_ward_of_a_masked_trial_learns_only_that_the_kit_may_not_be_given(both_arms):
    """CEL-18: the same words for cells and for saline; bag and reason are told on the worksheet."""
    answers = {}
    for bag, patient in both_arms.items():
        bench = Bench(patient)
        bench.dispensed(bag, cells=bag == "C-1", **({"dose_reason": "low"} if bag == "C-1" else {}))
        recalled(bag)
        ward = build.client(build.user("coordinator", trial=patient.trial))
        typed = {"do": "kit", "scan": bench.kit, "subject": patient.code, "second": BORN}
        response = ward.post(page(patient, "kit-check"), typed)
        answers[bag] = response.context["kit_form"].errors["scan"]
        assert bag not in refused(response)
        laboratory = bench.first.get(bench.address).content.decode()
        assert f"Bag {bag} belongs to a lot that was recalled." in laboratory

    assert answers == {"C-1": [CALL], "S-1": [CALL]}
    assert not KitCheck.objects.exists()
