"""A serious event with a report of the site and a case of drug safety, and the invented dictionary."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.context import acting
from protocol.values.moments import Moment
from safety.models import AdverseEvent
from safety.sae_reports.sending import send_report
from safety.sponsor.cases import judge_case
from tests.support import build
from tests.support.study.invented_dictionary import invented_dictionary, name_release

NARRATIVE = "Fever of 39.5 °C began two hours after infusion 1. Paracetamol was given."


def ago(**length: int) -> Moment:
    return Moment.from_datetime(timezone.now() - timedelta(**length), "Europe/Brussels")


@pytest.fixture
def officer(trial):
    return build.user("sponsor_safety", trial=trial)


@pytest.fixture
def dictionary(trial, monkeypatch):
    name_release(trial, monkeypatch)
    return invented_dictionary()


@pytest.fixture
def event(patient, doctor, officer):
    return with_sponsor(reported(patient, doctor), officer)


def reported(patient, doctor, narrative: str = NARRATIVE, **answers) -> AdverseEvent:
    """Return a serious event that the site reported to the sponsor."""
    given = {
        "term": "Infusion related reaction", "onset": ago(hours=7), "causality": "possible", "grade": 3,
        "seriousness": frozenset({"hospitalisation"}), "aware": ago(hours=6), **answers,
    }  # fmt: skip
    event = build.event(patient=patient, by=doctor, **given)
    with acting(user=doctor, role="investigator"):
        send_report(event=event, narrative=narrative, version=event.version, by=doctor)
    return again(event)


def with_sponsor(event, officer, **judgement) -> AdverseEvent:
    given = {
        "version": event.case_version, "sponsor_aware": ago(hours=5), "sponsor_causality": "possible",
        "expectedness": "unexpected", "reference_version": "1.0", **judgement,
    }  # fmt: skip
    with acting(user=officer, role="sponsor_safety"):
        judge_case(event=event, by=officer, **given)
    return again(event)


def again(event) -> AdverseEvent:
    return AdverseEvent.objects.select_related("patient__trial__protocol", "patient__protocol").get(
        pk=event.pk
    )
