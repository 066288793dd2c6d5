"""A serious event that drug safety judges and decides on, some days ago."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.context import acting
from protocol.values.moments import Moment
from safety.models import AdverseEvent, CaseDecision
from safety.sponsor.cases import judge_case
from safety.sponsor.decisions import decide_case
from tests.support import build

ZONE = "Europe/Brussels"


def ago(**length: int) -> Moment:
    return Moment.from_datetime(timezone.now() - timedelta(**length), ZONE)


@pytest.fixture
def officer(trial):
    return build.user("sponsor_safety", trial=trial)


@pytest.fixture
def event(patient, doctor):
    """A serious event that the investigator holds for related, three days old."""
    return build.event(
        patient=patient,
        by=doctor,
        term="Anaphylaxis",
        onset=ago(days=3, hours=1),
        causality="possible",
        seriousness=frozenset({"hospitalisation"}),
        aware=ago(days=3),
        grade=3,
    )


def judged(event, officer, **answers) -> AdverseEvent:
    given = {
        "version": event.case_version,
        "sponsor_aware": ago(days=2),
        "expectedness": "unexpected",
        "reference_version": "1.0",
    }
    with acting(user=officer, role="sponsor_safety"):
        return judge_case(event=event, by=officer, **(given | answers))


def decided(event, officer, result="sent", **answers) -> CaseDecision:
    clock = event.case_clocks.order_by("pk").last()
    given = {"result": result, "at": ago(hours=1), "reason": "As the reference says"}
    with acting(user=officer, role="sponsor_safety"):
        return decide_case(clock=clock, by=officer, **(given | answers))


def again(event) -> AdverseEvent:
    return AdverseEvent.objects.get(pk=event.pk)
