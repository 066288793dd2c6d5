"""Infusions of invented patients keep to what the protocol says of their course."""

from decimal import Decimal

import pytest
from django.conf import settings

from audit.context import acting
from demo.people import make_people
from demo.rehearsal.patients import Rehearsal
from dosing.models import Infusion
from tests.support import build
from tests.support.protocols.thirteen_designs import DESIGNS

pytestmark = pytest.mark.django_db


def test_a_rehearsal_gives_the_planned_volume():
    """Seen: the rehearsal of a file with limits of the volume broke off at the question about 100 mL."""
    trial = build.version(next(each.text for each in DESIGNS if each.id == "LANZONI")).trial
    with acting(system="test"):
        people = make_people([trial], settings.DEMO_PASSWORD)
    Rehearsal(trial, people, settings.DEMO_PASSWORD, seed=7).populate()
    given = Infusion.objects.filter(patient__trial=trial, state="given")
    assert set(given.values_list("volume_ml", flat=True)) == {Decimal(50)}
