"""The pages on a phone: listings are cards that show what decides, and nothing scrolls sideways."""

import os
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.models import User
from audit.context import acting
from audit.redactions.redaction import ask_redaction, free_texts
from patients.models import Patient, PrescreeningRow
from patients.participation.identities.erasure import record_erasure_request
from patients.participation.logs.prescreening import PrescreeningFacts, add_prescreening
from patients.participation.screening import correct_identity
from patients.review import source_verification
from patients.review.marks import SeenVersion
from safety.models import AdverseEvent
from tests.support import build
from tests.support.pages.every_page import may_open, page_of, patient_with_pages, trial_patterns
from tests.support.study import product_chain
from tests.support.study.locking import hold
from tests.support.study.reference_ranges import central, given
from tests.support.study.samples import clock
from tests.trust.crawl.study import asked_about_product, too_warm
from trials.incidents import report_problem
from trials.roles import ROLES

pytestmark = [
    pytest.mark.browser,
    pytest.mark.one_engine,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("nothing_counted"),
]
SHOTS = os.environ.get("SHOTS", "")
LISTINGS = {
    "coordinator": {
        "patients:listing", "patients:forms", "patients:queries", "patients:deviations", "patients:contacts",
        "patients:prescreening", "reports:quality", "reports:treatment-known", "safety:listing", "dosing:listing",
        "patients:consents", "patients:decisions", "reports:first-procedure", "reports:consent-due",
        "reports:entry-delay", "patients:samples", "patients:shipments", "patients:storage-excursions",
        "reports:edit-checks", "safety:coding", "safety:laboratory", "reports:event-groups", "exports:annual",
        "reports:own-question",
    },
    "investigator": {"patients:to-sign"},
    "monitor": {
        "patients:verification", "patients:undone", "audit:trail", "reports:changes", "register:listing",
        "reports:redactions", "reports:erasures", "reports:problems",
    },
    "data_manager": {"patients:locks", "laboratories:ranges", "safety:reconciliation"},
    "cell_laboratory": {
        "dosing:allocation", "dosing:masked-results", "dosing:product-deviations", "dosing:stock", "dosing:movements",
        "dosing:product-queries", "dosing:product-verification",
    },
}  # fmt: skip
# The patient was not infused, so nothing is to be reported; test_annual_report.py has its deciding columns.
EMPTY_HERE = {"exports:annual": {True}}
# Of the first card: every deciding cell, and whether any is outside the screen.
DECIDING = """() => [...document.querySelectorAll('.cards tbody tr:first-child .decides')].map((cell) => {
  const box = cell.getBoundingClientRect();
  return box.width > 0 && box.left >= 0 && box.right <= innerWidth;
})"""
FOLDED = """() => [...document.querySelectorAll('form.filters :is(input:not([type=hidden]), select)')]
  .every((input) => !input.checkVisibility({ contentVisibilityAuto: true }))"""
SIDEWAYS = "document.documentElement.scrollWidth"
# A table that is wider than its place has a region that takes the keyboard, and shades at its sides.
UNMARKED = """() => [...document.querySelectorAll('.scroll')]
  .filter((place) => place.scrollWidth > place.clientWidth + 1 && (place.tabIndex !== 0
    || !getComputedStyle(place).backgroundImage.includes('gradient')))
  .map((place) => place.getAttribute('aria-label'))"""


@pytest.fixture
def patient() -> Patient:
    """Return an included patient with something in each listing."""
    patient = patient_with_pages()
    trial = patient.trial
    nurse, monitor = (build.user(role, trial=trial) for role in ("coordinator", "monitor"))
    build.record(patient, "vitals", {"hr": "185"}, visit="INF1", draft=True, by=nurse)
    taken = {"sampled_at": clock(patient, patient.visits.get(code="INF1").held_on).iso}
    build.record(patient, "biochemistry", {**taken, "alt": "250"}, visit="INF1", draft=True, by=nurse)
    build.record(patient, "hla_antibodies", taken, visit="INF1", draft=True, by=nurse)
    product_chain.bag(trial)
    asked_about_product(patient, "L-1")
    too_warm(trial, nurse, "Freezer 1")
    # A stay in hospital of which no form knows: a finding of the reconciliation.
    build.event(
        patient=patient, by=build.user("investigator", trial=trial), term="Fall", grade=3,
        seriousness=frozenset({"hospitalisation"}), aware=clock(patient, trial.today, "00:00"),
    )  # fmt: skip
    demography = patient.records.get(form="demography")
    seen = [SeenVersion(demography.pk, demography.version, ("age",))]
    with acting(user=monitor, role="monitor"):
        source_verification.verify(patient=patient, seen=seen, by=monitor, role="monitor")
        source_verification.withdraw(record=demography, reason="Another source", by=monitor)
    outcome, reason = PrescreeningRow.Outcome.DECLINED, PrescreeningRow.Reason.RISK
    facts = PrescreeningFacts(considered_on=trial.today, people=2, outcome=outcome, reason=reason, note="")
    with acting(user=nurse, role="coordinator"):
        add_prescreening(trial=trial, facts=facts, by=nurse)
    with acting(system="test"):
        Patient.objects.filter(pk=patient.pk).update(reconsent_version="9.0")
        patient.visits.filter(code="SCR").update(state="held", held_on=patient.screened_on)
    with acting(user=nurse, role="coordinator"):
        report_problem(trial=trial, text="A date is wrong", page="", request="", role="coordinator", by=nurse)
    concerning_a_person(patient, build.user("investigator", trial=trial))
    build.client(monitor).get(reverse("reports:quality", args=[trial.slug]), {"format": "csv"}).getvalue()
    laboratory = central(trial)
    given(laboratory)
    given(laboratory, "biochemistry.alt", unit="U/L", upper=Decimal(40))
    hold("freeze", "record", demography, build.user("data_manager", trial=trial))
    return patient


def concerning_a_person(patient: Patient, doctor: User) -> None:
    """A text of an event to be masked, and a request for erasure."""
    entry = AdverseEvent.objects.filter(patient=patient).order_by("number")[0].history.earliest()
    text = free_texts(AdverseEvent, entry)[0]
    with acting(user=doctor, role="investigator"):
        ask_redaction(
            trial_id=patient.trial.pk, model=AdverseEvent, row=entry.history_id, place=text.place,
            text=text.text, reason="A nurse is named", by=doctor,
        )  # fmt: skip
        record_erasure_request(patient=patient, received_on=patient.trial.today, wish="All of it", by=doctor)


def test_every_listing_shows_on_a_phone_what_decides(page: Page, patient, enter, violations, complaints):
    """WCAG 2.2 AA as far as axe checks it: 390 pixels in both themes."""
    patterns = trial_patterns()
    page.set_viewport_size({"width": 390, "height": 844})
    for role, listings in LISTINGS.items():
        enter(build.user(role, trial=patient.trial))
        for listing in sorted(listings):
            page.goto(page_of(patient, listing, patterns[listing]))
            seen = page.evaluate(DECIDING)
            assert set(seen) == ({True} - EMPTY_HERE.get(listing, set())), (listing, seen)
            assert page.evaluate(FOLDED), listing
            for theme in ("light", "dark"):
                page.emulate_media(color_scheme=theme, reduced_motion="reduce")
                assert violations() == [], (listing, theme)
                if SHOTS:
                    page.screenshot(path=f"{SHOTS}/phone-{listing}-{theme}.png", full_page=True)
    assert complaints == []


def test_no_listing_is_left_out(patient):
    """A new listing fails here until the test above reads it on a phone."""
    found: set[str] = set()
    clients: dict[str, Client] = {}
    for name, pattern in trial_patterns().items():
        role = next(role for role in ROLES if may_open(role, name))
        client = clients.setdefault(role, build.client(build.user(role, trial=patient.trial)))
        if "code" not in pattern.pattern.converters:
            context = client.get(page_of(patient, name, pattern)).context
            found |= {name} if context is not None and "listing" in context else set()
    assert found == set().union(*LISTINGS.values())


def test_no_page_of_any_role_scrolls_sideways_on_a_small_phone(page: Page, patient, enter, complaints):
    """WCAG 1.4.10: at 320 pixels only a table scrolls, and it shows that it does."""
    page.set_viewport_size({"width": 320, "height": 700})
    seen: set[str] = set()
    wrong = []
    for role in (
        "investigator",
        "cell_laboratory",
        "data_manager",
        "administrator",
        "monitor",
        "principal_investigator",
        "sponsor_safety",
        "statistician",
        "unblinded_monitor",
    ):
        enter(build.user(role, trial=patient.trial))
        for name, pattern in trial_patterns().items():
            if name in seen or not may_open(role, name):
                continue
            seen.add(name)
            page.goto(page_of(patient, name, pattern), wait_until="domcontentloaded")
            if page.evaluate(SIDEWAYS) > 320 or page.evaluate(UNMARKED):
                wrong.append((name, page.evaluate(SIDEWAYS), page.evaluate(UNMARKED)))
    assert wrong == [], "; ".join(map(str, wrong))
    assert seen == set(trial_patterns())
    assert [text for text in complaints if "status of 404" not in text] == []


def test_the_header_of_a_patient_is_one_line_that_opens(page: Page, patient, enter, open_tree: Callable):
    """A long name is cut on a phone, and whole once the header is opened; so is the tree of visits."""
    doctor = build.user("investigator", trial=patient.trial)
    name = "Anne-Sophie van den Bossche-Vandenberghe de Saint-Hubert"
    with acting(user=doctor, role="investigator", origin="web"):
        identity = {"name": name, "hospital_number": "", "birth_date": "", "contact": ""}
        correct_identity(
            patient=patient, identity=identity, reason="Whole name", by=doctor, may_identify=True
        )
    enter(doctor)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(page_of(patient, "reports:casebook", trial_patterns()["reports:casebook"]))
    header = page.locator("header.subject")
    assert header.bounding_box()["height"] <= 56
    shown = page.get_by_role("link", name=name)
    assert shown.evaluate("link => link.scrollWidth > link.clientWidth")
    header.get_by_text("Details", exact=False).first.click()
    assert shown.evaluate("link => link.scrollWidth <= link.clientWidth")
    open_tree()
    expect(
        page.get_by_role("navigation", name="Casebook of").get_by_role("link", name="Screening")
    ).to_be_visible()


@pytest.fixture
def open_tree(page: Page) -> Callable[[], None]:
    """Return a function that opens the folded tree of visits by its one line."""

    def opened() -> None:
        tree = page.get_by_role("navigation", name="Casebook of")
        expect(tree.get_by_role("link", name="Screening")).to_be_hidden()
        tree.get_by_text("Visits, logs and steps").click()

    return opened
