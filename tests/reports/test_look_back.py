"""Look-back: from a lot and a donor to every recipient and every adverse event of each, in one page."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.context import acting
from dosing.infusions.administration import record_infusion
from dosing.products.preparing import record_preparation
from dosing.stock.lot_release.release import record_result
from tests.support import build
from tests.support.pages.infusions import text_of
from tests.support.study import product_chain as chain
from tests.support.study.bedside import INCLUDED, on, stored
from trials.models import SponsorNotice

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]

FACTS = {
    "donor_code": "D-17", "lot": "L-1", "bag": "", "viable_cells": Decimal(200_000_000), "thawed": None,
    "viability_percent": None, "dose_deviation_reason": "", "donor_deviation_reason": "",
}  # fmt: skip


@pytest.fixture
def treated(trial, known_day, doctor):
    """Two patients who received lots of one donor, and one who received nothing."""
    patients = [build.enrolled(trial=trial, on=INCLUDED, investigator=doctor) for _each in range(3)]
    for patient, lot in zip(patients, ("L-1", "L-2"), strict=False):
        with acting(user=doctor, role="investigator", origin="web"):
            row = stored(patient, 1)
            given = record_infusion(infusion=row, facts=on("10-Mar-2026"), version=row.version, by=doctor)
            facts = chain.product(given, {**FACTS, "lot": lot})
            record_preparation(infusion=given, facts=facts, version=0, by=doctor)
        build.event(patient=patient, by=doctor, term=f"Rash {lot}")
    return patients


def look(client, trial, kind: str, key: int) -> str:
    return text_of(client.get(reverse(f"reports:look-back-{kind}", args=[trial.slug, key])))


def statements(client, trial, kind: str, key: int) -> int:
    """Return how many statements a look-back runs in a session that was used before."""
    with CaptureQueriesContext(connection) as ran:
        look(client, trial, kind, key)
    return len(ran)


def test_it_runs_at_most_ten_statements_however_many_received_the_cells(trial, laboratory, treated):
    """ATM-02, CEL-01: one patient of the lot, two of the donor."""
    donor, lot = chain.donor(trial), chain.lot(trial, "L-1")
    laboratory.get(reverse("reports:home", args=[trial.slug]))
    assert statements(laboratory, trial, "lot", lot.pk) <= 10
    assert statements(laboratory, trial, "donor", donor.pk) == statements(laboratory, trial, "lot", lot.pk)


def test_a_donor_leads_to_every_patient_and_a_lot_to_every_event(trial, laboratory, treated):
    """ATM-02, ATM-03, CEL-01: one page."""
    first, second, nobody = treated
    donor = chain.donor(trial)
    lot = chain.lot(trial, "L-1")
    laboratory.get(reverse("reports:home", args=[trial.slug]))
    shown = look(laboratory, trial, "donor", donor.pk)
    for words in (first.code, second.code, "Rash L-1", "Rash L-2"):
        assert words in shown
    assert nobody.code not in shown
    of_lot = look(laboratory, trial, "lot", lot.pk)
    assert "Rash L-1" in of_lot
    assert second.code not in of_lot


def test_an_event_entered_in_error_is_no_event_of_a_recipient(trial, laboratory, treated):
    """AUD-04, ATM-02."""
    with acting(system="test"):
        treated[0].adverse_events.update(in_error_reason="Another patient")
    of_lot = look(laboratory, trial, "lot", chain.lot(trial, "L-1").pk)
    assert treated[0].code in of_lot
    assert "Rash L-1" not in of_lot


def test_a_result_that_fails_after_an_infusion_is_marked_late_and_the_sponsor_is_told(
    trial, laboratory, treated
):
    """ATM-02: recipients on the page of the lot; the notice names neither lot nor patient."""
    lot, by = chain.lot(trial, "L-1"), chain.technician(trial)
    with acting(user=by, role="cell_laboratory", origin="web"):
        row = record_result(lot=lot, test="sterility", value="positive", reported_on=INCLUDED, by=by)
    assert (row.late, row.finding) == (True, "failed")
    shown = text_of(laboratory.get(reverse("dosing:lot", args=[trial.slug, lot.pk])))
    assert "Out of specification after an infusion was given: Sterility, positive" in shown
    assert treated[0].code in shown
    assert SponsorNotice.objects.filter(what="late_result").count() == 1


def test_in_a_masked_trial_the_look_back_is_behind_the_treatment():
    """BLD-01."""
    masked = build.trial(build.COVID_MSV)
    lot = chain.released(masked)
    for role, status in (("monitor", 403), ("investigator", 403), ("unblinded_monitor", 200)):
        browser = build.client(build.user(role, trial=masked))
        assert browser.get(reverse("reports:look-back-lot", args=[masked.slug, lot.pk])).status_code == status
