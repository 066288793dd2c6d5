"""Packages of both trials, made once: nothing of them stays in the database."""

import pytest
import time_machine
from django.db import transaction

from tests.support import build
from tests.support.study.bedside import NOW
from tests.support.study.masked_trial import masked_trial
from tests.support.study.tabulated import Package, tabulated_trial

MASKED = "masked"


@pytest.fixture(scope="session")
def packages(django_db_setup, django_db_blocker) -> dict[str, Package]:
    """The package of each trial as somebody reads it who may know the treatment, and the masked one."""
    with django_db_blocker.unblock(), time_machine.travel(NOW, tick=False), transaction.atomic():
        masked = masked_trial().trial
        made = {
            build.LIEGE: Package.of(tabulated_trial()),
            build.COVID_MSV: Package.of(masked),
            MASKED: Package.of(masked, sees_treatment=False),
        }
        transaction.set_rollback(True)
    return made


@pytest.fixture
def liege(packages) -> Package:
    """The package of the open trial."""
    return packages[build.LIEGE]


@pytest.fixture(params=[build.LIEGE, build.COVID_MSV, MASKED])
def each(request, packages) -> Package:
    """Each package in turn."""
    return packages[request.param]
