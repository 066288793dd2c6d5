"""A monitor, vital signs of three patients, and a question about them that is saved through its page."""

import pytest
from django.urls import reverse

from audit.context import acting
from patients.models import Record
from reports.models import OwnQuestion
from tests.support import build

LOW = {"name": "Low saturation", "condition": "spo2 < 94.0", "columns": ["spo2", "hr"], "item": "spo2"}


@pytest.fixture
def monitor(trial):
    return build.user("monitor", trial=trial)


@pytest.fixture
def vitals(trial, nurse):
    """Vital signs of three patients at screening: 90, 97 and no saturation."""
    found = []
    for spo2 in ("90", "97", None):
        patient = build.patient(trial=trial, by=nurse)
        build.consent(patient, by=nurse)
        values = {"hr": "70", **({"spo2": spo2} if spo2 else {})}
        found.append(build.record(patient, "vitals", values, draft=True, by=nurse))
    return found


def address(trial, name="own-questions", **place) -> str:
    return reverse(f"reports:{name}", args=[trial.slug, *place.values()])


def saved(trial, person, form="vitals", **fields) -> OwnQuestion:
    """Save a question through its page and return it."""
    answer = build.client(person).post(
        f"{address(trial, 'own-question-new')}?form={form}", {**LOW, "shared": "on", **fields}
    )
    assert answer.status_code == 302, answer.context["form"].errors
    return OwnQuestion.objects.latest("pk")


def page(question: OwnQuestion, name="own-question") -> str:
    return reverse(f"reports:{name}", args=[question.trial.slug, question.log, question.pk])


def listed(question: OwnQuestion, person, **query) -> list[int]:
    answer = build.client(person).get(page(question), query)
    return [row.object.pk for row in answer.context["listing"].rows]


def correct(record: Record, **values) -> None:
    with acting(system="test"):
        stored = Record.objects.get(pk=record.pk)
        stored.values, stored.version = {**stored.values, **values}, stored.version + 1
        stored.save()
