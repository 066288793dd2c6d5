"""A donor found unfit: signed, every bag stops, recipients are listed; the answers are corrected with a reason."""

import pytest
from django.urls import reverse

from audit.models import Signature
from dosing.models import Donor, DonorDecision
from tests.support import build
from tests.support.pages.infusions import errors_of, text_of
from tests.support.study import product_chain as chain
from tests.support.study.bedside import INCLUDED, stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]
UNFIT = {"kind": "unfit", "since": "01-Mar-2026", "reason": "A new infection", "password": build.PASSWORD}


@pytest.fixture
def bag(trial):
    return chain.bag(trial, "B-1")


@pytest.fixture
def patient(trial):
    return build.enrolled(trial=trial, on=INCLUDED)


def at(name: str, donor: Donor, *more) -> str:
    return reverse(f"dosing:{name}", args=[donor.trial.slug, donor.pk, *more])


def stops(bag, patient) -> set[str]:
    return {each.stop.value for each in chain.stops_of(bag, stored(patient, 1))}


def test_every_bag_of_an_unfit_donor_stops_and_the_decision_is_signed(bag, patient, laboratory):
    """ATM-03: whatever the lot, and every reader of the page is told."""
    donor = Donor.objects.get()
    second = chain.bag(bag.trial, "B-2", of="L-2")
    assert "donor_unfit" not in stops(bag, patient)
    assert laboratory.post(at("donor-step", donor, "decide"), UNFIT).url == at("donor", donor)
    assert "donor_unfit" in stops(bag, patient) & stops(second, patient)
    shown = text_of(laboratory.get(at("donor", donor)))
    assert "Unfit since 01-Mar-2026: A new infection. No bag of this donor may be used." in shown
    assert "Nobody received it." in shown
    made = DonorDecision.objects.get()
    assert Signature.objects.filter(target_type="dosing.donordecision", target_id=made.pk).exists()


def test_a_mistake_is_taken_back_with_a_signature(bag, patient, laboratory):
    donor = Donor.objects.get()
    laboratory.post(at("donor-step", donor, "decide"), UNFIT)
    back = {"kind": "fit_again", "reason": "Another donor was meant", "password": build.PASSWORD}
    assert laboratory.post(at("donor-step", donor, "decide"), back).status_code == 302
    assert "donor_unfit" not in stops(bag, patient)
    assert list(DonorDecision.objects.values_list("kind", flat=True)) == ["unfit", "fit_again"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"since": ""}, "since"), ({"since": "01-Apr-2030"}, "since"), ({"reason": ""}, "reason"),
     ({"password": "x"}, "password"), ({"kind": "fit_again"}, "kind")],
)  # fmt: skip
def test_a_decision_with_a_hole_stores_nothing(bag, patient, laboratory, changed, field):
    donor = Donor.objects.get()
    response = laboratory.post(at("donor-step", donor, "decide"), {**UNFIT, **changed})
    assert field in errors_of(response)
    assert not DonorDecision.objects.exists()
    assert Donor.objects.get().unfit_since is None


def test_the_answers_are_corrected_with_a_reason_and_judged_again(trial, laboratory):
    """CEL-05: what is stored is shown; a change of somebody else is not overwritten."""
    donor = chain.donor(trial)
    page = at("donor-step", donor, "amend")
    assert 'name="age" value="30"' in laboratory.get(page).content.decode()
    typed = {**chain.FIT, "infection_risk": "Y", "version": "1"}
    assert "reason" in errors_of(laboratory.post(page, typed))
    assert laboratory.post(page, {**typed, "reason": "Misread"}).status_code == 302
    assert Donor.objects.get().fit is False
    stale = laboratory.post(page, {**typed, "reason": "Again"})
    assert "Somebody changed this donor meanwhile" in text_of(stale)
