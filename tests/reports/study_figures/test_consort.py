"""The flow of people: from the pre-screening log to the analysis, and by arm only for who may know the arms."""

from collections import defaultdict

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.context import acting
from audit.models import AccessEvent
from dosing.allocation.lists import generate_list
from patients.models import Patient
from patients.participation.logs.prescreening import PrescreeningFacts, add_prescreening
from reports.figures.flow import FlowBox, FlowStep, flow_diagram
from reports.figures.shapes import Words
from reports.study_figures import consort
from reports.study_figures.contract import CodedCell, FigureView
from tests.support import build
from tests.support.study import bedside
from tests.support.study.bedside import INCLUDED
from trials.access import access_to
from trials.roles import ROLES

pytestmark = pytest.mark.django_db


def drawn(reader, trial, language: str = "en"):
    access = access_to(user=reader, slug=trial.slug)
    return consort.draw(FigureView(access, language, timezone.now()))


def counts(figure) -> dict[tuple[str, str | None, str | None], int]:
    """Return the numbers by step, arm and reason."""
    return {
        (step.code, arm, reason.code if isinstance(reason, CodedCell) else reason): people
        for step, arm, reason, people in figure.table.rows
    }


def considered(trial, outcome: str, reason: str, people: int) -> None:
    nurse = build.user("coordinator", trial=trial)
    facts = PrescreeningFacts(
        considered_on=trial.today, people=people, outcome=outcome, reason=reason, note=""
    )
    with acting(user=nurse, role="coordinator", origin="web"):
        add_prescreening(trial=trial, facts=facts, by=nurse)


def failed(trial, reason: str) -> None:
    patient = build.patient(trial=trial)
    with acting(system="test"):
        Patient.objects.filter(pk=patient.pk).update(
            state="screen_failed", failed_on=trial.today, failure_reason=reason
        )


@pytest.fixture
def masked():
    """The masked trial with a person in each role, and two patients included, one in each arm."""
    trial = build.trial(build.COVID_MSV)
    staff = {role: build.user(role, trial=trial) for role in ROLES}
    with acting(system="test"):
        generate_list(trial=trial, by=None, seed="known")
    for _arm in range(2):
        build.enrolled(trial=trial, on=INCLUDED, investigator=staff["investigator"])
    return trial, staff


def test_the_flow_begins_with_the_pre_screening_log(trial):
    """OUT-07: considered = not approached + declined + screened; reasons of each."""
    considered(trial, "not_approached", "criteria", 12)
    considered(trial, "not_approached", "no_staff", 3)
    considered(trial, "declined", "burden", 4)
    failed(trial, "Creatinine  too high")
    failed(trial, "creatinine too high")
    failed(trial, "Withdrew")
    build.patient(trial=trial)
    figure = drawn(build.user("coordinator", trial=trial), trial)
    found = counts(figure)
    assert found["considered", None, None] == 12 + 3 + 4 + 4
    assert found["not_approached", None, None] == 15
    assert found["not_approached", None, "criteria"] == 12
    assert found["declined", None, "burden"] == 4
    assert found["screened", None, None] == 4
    assert found["screen_failed", None, None] == 3
    # Typed twice with other spaces and letters: one reason, as it was first typed.
    assert found["screen_failed", None, "Creatinine too high"] == 2
    assert found["in_screening", None, None] == 1
    assert found["included", None, None] == 0
    texts = [each.text for each in figure.drawings[0].figure.shapes if isinstance(each, Words)]
    assert "Not screened (n = 19)" in texts
    assert "– A criterion was clearly not met (n = 12)" in texts


def test_more_typed_reasons_than_a_box_holds_are_counted_together(trial):
    for number in range(consort.MOST_REASONS + 2):
        failed(trial, f"Reason {number}")
    found = counts(drawn(build.user("coordinator", trial=trial), trial))
    assert found["screen_failed", None, "other_reasons"] == 2
    assert sum(people for (step, _arm, why), people in found.items() if step == "screen_failed" and why) == 8


def test_the_flow_counts_infused_followed_and_analysed_patients(trial):
    """OUT-07: one infused and in follow-up, one dead before an infusion, one lost."""
    doctor = build.user("investigator", trial=trial)
    nurse = build.user("coordinator", trial=trial)
    infused, dead, lost = (build.enrolled(trial=trial, on=INCLUDED, investigator=doctor) for _ in range(3))
    with acting(user=nurse, role="coordinator", origin="web"):
        bedside.give(infused, 1, bedside.on("10-Mar-2026"), nurse)
    with acting(system="test"):
        for patient, reason in ((dead, "death"), (lost, "lost")):
            Patient.objects.filter(pk=patient.pk).update(state="ended", ended_on=INCLUDED, end_reason=reason)
    found = counts(drawn(doctor, trial))
    assert found["included", None, None] == 3
    assert (found["infused", None, None], found["infused", None, "none"]) == (1, 2)
    assert found["followed", None, None] == 2
    assert [found["followed", None, each] for each in ("ongoing", "completed", "death")] == [1, 0, 1]
    # Who left is no part of those who were followed up: the lines of the box add up to its heading.
    assert [found["left", None, each] for each in (None, "lost", "withdrawal")] == [1, 1, 0]
    texts = [each.text for each in drawn(doctor, trial).drawings[0].figure.shapes if isinstance(each, Words)]
    at = texts.index("Followed up (n = 2)")
    assert texts[at + 2 : at + 5] == [
        "Death (n = 1)",
        "Left the study early (n = 1)",
        "– Lost to follow-up (n = 1)",
    ]
    # No event: the first primary outcome of the trial is known to be absent in each.
    assert found["analysed", None, None] == 3
    # The trial has no allocation.
    assert not any(step == "allocated" for step, _arm, _reason in found)


@pytest.mark.parametrize(
    "role", ["investigator", "cell_laboratory", "sponsor_safety", "blinded_statistician"]
)
def test_a_reader_who_may_not_know_how_the_arms_do_sees_one_column(masked, role):
    """BLD-01, OUT-07: neither does the laboratory, which knows the arm of each patient."""
    trial, staff = masked
    figure = drawn(staff[role], trial)
    found = counts(figure)
    assert found["included", None, None] == 2
    assert not any(step == "allocated" for step, _arm, _reason in found)
    assert {arm for _step, arm, _reason in found} == {None}
    assert not figure.treatment


def test_by_arm_the_file_says_unblinded_and_the_reading_is_recorded(masked):
    """BLD-01, AUD-08."""
    trial, staff = masked
    figure = drawn(staff["statistician"], trial)
    by_arm = defaultdict(int)
    for (step, arm, reason), people in counts(figure).items():
        if step == "allocated" and reason is None:
            by_arm[arm] += people
    assert by_arm == {"cells": 1, "placebo": 1}
    browser = build.client(staff["statistician"])
    before = AccessEvent.objects.filter(kind="treatment_seen").count()
    page = browser.get(reverse("reports:figure", args=[trial.slug, "consort"]))
    assert "UNBLINDED" in page.content.decode()
    assert AccessEvent.objects.filter(kind="treatment_seen").count() > before
    for kind in ("svg", "png", "csv"):
        answer = browser.get(reverse(f"reports:figure-{kind}", args=[trial.slug, "consort"]))
        assert f'filename="UNBLINDED-consort.{kind}"' in answer["Content-Disposition"]
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        assert kind == "png" or b"UNBLINDED" in content
    sent = AccessEvent.objects.filter(detail__channel="figure").order_by("pk")
    assert {each.see for each in sent} == {"see_treatment"}


def test_a_column_for_each_arm_stands_below_one_box():
    """OUT-07: the arrow divides."""
    one = FlowBox(title="Included (n = 2)", tip="Included (n = 2)")
    figure = flow_diagram(
        [
            FlowStep(boxes=[one]),
            FlowStep(boxes=[one], side=FlowBox(title="Left", lines=["word " * 30], tip="Left")),
            FlowStep(boxes=[one, one, one]),
        ],
        "Flow",
    )
    boxes = [each for each in figure.shapes if getattr(each, "css", "") == "box"]
    assert len(boxes) == 6
    assert not any(one.box.overlaps(other.box) for at, one in enumerate(boxes) for other in boxes[at + 1 :])
    assert all(figure.box.holds(each.box, slack=1) for each in figure.shapes)
