"""The laboratory reads the history of its own products; nobody who must stay blinded does (AUD-05, AUD-15)."""

import pytest
from django.urls import reverse

from audit.context import acting
from dosing.models import Donor, Lot
from dosing.stock.chain import amend_donor
from tests.support import build
from tests.support.pages.infusions import text_of
from tests.support.study import product_chain as chain

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]


@pytest.fixture
def masked(known_day):
    return build.trial(build.COVID_MSV)


@pytest.fixture
def worker(masked):
    return build.client(build.user("cell_laboratory", trial=masked, full_name="Cell Worker"))


def page(trial, kind: str, key: int) -> str:
    return reverse("reports:product-history", args=[trial.slug, kind, key])


def test_a_lot_shows_its_results_and_its_signed_decisions(masked, worker):
    lot = chain.released(masked)
    chain.decided(lot, "quarantine", "Freezer alarm")
    shown = text_of(worker.get(page(masked, "lot", lot.pk)))
    for words in ("Freezer alarm", "In quarantine", "Released", lot.number):
        assert words in shown
    assert shown.index("In quarantine") < shown.rindex("Released")


def test_an_amended_donor_shows_old_and_new_value_with_the_reason(trial, laboratory):
    """AUD-04."""
    donor, by = chain.donor(trial), chain.technician(trial)
    with acting(user=by, role="cell_laboratory"):
        amend_donor(
            donor=donor, answers={**chain.FIT, "age": "31"}, version=donor.version, reason="Misread", by=by
        )
    shown = text_of(laboratory.get(page(trial, "donor", donor.pk)))
    assert "Misread" in shown
    assert "31" in shown
    assert Donor.objects.get(pk=donor.pk).answers["age"] == "31"


def test_a_bag_shows_its_movements(masked, worker):
    bag = chain.bag(masked, "C-1")
    shown = text_of(worker.get(page(masked, "bag", bag.pk)))
    assert "Received" in shown
    assert "Tank 1" in shown


@pytest.mark.parametrize("role", ["coordinator", "investigator", "monitor", "data_manager", "sponsor_safety"])
def test_a_blinded_role_reads_none_of_it(masked, role):
    lot = chain.released(masked)
    person = build.client(build.user(role, trial=masked))
    assert person.get(page(masked, "lot", lot.pk)).status_code == 403


def test_another_trials_product_and_another_kind_are_not_found(masked, trial, worker):
    strange = chain.released(trial)
    assert Lot.objects.get(pk=strange.pk).trial == trial
    assert worker.get(page(masked, "lot", strange.pk)).status_code == 404
    assert worker.get(page(masked, "patient", 1)).status_code == 404


def test_the_page_costs_the_same_with_one_and_three_bags(masked, worker, django_assert_max_num_queries):
    lot = chain.released(masked)
    for number in ("C-1", "C-2", "C-3"):
        chain.bag(masked, number, of=lot.number)
        worker.get(page(masked, "lot", lot.pk))
        with django_assert_max_num_queries(26):
            assert worker.get(page(masked, "lot", lot.pk)).status_code == 200


def test_each_page_of_the_product_leads_to_its_history(masked, worker):
    bag = chain.bag(masked, "C-1")
    for name, kind, row in (
        ("lot", "lot", bag.lot),
        ("bag", "bag", bag),
        ("donor", "donor", chain.donor(masked)),
    ):
        shown = worker.get(reverse(f"dosing:{name}", args=[masked.slug, row.pk])).content.decode()
        assert page(masked, kind, row.pk) in shown
