"""The worst grade of each patient on each study day: grade changes, events at once, open ends (SAF-09, SAF-14)."""

from datetime import date

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from audit.context import acting
from patients.models import Patient
from reports.events.courses import GradeSpan, spans_of_event, worst_by_day
from safety.course.grade_changes import change_grade
from tests.support import build
from tests.support.pages.event_forms import text_of

INCLUDED = date(2026, 8, 20)
SPANS = st.builds(
    lambda first, length, grade: GradeSpan(first, first + length, grade),
    st.integers(-5, 20), st.integers(0, 10), st.integers(1, 5),
)  # fmt: skip


class TestSpans:
    def test_a_grade_that_never_changed_holds_from_onset_to_end(self):
        assert spans_of_event([], 3, 7, 2) == [GradeSpan(3, 7, 2)]

    def test_each_grade_holds_until_the_next_one(self):
        assert spans_of_event([(3, 2), (5, 4), (6, 1)], 3, 9, 4) == [
            GradeSpan(3, 5, 2), GradeSpan(5, 6, 4), GradeSpan(6, 9, 1),
        ]  # fmt: skip

    def test_on_the_day_of_a_change_the_higher_grade_counts(self):
        assert worst_by_day(spans_of_event([(3, 2), (5, 4), (6, 1)], 3, 9, 4)) == [
            GradeSpan(3, 4, 2), GradeSpan(5, 6, 4), GradeSpan(7, 9, 1),
        ]  # fmt: skip

    def test_a_milder_event_at_the_same_time_does_not_show(self):
        found = worst_by_day([GradeSpan(0, 10, 1), GradeSpan(2, 3, 3), GradeSpan(12, 12, 2)])
        assert found == [GradeSpan(0, 1, 1), GradeSpan(2, 3, 3), GradeSpan(4, 10, 1), GradeSpan(12, 12, 2)]

    @given(st.lists(SPANS, max_size=6))
    def test_every_day_has_the_worst_grade_of_its_events(self, spans):
        by_day = {day: each.grade for each in worst_by_day(spans) for day in range(each.first, each.last + 1)}
        for day in range(-6, 32):
            grades = [each.grade for each in spans if each.first <= day <= each.last]
            assert by_day.get(day) == (max(grades) if grades else None)


@pytest.fixture
def patient(trial) -> Patient:
    return build.enrolled(trial=trial, on=INCLUDED)


@pytest.fixture
def address(trial) -> str:
    return reverse("reports:event-grades", args=[trial.slug])


def event(patient, **told):
    at = {"onset": build.moment("22-Aug-2026"), "end": build.moment("25-Aug-2026"), "ongoing": "N"}
    return build.event(patient=patient, outcome="recovered", **{**at, **told})


@pytest.mark.django_db
class TestPage:
    def test_the_table_says_what_the_colours_say(self, address, patient, doctor, web):
        made = event(patient, term="Rash", grade=1)
        with acting(user=doctor, role="investigator"):
            change_grade(
                event=made, grade=3, since=build.moment("24-Aug-2026"), by=doctor, version=made.version
            )
        shown = web.get(address)
        assert shown.context["courses"] == [(patient.code, "grade 1 D2–D3; grade 3 D4–D5")]
        assert f'data-tip="{patient.code}: grade 3 from D4 to D5"' in shown.content.decode()
        assert ">3</text>" in shown.content.decode()

    def test_the_filters_of_the_listing_hold(self, address, patient, web):
        event(patient, term="Rash", grade=1)
        event(patient, term="Fever", grade=2)
        shown = web.get(address, {"term": "Rash"})
        assert shown.context["courses"] == [(patient.code, "grade 1 D2–D5")]
        assert web.get(address, {"since": "no day"}).status_code == 400
        assert "No event passes the filters." in text_of(web.get(address, {"grade": "5"}))

    def test_a_patient_without_a_day_0_is_left_out(self, address, trial, web):
        screened = build.patient(trial=trial)
        build.consent(screened)
        build.event(patient=screened, term="Rash")
        assert web.get(address).context["courses"] == []

    @pytest.mark.parametrize("count", [1, 6])
    def test_many_events_take_no_more_queries(self, address, patient, web, count, django_assert_num_queries):
        for number in range(count):
            event(patient, term=f"Event {number}")
        web.get(address)
        with django_assert_num_queries(QUERIES):
            web.get(address)


QUERIES = 8
