"""What every page of a patient has, whatever the role; and which pages are listings."""

import re

import pytest

from tests.support import build
from tests.support.pages.every_page import may_open, page_of, patient_with_pages, trial_patterns

pytestmark = [pytest.mark.django_db, pytest.mark.one_engine]
PATIENT_PAGES = {
    name: pattern for name, pattern in trial_patterns().items() if "code" in pattern.pattern.converters
}
# A part of a page; pages that exist in an open trial only; pages of what the patient of these tests does not have.
WITHOUT = {
    "safety:term-grades",
    "dosing:instruction-new",
    "dosing:instruction",
    "safety:laboratory-event",
    "dosing:product-fact",
} | {f"dosing:exceptional-{step}" for step in ("ask", "evaluation", "decision", "notice")}
TREE = re.compile(r'<nav class="casebook" aria-label="([^"]+)"')


@pytest.mark.parametrize("role", ["investigator", "cell_laboratory", "data_manager", "monitor"])
def test_every_page_of_a_patient_has_the_tree_of_visits(role):
    """From each page the reader goes on to any visit; on a phone the tree is folded behind one line."""
    patient = patient_with_pages()
    client, without, seen = build.client(build.user(role, trial=patient.trial)), [], set()
    for name, pattern in PATIENT_PAGES.items():
        if name in WITHOUT or not may_open(role, name):
            continue
        response = client.get(page_of(patient, name, pattern))
        if response.status_code == 302:
            continue
        seen.add(name)
        if TREE.findall(response.content.decode()) != [f"Casebook of {patient.code}"]:
            without.append((name, response.status_code))
    assert without == []
    assert {"reports:casebook", "patients:visit", "dosing:infusion", "safety:event"} <= seen
