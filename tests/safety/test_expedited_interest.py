"""A category of special interest may be reported like a serious event, whatever its seriousness (SAF-08)."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from audit.context import acting
from protocol.values.moments import Moment
from safety.classification import Class
from safety.drafts.draft_clock import may_be_serious
from safety.models import AdverseEvent, EventDraft
from safety.reporting import amend_event, report_to_sponsor
from tests.support import build
from tests.support.pages.event_forms import new

pytestmark = pytest.mark.django_db

THROMBOSIS = 'code = "THROMBOEMBOLIC", '


def ago(**length: int) -> Moment:
    return Moment.from_datetime(timezone.now() - timedelta(**length), "Europe/Brussels")


@pytest.fixture
def trial(db):
    return build.twin(build.LIEGE, ("{ " + THROMBOSIS, "{ expedited = true, " + THROMBOSIS))


@pytest.fixture
def thrombosis(patient, doctor):
    return thrombosis_of(patient, doctor, aware=ago(hours=2))


def thrombosis_of(patient, doctor, **answers) -> AdverseEvent:
    return build.event(
        patient=patient,
        by=doctor,
        term="Thromboembolic event",
        onset=ago(hours=3),
        aesi="THROMBOEMBOLIC",
        **answers,
    )


def test_it_has_the_clock_of_a_serious_event_and_is_none(thrombosis):
    assert thrombosis.due_at == thrombosis.aware_at + timedelta(hours=24)
    assert (thrombosis.serious, thrombosis.classification) == (False, Class.AE)
    assert list(AdverseEvent.objects.awaiting_report()) == [thrombosis]


def test_it_needs_the_time_at_which_the_site_knew(patient, doctor):
    with pytest.raises(ValidationError, match="when the site learned") as refused:
        thrombosis_of(patient, doctor)
    assert list(refused.value.message_dict) == ["aware"]
    assert not AdverseEvent.objects.exists()


@pytest.mark.parametrize("category", ["INFECTION_VIRAL", "none"])
def test_another_category_has_none(patient, doctor, category):
    assert build.event(patient=patient, by=doctor, aesi=category).due_at is None


def test_one_that_comes_to_the_category_starts_its_clock(patient, doctor):
    event = build.event(patient=patient, by=doctor, onset=ago(days=2), aware=ago(days=1))
    changes = {"aesi": "THROMBOEMBOLIC", "serious_aware": ago(hours=1)}
    with acting(user=doctor, role="investigator"):
        event = amend_event(event=event, changes=changes, reason="Echography", version=1, by=doctor)
    assert event.due_at == changes["serious_aware"].earliest + timedelta(hours=24)


def test_one_that_was_reported_and_becomes_serious_is_reported_anew(thrombosis, doctor):
    """CLK-04: the trail keeps the first report."""
    with acting(user=doctor, role="investigator"):
        event = report_to_sponsor(event=thrombosis, at=ago(hours=1), version=1, by=doctor)
        changes = {"seriousness": frozenset({"hospitalisation"})}
        with pytest.raises(ValidationError, match="24 hours run from then"):
            amend_event(event=event, changes=changes, reason="Stay", version=2, by=doctor)
        later = changes | {"serious_aware": ago(minutes=10)}
        event = amend_event(event=event, changes=later, reason="Stay", version=2, by=doctor)
    assert (event.reported, event.reported_at) == ("", None)
    assert event.due_at == later["serious_aware"].earliest + timedelta(hours=24)
    assert event.history.filter(reported="").count() < event.history.count()


def test_the_form_asks_for_the_awareness_of_every_event(trial, patient, doctor):
    """The category is asked further down; in a trial without such a category the question waits for a criterion."""
    asked = build.client(doctor).get(new(patient)).content.decode()
    assert asked.count("serious-only") == 1
    other = build.trial()
    shown = build.client(build.user("investigator", trial=other)).get(new(build.patient(trial=other)))
    assert shown.content.decode().count("serious-only") == 2


def test_a_draft_of_the_category_may_have_to_be_reported(patient, doctor):
    """Its clock starts with the first save that names it."""
    assert may_be_serious(seriousness=(), grade=1, outcome="", expedited=True) is True
    assert may_be_serious(seriousness=(), grade=1, outcome="") is False
    web = build.client(doctor)
    for category, has_clock in (("INFECTION_VIRAL", False), ("THROMBOEMBOLIC", True)):
        typed = {"save_key": f"k-{category}", "term": "Swollen leg", "aesi": category}
        assert web.post(f"{new(patient)}keep/", typed).status_code == 200
        assert (EventDraft.objects.get(save_key=f"k-{category}").due_at is not None) is has_clock
