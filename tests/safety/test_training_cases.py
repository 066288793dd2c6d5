"""The training data have cases of drug safety, alike for everybody else (A.8)."""

from datetime import timedelta

import pytest

from audit.context import acting
from demo.adverse_events import report
from demo.cases import follow_cases
from demo.patients import Populator
from demo.people import make_people
from demo.stories import THROMBOSIS
from dosing.allocation.slots import arm_of
from safety.dictionaries.models import EventCoding
from safety.models import AdverseEvent, CaseClock, CaseDecision
from safety.sponsor.case_clocks import undecided
from tests.support import build

pytestmark = pytest.mark.django_db


def populated(trial) -> None:
    """Include patients until both arms have one, report a thrombosis, and let drug safety work."""
    with acting(system="test"):
        people = make_people([trial], build.PASSWORD)
    on = trial.today - timedelta(days=40)
    patients = [
        build.enrolled(trial=trial, on=on, investigator=people["investigator"]) for _number in range(4)
    ]
    populator = Populator(trial, people, build.PASSWORD, seed=20)
    report(populator, patients[0], THROMBOSIS, on)
    follow_cases(populator)


@pytest.mark.parametrize(
    ("slug", "results"), [(build.COVID_MSV, ["not_reportable", "sent"]), (build.LIEGE, ["sent"] * 2)]
)
def test_a_report_with_follow_up_an_overdue_clock_and_a_coded_term(slug, results):
    """CLK-01, SAF-10, SAF-12."""
    trial = build.trial(slug)
    populated(trial)
    decisions = CaseDecision.objects.select_related("clock__event__patient")
    assert sorted(each.result for each in decisions) == results
    for each in decisions:
        assert (each.follow_up_sent_at is not None) is (each.result == "sent")
        if trial.masked:
            assert arm_of(each.clock.event.patient).cells is (each.result == "sent")
    assert [clock.event.term for clock in undecided(CaseClock.objects.all())] == ["Deep vein thrombosis"]
    assert EventCoding.objects.get().name == "Thromboembolic event"
    reported = AdverseEvent.objects.filter(term="Atrial fibrillation")
    assert [[str(report) for report in event.reports.all()] for event in reported] == [["initial", "FU1"]] * 2
