"""Questions about records that also read the infusions and the adverse events of the patient (ASK-01)."""

import csv
import io
from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.context import acting
from patients.models import Record, Visit
from reports.models import OwnQuestion
from safety.reporting import mark_entered_in_error
from tests.support import build
from tests.support.pages.event_forms import text_of
from tests.support.study.bedside import give, on
from tests.support.study.reported_events import IN_HOSPITAL

pytestmark = pytest.mark.django_db
COURSE = [
    "patient.infusions", "patient.days_since_infusion", "patient.events", "patient.serious_events",
    "patient.worst_grade",
]  # fmt: skip


def seen(patient, day: date) -> Record:
    """Return vital signs at the visit of day 7, held on a day."""
    visit = patient.visits.get(code="D7")
    with acting(system="test"):
        Visit.objects.filter(pk=visit.pk).update(state="held", held_on=day)
        return Record.objects.create(
            patient=patient, protocol=patient.protocol, form="vitals", visit=visit, state="draft", values={"hr": "70"}
        )  # fmt: skip


@pytest.fixture
def treated(trial, doctor):
    """A patient infused on 10 March, seen on 12 March, with a serious event of grade 4 and one of grade 2."""
    patient = build.enrolled(trial=trial, on=date(2026, 3, 10), investigator=doctor)
    with acting(user=doctor, role="investigator"):
        give(patient, 1, on("10-Mar-2026"), doctor)
    at = build.moment("14-Mar-2026 20:00")
    build.event(patient=patient, grade=4, seriousness=IN_HOSPITAL, onset=at, aware=at, causality="possible")
    build.event(patient=patient, grade=2, onset=at)
    return seen(patient, date(2026, 3, 12))


@pytest.fixture
def untreated(treated):
    """Another included patient, seen on the same day: neither infused nor with an event."""
    return seen(build.neighbour(treated.patient), date(2026, 3, 12))


@pytest.fixture
def monitor(trial):
    return build.client(build.user("monitor", trial=trial))


def saved(trial, monitor, condition: str, *columns: str) -> str:
    """Save a question about the vital signs and return the address of its answers."""
    place = reverse("reports:own-question-new", args=[trial.slug])
    fields = {"name": f"Question {OwnQuestion.objects.count()}", "condition": condition, "columns": columns}
    answer = monitor.post(f"{place}?form=vitals", fields)
    assert answer.status_code == 302, answer.context["form"].errors
    return answer["Location"]


def answers(monitor, address: str, **query: str) -> list[int]:
    return [row.object.pk for row in monitor.get(address, query).context["listing"].rows]


@pytest.mark.parametrize(
    "condition",
    [
        "count(subject.events) == 2",
        "count(subject.events.filter(event, event.serious)) >= 1",
        "subject.events.exists(event, event.grade >= 3 && event.related)",
        "subject.events.exists(one, one.grade == 4) && !subject.events.exists(other, other.grade > 4)",
        "subject.events.all(event, within_days(subject.first_infusion_on, event.onset, 0, 4))",
        "count(subject.infusions) == 1",
        "subject.infusions.exists(given, days(given.started_at, visit.on) == 2)",
        "subject.infusions.exists(given, given.number == 1 && within_days(given.started_at, visit.on, 0, 3))",
    ],
)
def test_numbers_grades_and_days_of_the_course_are_asked(trial, monitor, treated, untreated, condition):
    address = saved(trial, monitor, f"({condition}) && count(subject.events) > 0")
    assert answers(monitor, address) == [treated.pk]
    assert answers(monitor, address, answer="undecided") == []


@pytest.mark.parametrize(
    "condition",
    ["!subject.events.exists(event, event.serious)", "count(subject.infusions) == 0", "count(subject.events) < 2"],
)  # fmt: skip
def test_who_has_no_event_and_no_infusion_is_known_to_have_none(
    trial, monitor, treated, untreated, condition
):
    """An empty log may not be filled in yet; events and infusions are those that there are."""
    address = saved(trial, monitor, condition)
    assert answers(monitor, address) == [untreated.pk]


def test_a_causality_that_is_not_assessed_leaves_the_question_open(trial, monitor, treated, untreated):
    with acting(system="test"):
        treated.patient.adverse_events.update(causality="")
    address = saved(trial, monitor, "subject.events.exists(event, event.related)")
    assert answers(monitor, address) == []
    assert answers(monitor, address, answer="undecided") == [treated.pk]


def test_an_event_that_is_reported_or_struck_out_is_in_the_answers_at_once(
    trial, monitor, treated, untreated, doctor
):
    """ASK-02."""
    address = saved(trial, monitor, "subject.events.exists(event, event.grade >= 4)")
    assert answers(monitor, address) == [treated.pk]
    build.event(patient=untreated.patient, grade=4, seriousness=IN_HOSPITAL,
                aware=build.moment("15-Mar-2026 20:00"), onset=build.moment("15-Mar-2026 19:00"))  # fmt: skip
    assert answers(monitor, address) == [treated.pk, untreated.pk]
    event = treated.patient.adverse_events.get(grade=4)
    with acting(user=doctor, role="investigator"):
        mark_entered_in_error(event=event, reason="Another patient", by=doctor, version=event.version)
    assert answers(monitor, address) == [untreated.pk]


def test_the_course_stands_in_columns_beside_the_items(trial, monitor, treated, untreated):
    address = saved(trial, monitor, "hr > 1", "hr", *COURSE)
    content = monitor.get(address, {"format": "csv"}).getvalue().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content)))
    assert [[row[name] for name in ("item.hr", *COURSE)] for row in rows] == [
        ["70", "1", "2", "2", "1", "4"],
        ["70", "0", "", "0", "0", ""],
    ]
    assert "Days since the last infusion" in text_of(monitor.get(address))


def test_the_columns_of_the_course_take_two_queries_whatever_the_number(trial, monitor, treated, untreated):
    """REL-14."""
    counted = []
    for columns in (["hr"], ["hr", *COURSE]):
        address = saved(trial, monitor, "hr > 1", *columns)
        monitor.get(address)
        with CaptureQueriesContext(connection) as captured:
            monitor.get(address)
        counted.append(len(captured))
    assert counted[1] - counted[0] == 2


def test_the_page_names_the_columns_of_the_rows(trial, monitor):
    page = monitor.get(reverse("reports:own-question-new", args=[trial.slug]), {"form": "vitals"})
    beside = {each.name: each for each in page.context["names"].beside}
    assert beside["subject.events"].codes[:3] == ("term", "onset", "grade")
    assert beside["subject.infusions"].codes == ("number", "started_at", "ended_at")
