"""One patient of the masked trial from screening to export, through the pages of each role.

The patient of the open trial is typed whole (test_typed_patients.py).
"""

import re

import pytest

from tests.browser.trial_walk import Way, went
from tests.support import build

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.django_db(transaction=True)]

TREATMENT = re.compile(r"\b(placebo|donor|lot|arm|viab\w+|per kg|cells/kg)\b|×10⁶", re.IGNORECASE)
PRODUCT = re.compile(r"D-17|L-203|placebo", re.IGNORECASE)
PLACES = ("", "adverse-events/", "queries/", "infusions/", "trail/", "people/", "search/?q=VAL")


def test_a_patient_of_valladolid_goes_from_screening_to_the_export_and_no_blinded_user_learns_the_arm(walk):
    """BLD-01: located by role and label, accessible, without browser errors; nothing reveals the treatment."""
    way = Way(walk, build.COVID_MSV, days_ago=200)
    went(way)
    for place in PLACES:
        way.page("coordinator").goto(f"/trials/{way.trial.slug}/{place}")
        way.look("coordinator")
    seen = walk.seen["coordinator"]
    assert len({page.address for page in seen}) > len(PLACES)
    assert {page.address: found for page in seen if (found := TREATMENT.findall(page.read))} == {}
    assert {page.address: found for page in seen if (found := PRODUCT.findall(page.sent))} == {}
    assert walk.faults == []
