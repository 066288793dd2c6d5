"""A question about a visit that also reads the rows of a log: inflammation without dexamethasone on that day."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse

from reports.models import OwnQuestion
from tests.support import build

pytestmark = pytest.mark.django_db
MANUAL = Path(settings.BASE_DIR) / "docs" / "questions.md"


@pytest.fixture
def condition() -> str:
    """Return the example of the manual."""
    (found,) = re.findall(r"`(crp > 100\.0 && [^`]+)`", MANUAL.read_text("utf-8"))
    return found


def treated(trial, nurse, crp: str, **medicine: str):
    """Store a C-reactive protein at screening, and one medicine if it is given."""
    patient = build.patient(trial=trial, by=nurse)
    build.consent(patient, by=nurse)
    if medicine:
        build.record(patient, "medication", medicine, visit=None, draft=True, by=nurse)
    sampled = build.moment(f"{patient.screened_on:%Y-%m-%d} 09:58").iso
    return build.record(patient, "biochemistry", {"sampled_at": sampled, "crp": crp}, draft=True, by=nurse)


def test_the_example_of_the_manual_finds_high_values_without_the_medicine_on_the_day(trial, nurse, condition):
    """Among those above 100 mg/L: never given, ended before, and given then."""
    days = {"started_on": "2021-01-01"}
    never = treated(trial, nurse, "133.42", name="Heparin", ongoing="Y", **days)
    ended = treated(trial, nurse, "101", name="DEXAMETHASONE", ongoing="N", ended_on="2021-01-02", **days)
    treated(trial, nurse, "150", name="Dexamethasone", ongoing="Y", **days)
    treated(trial, nurse, "99.9", name="Heparin", ongoing="Y", **days)
    monitor = build.client(build.user("monitor", trial=trial))
    place = reverse("reports:own-question-new", args=[trial.slug])
    fields = {"name": "CRP without dexamethasone", "condition": condition, "columns": ["crp"]}
    answer = monitor.post(f"{place}?form=biochemistry", fields)
    assert answer.status_code == 302
    question = OwnQuestion.objects.get()
    listing = monitor.get(answer["Location"]).context["listing"]
    assert [row.object.pk for row in listing.rows] == [never.pk, ended.pk]
    assert question.condition == condition
    # The unit stands once: with the value, which may be converted.
    html = monitor.get(answer["Location"]).content.decode()
    assert "133.42 mg/L" in html
    assert "C-reactive protein (mg/L)" not in html
