"""The weight in the header of a patient's pages is the newest one, whoever measured it, with its day."""

from datetime import date
from decimal import Decimal

import pytest

from patients.models import Record, Visit
from patients.participation.visits import hold_visit
from reports.casebook.subject import header
from tests.support import build
from tests.support.study.bedside import FIRST, INCLUDED, NOW, give, on
from trials.access import access_to

pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW), pytest.mark.usefixtures("nurse_acts")]


@pytest.fixture
def patient(trial):
    return build.enrolled(trial=trial, on=INCLUDED)


def weight(patient, role="monitor"):
    person = build.user(role, trial=patient.trial)
    found = header(patient, access_to(user=person, slug=patient.trial.slug)).facts
    return {str(label): text for label, text in found}.get("Weight", "")


def weighed_on_the_ward(patient, day: date, nurse, **values):
    hold_visit(
        visit=Visit.objects.select_related("patient").get(patient=patient, code="D1"), on=day, by=nurse
    )
    return build.record(patient, "vitals", values, visit="D1", draft=True, by=nurse)


def test_a_patient_without_an_infusion_has_the_weight_of_screening(patient):
    """CEL-09: with the day on which it was measured."""
    assert weight(patient) == "82.4 kg on 10-Mar-2026"


def test_the_weight_of_an_infusion_comes_after_that_of_screening(patient, nurse):
    """CEL-09: on one day that of the infusion counts, in every role."""
    give(patient, FIRST, on("10-Mar-2026", weight_kg=Decimal("84.00")), nurse)

    assert weight(patient) == weight(patient, "cell_laboratory") == "84 kg on 10-Mar-2026"


def test_a_weight_of_a_later_form_comes_after_that_of_an_infusion(patient, nurse):
    """CEL-09."""
    give(patient, FIRST, on("10-Mar-2026", weight_kg=Decimal(84)), nurse)
    weighed_on_the_ward(patient, date(2026, 3, 11), nurse, weight="81.5")

    assert weight(patient) == "81.5 kg on 11-Mar-2026"


def test_a_weight_that_was_not_measured_leaves_the_one_before(patient, nurse):
    """DAT-01: a missing code is no weight."""
    weighed_on_the_ward(patient, date(2026, 3, 11), nurse, weight={"missing": "ND"})

    assert weight(patient) == "82.4 kg on 10-Mar-2026"


def test_a_form_entered_in_error_has_no_weight(patient):
    """AUD-04: nothing else was weighed."""
    build.struck_out(Record.objects.get(patient=patient, form="demography"))

    assert weight(patient) == ""


def test_a_weight_in_pounds_is_shown_in_kilograms(patient, nurse):
    """CEL-09: rounded to the digits that were typed, so it does not look more exact."""
    weighed_on_the_ward(
        patient, date(2026, 3, 11), nurse, weight={"value": "81.7372784", "entered": "180.2", "unit": "lb"}
    )

    assert weight(patient) == "81.74 kg on 11-Mar-2026"
