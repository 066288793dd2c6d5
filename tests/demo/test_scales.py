"""The WHO progression scale of invented patients agrees with the rest of their visit."""

import pytest

from audit.context import acting
from demo.patients import Populator
from demo.people import make_people
from demo.stories import Story
from patients.models import Query, Record
from tests.support import build

pytestmark = pytest.mark.django_db


def test_no_invented_patient_in_screening_is_in_the_category_of_the_dead_or_at_home():
    """OUT-06: the figure of the scale of a training trial showed a living patient as dead at screening."""
    trial = build.trial(build.LIEGE)
    with acting(system="test"):
        people = make_people([trial], build.PASSWORD)
    populator = Populator(trial, people, build.PASSWORD, seed=20)
    for number in range(3):
        populator.create(Story(days_ago=number, stage="eligible"))
    rows = [row.values for row in Record.objects.filter(form="who_cps", patient__trial=trial)]
    assert len(rows) == 3
    assert not Query.objects.filter(record__form="who_cps").exists()
    for values in rows:
        assert values["score"] == values.get("proposed", values["score"])
        assert values["score"] not in ("0", "1", "2", "3", "10")
        assert "reason" not in values
