"""A product is changed with a reason, by one person at a time, and never deleted."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from dosing.conflicts import StaleInfusion
from dosing.infusions.administration import mark_not_given
from dosing.models import Preparation
from patients.models import Patient
from tests.dosing.preparation.conftest import bag, give, prepare
from tests.support import build
from tests.support.study.bedside import INCLUDED, stored
from tests.support.study.refusals import refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day", "laboratory_acts")]


class TestChanging:
    def test_a_change_needs_a_reason(self, patient, laboratory):
        """AUD-04."""
        give(patient)
        product = prepare(patient, 1, bag(), laboratory)
        messages = refused(prepare, patient, 1, bag(lot="L-0043"), laboratory, version=product.version)
        assert messages == {"reason": ["Say why this is changed."]}
        again = prepare(patient, 1, bag(lot="L-0043"), laboratory, version=product.version, reason="misread")
        entry = Preparation.history.filter(id=again.pk).order_by("-history_id").first()
        assert (entry.lot, entry.history_change_reason, again.version) == ("L-0043", "misread", 2)

    @pytest.mark.parametrize("seen", [0, 2])
    def test_two_people_never_overwrite_each_other(self, patient, laboratory, seen):
        """DAT-11: also two who record the first preparation at once."""
        give(patient)
        prepare(patient, 1, bag(), laboratory)
        with pytest.raises(StaleInfusion) as stale:
            prepare(patient, 1, bag(lot="other"), laboratory, version=seen, reason="x")
        assert (stale.value.row.version, stale.value.row.lot) == (1, "L-0042")

    def test_another_weight_changes_the_dose_of_its_own_patient_alone(self, patient, laboratory):
        """CEL-09, AUD-10: infusion 1 of another patient has its own product."""
        other = build.neighbour(patient)
        for each in (patient, other):
            give(each)
            prepare(each, 1, bag(), laboratory)
        give(patient, kg=Decimal(100), reason="misread")
        doses = dict(Preparation.objects.values_list("patient", "cells_per_kg"))
        assert doses == {patient.pk: Decimal(2_000_000), other.pk: Decimal(2_500_000)}
        assert Preparation.objects.get(patient=other).version == 1

    def test_a_product_of_an_infusion_that_was_not_given_after_all_can_be_corrected(
        self, patient, laboratory
    ):
        give(patient)
        prepare(patient, 1, bag(), laboratory)
        mark_not_given(infusion=stored(patient, 1), reason="Fever", version=2, by=laboratory)
        again = prepare(patient, 1, bag(lot="L-0043"), laboratory, version=1, reason="misread")
        assert (again.lot, again.version) == ("L-0043", 2)

    def test_a_product_is_recorded_after_the_end_of_study_too(self, patient, laboratory):
        give(patient)
        Patient.objects.filter(pk=patient.pk).update(state="ended", ended_on=INCLUDED, end_reason="lost")
        assert prepare(patient, 1, bag(), laboratory).lot == "L-0042"

    def test_a_reason_that_is_no_longer_needed_goes(self, patient, laboratory):
        """The dose of 300 million cells at 80 kg is outside the range; that of 200 million is not."""
        give(patient)
        facts = bag(viable_cells=Decimal(300_000_000), dose_deviation_reason=" One bag ")
        assert prepare(patient, 1, facts, laboratory).dose_deviation_reason == "One bag"
        facts = bag(dose_deviation_reason="One bag")
        again = prepare(patient, 1, facts, laboratory, version=1, reason="miscounted")
        assert (again.dose_finding, again.dose_deviation_reason) == ("within", "")

    def test_a_preparation_is_never_deleted(self, patient, laboratory):
        give(patient)
        product = prepare(patient, 1, bag(), laboratory)
        with pytest.raises(TypeError):
            product.delete()
        with pytest.raises(IntegrityError), transaction.atomic():
            Preparation.objects.all().delete()

    @pytest.mark.parametrize(
        "broken",
        [{"viability_percent": Decimal(101)}, {"viable_cells": Decimal(-1)}, {"dose_finding": "fine"}],
    )
    def test_the_database_refuses_the_impossible_too(self, patient, laboratory, broken):
        give(patient)
        prepare(patient, 1, bag(), laboratory)
        with pytest.raises(IntegrityError), transaction.atomic():
            Preparation.objects.update(**broken)
