"""Infusions and products open their deviations: the day in the general log, dose and donor in a log of their own."""

from decimal import Decimal

import pytest
from django.urls import reverse

from dosing.infusions.administration import mark_not_given, record_weight
from dosing.models import ProductDeviation
from dosing.products.preparing import Product, record_preparation
from patients.models import Deviation, Patient
from tests.support import build
from tests.support.build import moment
from tests.support.study import product_chain as chain
from tests.support.study.bedside import FIRST, INCLUDED, NOW, SECOND, give, on, stored
from tests.support.study.deviations import added, classified

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.at(NOW),
    pytest.mark.usefixtures("nurse_acts"),
    pytest.mark.one_engine,
]


@pytest.fixture
def patient(trial, doctor) -> Patient:
    """Included on 10 March 2026: infusions on the 10th to 13th, then three to four days apart."""
    return build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)


@pytest.fixture
def laboratory(trial):
    return build.user("cell_laboratory", trial=trial)


def bag(patient: Patient, number: int, **changed) -> Product:
    """Return a bag with 2.4 × 10⁶ cells per kg at 82.4 kg."""
    facts = {
        "donor_code": "D-17", "lot": "L-1", "bag": "", "viable_cells": Decimal(200_000_000), "thawed": None,
        "viability_percent": None, "dose_deviation_reason": "", "donor_deviation_reason": "",
    }  # fmt: skip
    return chain.product(stored(patient, number), {**facts, **changed})


def prepare(patient: Patient, number: int, by, version: int = 0, **changed):
    reason = "Read again" if version else ""
    return record_preparation(
        infusion=stored(patient, number),
        facts=bag(patient, number, **changed),
        version=version,
        by=by,
        reason=reason,
    )


def days(patient: Patient) -> list[tuple[str, str, str, bool]]:
    rows = Deviation.objects.filter(patient=patient, category="infusion_time").order_by("number")
    return [(row.place_key, row.occurred_on, row.description, row.struck_out) for row in rows]


def products(patient: Patient) -> list[tuple[int, str, str, str, bool]]:
    rows = ProductDeviation.objects.filter(patient=patient).order_by("number")
    return [(row.number, row.category, row.place_key, str(row.description), row.struck_out) for row in rows]


class TestTheDay:
    def test_a_day_in_the_window_opens_none_even_with_a_reason(self, patient, nurse):
        give(patient, FIRST, on("11-Mar-2026", timing_deviation_reason="Not needed"), nurse)
        assert days(patient) == []

    def test_a_day_outside_it_opens_one_with_the_reason_as_its_text(self, patient, nurse):
        """CEL-11."""
        give(patient, FIRST, on("20-Mar-2026", timing_deviation_reason="Fever"), nurse)
        assert days(patient) == [("1", "2026-03-20", "Fever", False)]

    def test_a_corrected_day_takes_it_back(self, patient, nurse):
        give(patient, FIRST, on("20-Mar-2026", timing_deviation_reason="Fever"), nurse)
        give(patient, FIRST, on("11-Mar-2026"), nurse, reason="Misread")
        assert days(patient) == [("1", "2026-03-20", "Fever", True)]

    def test_one_marked_as_not_given_takes_it_back(self, patient, nurse):
        give(patient, FIRST, on("20-Mar-2026", timing_deviation_reason="Fever"), nurse)
        mark_not_given(infusion=stored(patient, 1), reason="Other patient", version=2, by=nurse)
        assert [row[3] for row in days(patient)] == [True]

    def test_the_day_of_the_first_decides_on_the_second(self, patient, nurse):
        """The second was early after the 12th; after the 10th it is in its window."""
        give(patient, FIRST, on("12-Mar-2026"), nurse)
        give(patient, SECOND, on("14-Mar-2026", timing_deviation_reason="Bank closes"), nurse)
        assert days(patient) == [("2", "2026-03-14", "Bank closes", False)]
        give(patient, FIRST, on("10-Mar-2026"), nurse, reason="Misread")
        assert days(patient) == [("2", "2026-03-14", "Bank closes", True)]


class TestTheProduct:
    def weigh(
        self, patient: Patient, by, number: int = 1, kg: str = "82.4", version: int = 1, reason: str = ""
    ):
        record_weight(
            infusion=stored(patient, number), weight_kg=Decimal(kg), version=version, by=by, reason=reason,
            weight_measured=moment("10-Mar-2026 08:00"),
        )  # fmt: skip

    def test_a_dose_in_the_range_of_the_same_donor_opens_none(self, patient, nurse, laboratory):
        self.weigh(patient, nurse)
        prepare(patient, 1, laboratory)
        assert products(patient) == []

    def test_a_dose_outside_opens_one_in_the_log_of_the_product_alone(self, patient, nurse, laboratory):
        """CEL-10, CEL-18."""
        self.weigh(patient, nurse)
        prepare(patient, 1, laboratory, viable_cells=Decimal(100_000_000), dose_deviation_reason="Lost")
        assert products(patient) == [(1, "dose", "1", "Lost", False)]
        assert str(ProductDeviation.objects.get()) == "P-1"
        assert not Deviation.objects.exists()

    def test_another_donor_opens_one(self, patient, nurse, laboratory):
        """CEL-11."""
        give(patient, FIRST, on("10-Mar-2026"), nurse)
        prepare(patient, 1, laboratory)
        self.weigh(patient, nurse, SECOND)
        prepare(patient, 2, laboratory, donor_code="D-18", donor_deviation_reason="Bank empty")
        assert products(patient) == [(1, "donor", "2", "Bank empty", False)]

    def test_an_amended_product_takes_it_back(self, patient, nurse, laboratory):
        self.weigh(patient, nurse)
        prepare(patient, 1, laboratory, viable_cells=Decimal(100_000_000), dose_deviation_reason="Lost")
        prepare(patient, 1, laboratory, version=1)
        assert products(patient) == [(1, "dose", "1", "Lost", True)]

    def test_an_amended_weight_opens_one_that_waits_for_the_reason_of_the_laboratory(
        self, patient, nurse, laboratory
    ):
        self.weigh(patient, nurse)
        prepare(patient, 1, laboratory, viable_cells=Decimal(130_000_000))
        self.weigh(patient, nurse, kg="90", version=2, reason="Misread")
        assert products(patient)[0][3].startswith("The dose is below the range of the protocol")
        low = {"viable_cells": Decimal(130_000_000), "dose_deviation_reason": "Weight was wrong"}
        prepare(patient, 1, laboratory, version=2, **low)
        assert products(patient) == [(1, "dose", "1", "Weight was wrong", False)]

    def test_its_numbers_leave_no_gap_in_the_general_log(self, patient, nurse, laboratory):
        self.weigh(patient, nurse)
        added(patient, nurse)
        prepare(patient, 1, laboratory, viable_cells=Decimal(100_000_000), dose_deviation_reason="Lost")
        assert added(patient, nurse).number == 2
        assert added(patient, laboratory, log=ProductDeviation, category="other").number == 2

    def test_the_laboratory_classifies_it(self, patient, nurse, laboratory):
        self.weigh(patient, nurse)
        prepare(patient, 1, laboratory, viable_cells=Decimal(100_000_000), dose_deviation_reason="Lost")
        row = classified(ProductDeviation.objects.get(), laboratory, "major")
        assert (row.classification, row.classified_by) == ("major", laboratory)


class TestWhoDecides:
    """In an open trial also who classifies other deviations, in a masked one the laboratory alone (BLD-01)."""

    def steps(self, trial, role: str) -> dict[str, int]:
        laboratory = build.user("cell_laboratory", trial=trial)
        row = added(build.patient(trial=trial), laboratory, log=ProductDeviation, category="other")
        url = reverse("dosing:product-deviation-classify", args=[trial.slug, row.patient.code, row.number])
        shown = reverse("dosing:product-deviation", args=[trial.slug, row.patient.code, row.number])
        browser = build.client(build.user(role, trial=trial))
        page = browser.get(shown)
        sent = {"classification": "minor", "action_taken": "None", "version": row.version}
        codes = {"page": page.status_code, "classify": browser.post(url, sent).status_code}
        row.refresh_from_db()
        assert row.classified is (codes["classify"] == 302)
        assert (url in page.content.decode()) is row.classified
        codes["amend"] = browser.get(url.replace("classify", "amend")).status_code
        return codes

    def test_in_an_open_trial_the_investigator_classifies_and_amends_nothing(self, trial):
        assert self.steps(trial, "investigator") == {"page": 200, "classify": 302, "amend": 403}
        assert self.steps(trial, "coordinator") == {"page": 200, "classify": 403, "amend": 403}
        assert self.steps(trial, "cell_laboratory") == {"page": 200, "classify": 302, "amend": 200}

    def test_in_a_masked_trial_the_laboratory_alone(self):
        masked = build.trial(build.COVID_MSV)
        assert self.steps(masked, "investigator") == {"page": 403, "classify": 403, "amend": 403}
        assert self.steps(masked, "statistician") == {"page": 200, "classify": 403, "amend": 403}
        assert self.steps(masked, "cell_laboratory") == {"page": 200, "classify": 302, "amend": 200}


def test_the_log_of_the_product_is_empty_for_a_blinded_person(doctor):
    """BLD-03."""
    trial = build.trial(build.COVID_MSV)
    rows = ProductDeviation.objects
    blinded, unblinded = (build.user(role, trial=trial) for role in ("investigator", "cell_laboratory"))
    patient = build.patient(trial=trial)
    row = added(patient, unblinded, log=ProductDeviation, category="other")
    assert list(rows.visible_to(blinded)) == []
    assert list(rows.visible_to(unblinded)) == [row]
