"""Lots, bags, donors, kits and words of the product are caught in the texts of a blinded case (ICS-04)."""

import pytest

from audit.context import acting
from dosing.models import CellBank, Donation, Kit, Lot
from safety.authority.completing import complete_case
from safety.authority.reporting import case_to_send
from safety.sae_reports.completeness import treatment_words
from safety.sae_reports.stored import SaeReport
from tests.safety.authority.conftest import again, ago, reported
from tests.safety.authority.test_authority_report import ANSWERS
from tests.support import build
from tests.support.pages.event_forms import page, text_of
from tests.support.study import product_chain as chain

pytestmark = pytest.mark.django_db


@pytest.fixture
def trial(db):
    return build.trial(build.COVID_MSV)


@pytest.fixture
def stock(trial):
    """A bag of a lot of a donor, as the laboratory recorded them."""
    chain.donor(trial, "DONOR-17")
    chain.lot(trial, "LOT-2207", of="DONOR-17")
    return chain.bag(trial, "BAG-0042", of="LOT-2207", release=False)


WORDS = [
    "LOT-2207",
    "lot 2207",
    "bag0042",
    "Donor 17",
    "PLACEBO",
    "verum",
    "bras actif",
    "brazo activo",
    "msv allo",
]


@pytest.mark.parametrize("word", WORDS)
def test_a_comment_of_the_sponsor_that_names_it_is_refused_at_its_element(event, officer, stock, word):
    """ICS-04: the completeness list names the element and the word."""
    with acting(user=officer, role="sponsor_safety"):
        complete_case(
            event=event, version=0, by=officer, **{**ANSWERS, "sender_comment": f"It was {word}, we think."}
        )
    checked = case_to_send(again(event))
    found = [(each.element, each.word) for each in checked.findings if each.flaw == "names_treatment"]
    assert found == [("H.4", word)]
    assert any(f"“{word}” names a treatment" in sentence for sentence in checked.sentences)


@pytest.mark.parametrize("word", WORDS)
def test_a_narrative_of_the_site_that_names_it_is_not_sent(web, patient, doctor, stock, word):
    """ICS-04: nothing typed is lost."""
    event = build.event(
        patient=patient, by=doctor, onset=ago(hours=3), aware=ago(hours=2), causality="possible",
        seriousness=frozenset({"hospitalisation"}), grade=3,
    )  # fmt: skip
    refused = web.post(
        page(event, "sae-reports"), {"narrative": f"After {word} fever.", "version": event.version}
    )
    assert refused.status_code == 422
    assert word in str(refused.context["form"].errors["narrative"])
    assert f"After {word} fever." in refused.content.decode()
    assert not SaeReport.objects.exists()


@pytest.mark.parametrize(
    "text",
    ["Vitamin B12, 2207 mL of fluids at 17:00", "allocated bed 42", "lots of water", "donors are thanked"],
)
def test_words_of_every_day_are_no_codes(patient, doctor, stock, text):
    event = reported(patient, doctor, narrative=text)
    assert event.reports.get().narrative == text


def test_numbers_of_kits_donations_and_cell_banks_are_codes(event, trial, stock):
    """ICS-04."""
    build.enrolled(trial=trial)
    words = treatment_words(trial)
    for model, name in ((Kit, "number"), (Donation, "identification"), (CellBank, "code"), (Lot, "number")):
        codes = set(model.objects.filter(trial=trial).values_list(name, flat=True))
        assert codes
        assert codes <= words


def test_an_open_trial_hides_nothing(db):
    assert treatment_words(build.trial()) == set()


def test_the_event_page_of_the_site_lists_the_words_too(web, event, doctor, officer, stock, trial):
    """The site reads which element it has to change, without what drug safety wrote."""
    assert "H.4" not in text_of(web.get(page(event, "sae-reports")))
