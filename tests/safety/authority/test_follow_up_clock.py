"""What the site reports anew about a SUSAR has a clock of its own: day 15, seen by all (CLK-04, CT-3)."""

from datetime import timedelta

import pytest

from audit.context import acting
from safety.authority.reporting import send_to_authority
from safety.models import CaseDecision
from safety.sae_reports.sending import send_report
from safety.sponsor.decisions import decide_case
from tests.safety.authority.conftest import NARRATIVE, again, ago, reported, with_sponsor
from tests.safety.authority.test_authority_report import completed
from tests.support import build
from tests.support.pages.event_forms import page, text_of

pytestmark = pytest.mark.django_db


def followed_up(event, doctor, news: str = "A culture grew nothing."):
    """Send the next report of the site."""
    with acting(user=doctor, role="investigator"):
        report = send_report(
            event=event, narrative=f"{NARRATIVE} {news}", news=news, version=event.version, by=doctor
        )
    return again(event), report


def kinds(event) -> list[str]:
    return list(event.case_clocks.order_by("pk").values_list("kind", flat=True))


def test_new_information_is_due_on_day_15_after_the_report_of_the_site(event, doctor):
    """CLK-03, CLK-04: the first clock stays."""
    event, report = followed_up(event, doctor)
    first, second = event.case_clocks.order_by("pk")
    zone = event.patient.trial.zone
    assert (first.kind, second.kind) == ("susar", "susar_follow_up")
    day_0 = report.sent_at.astimezone(zone).date()
    assert second.due_at.astimezone(zone).date() == day_0 + timedelta(days=15)
    assert second.site_due_at is None
    assert event.case_due_at == first.due_at


def test_each_report_starts_it_again(event, doctor):
    event, _report = followed_up(event, doctor)
    event, _report = followed_up(event, doctor, "The patient is at home.")
    assert set(kinds(event)) == {"susar", "susar_follow_up"}


def test_a_double_click_starts_one_clock(event, doctor):
    for _each in range(2):
        with acting(user=doctor, role="investigator"):
            send_report(
                event=event, narrative="More.", news="More.", version=event.version, by=doctor, save_key="x"
            )
    assert kinds(event) == ["susar", "susar_follow_up"]


@pytest.mark.parametrize(
    ("answers", "judgement", "clocks"),
    [
        ({"grade": 4, "seriousness": frozenset({"life_threatening"})}, {}, ["susar_fatal"]),
        ({}, {"expectedness": "expected"}, []),
        ({}, {"expectedness": "", "reference_version": ""}, []),
    ],
)
def test_a_life_threatening_one_has_its_eight_days_and_what_is_no_susar_has_none(
    patient, doctor, officer, answers, judgement, clocks
):
    """CTR Annex III 2.4."""
    event = with_sponsor(reported(patient, doctor, **answers), officer, **judgement)
    event, _report = followed_up(event, doctor)
    assert kinds(event) == clocks


def test_before_a_case_is_open_nothing_starts(patient, doctor):
    event, _report = followed_up(reported(patient, doctor), doctor)
    assert kinds(event) == []


def test_a_corrected_awareness_leaves_the_clock_of_the_follow_up(event, doctor, officer):
    """CLK-06."""
    event, _report = followed_up(event, doctor)
    with_sponsor(event, officer, sponsor_aware=ago(hours=4), reason="Misread")
    assert kinds(event) == ["susar", "susar_follow_up", "susar"]


def test_the_next_report_to_the_authority_stops_it(event, doctor, officer, dictionary):
    """SAF-12."""
    event = completed(event, officer)
    with acting(user=officer, role="sponsor_safety"):
        send_to_authority(event=event, seen=0, by=officer)
    event, _report = followed_up(event, doctor)
    with acting(user=officer, role="sponsor_safety"):
        send_to_authority(event=event, seen=1, news="A culture grew nothing.", by=officer)
    assert list(CaseDecision.objects.order_by("pk").values_list("clock__kind", "result")) == [
        ("susar", "sent"),
        ("susar_follow_up", "sent"),
    ]


@pytest.mark.parametrize("result", ["sent", "not_reportable"])
def test_all_see_it_whatever_came_of_the_first(event, doctor, officer, result):
    """A.8: the clock tells nothing of the arm."""
    with acting(user=officer, role="sponsor_safety"):
        decide_case(clock=event.case_clocks.get(), result=result, at=ago(hours=1), reason="EV-1", by=officer)
    event, _report = followed_up(event, doctor)
    for role in ("investigator", "monitor", "sponsor_safety"):
        shown = text_of(build.client(build.user(role, trial=event.patient.trial)).get(page(event)))
        assert "New information on a SUSAR: day 15" in shown
