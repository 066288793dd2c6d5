"""The invented trials of the bench can be filled in any size."""

import pytest

from patients.models import Patient, Record
from safety.models import AdverseEvent
from tests.bench import study
from tests.support import build

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("patients", [1, 4, 5])
def test_a_small_fill_ends_with_the_values_that_were_asked_for(patients):
    """Fewer than five patients leave no fifth of them for the second trial, which has at least one."""
    study.fill(build.PASSWORD, patients=patients, events=7, values=30 * 30, terms=("Headache",))
    sizes = {slug: Patient.objects.filter(trial__slug=slug).count() for slug in ("bench", "bulk")}
    assert sizes == {"bench": patients, "bulk": 1}
    assert Record.objects.filter(patient__trial__slug="bulk").count() >= 30
    assert AdverseEvent.objects.filter(trial__slug="bulk").count() == 7
    assert AdverseEvent.objects.filter(trial__slug="bench").count() == 3 * patients
