"""Adverse events are stored once and in order, with a clock; they are amended with a reason and never deleted."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from safety.classification import Class, EventFinding
from safety.event_questions import FINDINGS
from safety.models import AdverseEvent
from safety.reporting import StaleEvent, amend_event, mark_entered_in_error, report_event
from tests.support import build
from tests.support.build import moment
from tests.support.study.bedside import NOW
from tests.support.study.refusals import asked, refused
from tests.support.study.reported_events import (
    IN_HOSPITAL,
    NOT_SERIOUS,
    amend_event_as,
    consented_patient,
    event_answers,
    serious_answers,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day", "doctor_acts")]


@pytest.fixture
def patient(trial, known_day):
    return consented_patient(trial)


class TestReporting:
    def test_events_of_a_patient_are_numbered_from_one(self, trial, patient, doctor):
        other = build.patient(trial=trial)
        build.consent(other)
        terms = ("Fever", "Cough", "Rash")
        numbers = [
            report_event(patient=patient, by=doctor, **event_answers(term=each)).number for each in terms
        ]

        assert numbers == [1, 2, 3]
        assert build.event(patient=other).number == 1

    def test_answers_are_stored_as_given(self, patient, doctor):
        """DAT-10: verbatim term, onset with time zone, partial end; nothing is imputed."""
        event = report_event(
            patient=patient,
            by=doctor,
            **event_answers(
                term="  Fièvre = 39,5 °C ", onset=moment("12-Mar-2026 18:30"), end=moment("mar 2026")
            ),
        )
        event.refresh_from_db()

        assert event.term == "Fièvre = 39,5 °C"
        assert (event.onset, event.end) == ("2026-03-12T18:30+01:00[Europe/Brussels]", "2026-03")
        assert event.onset_earliest == event.onset_latest == datetime(2026, 3, 12, 17, 30, tzinfo=UTC)
        assert event.end_earliest == datetime(2026, 2, 28, 23, 0, tzinfo=UTC)
        assert event.end_latest == datetime(2026, 3, 31, 21, 59, tzinfo=UTC)
        assert event.trial_id == patient.trial_id

    @pytest.mark.parametrize(
        ("seriousness", "causality", "expected"),
        [
            (NOT_SERIOUS, "unlikely", Class.AE),
            (NOT_SERIOUS, "", Class.AR),
            (IN_HOSPITAL, "unrelated", Class.SAE),
            (IN_HOSPITAL, "probable", Class.SAR),
            (IN_HOSPITAL, "", Class.SAR),
        ],
    )
    def test_the_stored_row_is_classified_as_its_answers_are(
        self, patient, doctor, seriousness, causality, expected
    ):
        """Database and Python derive the same class."""
        answers = (
            serious_answers(causality=causality)
            if seriousness == IN_HOSPITAL
            else event_answers(causality=causality)
        )
        event = report_event(patient=patient, by=doctor, **answers)
        event.refresh_from_db()

        assert event.classification is expected
        assert event.serious == (expected in {Class.SAE, Class.SAR})
        assert event.related == (expected in {Class.AR, Class.SAR})

    @pytest.mark.parametrize(
        "name", ["term", "onset", "ongoing", "grade", "seriousness", "outcome", "action_taken", "aesi"]
    )
    def test_a_blank_answer_is_refused_and_never_taken_for_no(self, patient, doctor, name):
        """SAF-01, DAT-02."""
        answers = event_answers()
        del answers[name]
        assert name in refused(report_event, patient=patient, by=doctor, **answers)
        assert not AdverseEvent.objects.exists()

    def test_only_the_causality_may_wait_for_the_investigator(self, patient, doctor):
        """SAF-04: until then the event counts as related and has a finding."""
        event = report_event(patient=patient, by=doctor, **event_answers(causality=""))

        assert event.findings == (EventFinding.CAUSALITY_MISSING,)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("grade", 0),
            ("grade", 6),
            ("causality", "certainly"),
            ("outcome", "better"),
            ("aesi", "HEADACHE"),
            ("action_taken", "prayed"),
            ("ongoing", "perhaps"),
            ("term", "x" * 201),
            ("seriousness", frozenset({"none_of_these", "disability"})),
            ("seriousness", frozenset({"severe"})),
        ],
    )
    def test_an_answer_that_was_not_offered_is_refused(self, patient, doctor, name, value):
        assert name in refused(report_event, patient=patient, by=doctor, **event_answers(**{name: value}))

    def test_a_double_click_saves_once(self, patient, doctor):
        """REL-13."""
        first = report_event(patient=patient, by=doctor, save_key="one form", **event_answers())
        second = report_event(patient=patient, by=doctor, save_key="one form", **event_answers())

        assert first == second
        assert AdverseEvent.objects.count() == 1

    def test_a_locked_patient_gets_no_new_event(self, patient, doctor):
        """P11-06."""
        patient.locked_at = NOW
        patient.save(update_fields=["locked_at"])

        assert "locked" in refused(report_event, patient=patient, by=doctor, **event_answers())[""][0]


class TestOrderInTime:
    """DAT-08, TIM: a partial date is refused only if none of its possible days is valid."""

    def test_an_event_without_a_consent_asks_and_is_stored_once_it_is_confirmed(self, trial, doctor):
        nobody = build.patient(trial=trial, screened_on=NOW.date() - timedelta(days=5))
        (question,) = asked(report_event, patient=nobody, by=doctor, **event_answers())

        assert "There is no consent yet" in question
        assert build.confirming(report_event, patient=nobody, by=doctor, **event_answers()).number == 1

    @pytest.mark.parametrize(
        ("onset", "taken"),
        [
            ("10-Mar-2026 08:59", False),
            ("10-Mar-2026 09:00", True),
            ("10-Mar-2026", True),
            ("09-Mar-2026", False),
            ("mar 2026", True),
            ("feb 2026", False),
            ("2026", True),
            ("2025", False),
        ],
    )
    def test_an_event_that_surely_began_before_the_consent_asks(self, patient, doctor, onset, taken):
        answers = event_answers(onset=moment(onset), ongoing="Y", end=None, outcome="recovering")
        if taken:
            assert report_event(patient=patient, by=doctor, **answers).number == 1
        else:
            (question,) = asked(report_event, patient=patient, by=doctor, **answers)
            assert "medical history" in question
            assert build.confirming(report_event, patient=patient, by=doctor, **answers).number == 1

    @pytest.mark.parametrize(
        ("onset", "end", "taken"),
        [
            ("12-Mar-2026 18:30", "12-Mar-2026 18:30", True),
            ("12-Mar-2026 18:30", "12-Mar-2026 18:29", False),
            ("12-Mar-2026 18:30", "12-Mar-2026", True),
            ("12-Mar-2026", "11-Mar-2026", False),
            ("12-Mar-2026", "12-Mar-2026", True),
            ("mar 2026", "11-Mar-2026", True),
            ("12-Mar-2026", "mar 2026", True),
            ("12-Mar-2026", "feb 2026", False),
            ("mar 2026", "2026", True),
        ],
    )
    def test_the_end_is_not_before_the_onset_as_far_as_is_known(self, patient, doctor, onset, end, taken):
        answers = event_answers(onset=moment(onset), end=moment(end))
        if taken:
            assert report_event(patient=patient, by=doctor, **answers).end == moment(end).iso
        else:
            assert (
                "before the onset" in refused(report_event, patient=patient, by=doctor, **answers)["end"][0]
            )

    def test_an_ongoing_event_has_no_end_and_one_that_is_over_has(self, patient, doctor):
        still = event_answers(ongoing="Y", end=moment("13-Mar-2026"))
        over = event_answers(ongoing="N", end=None)

        assert "end" in refused(report_event, patient=patient, by=doctor, **still)
        assert "a year is enough" in refused(report_event, patient=patient, by=doctor, **over)["end"][0]

    @pytest.mark.parametrize("name", ["onset", "end", "aware"])
    def test_nothing_happened_in_the_future(self, patient, doctor, name):
        answers = (
            serious_answers(**{name: moment("30-Mar-2026 12:01")})
            if name != "aware"
            else {**serious_answers(), "aware": moment("30-Mar-2026 12:01")}
        )
        assert "not come yet" in refused(report_event, patient=patient, by=doctor, **answers)[name][0]


class TestAmending:
    def test_a_change_keeps_who_when_why_and_the_old_value(self, patient, doctor):
        """AUD-02, AUD-04."""
        event = report_event(patient=patient, by=doctor, **event_answers())
        amend_event_as(event, doctor, reason="Correction of an entry error", grade=3)
        last, first = event.history.order_by("-history_id")

        assert (first.grade, last.grade) == (2, 3)
        assert str(last.history_change_reason) == "Correction of an entry error"
        assert (last.history_full_name, last.history_role) == (doctor.full_name, "investigator")

    @pytest.mark.parametrize("reason", ["", "  \n"])
    def test_a_change_without_a_reason_is_refused(self, patient, doctor, reason):
        """AUD-04."""
        event = report_event(patient=patient, by=doctor, **event_answers())
        answer = refused(amend_event, event=event, changes={"grade": 3}, reason=reason, version=1, by=doctor)
        event.refresh_from_db()

        assert list(answer) == ["reason"]
        assert event.grade == 2

    def test_the_slower_of_two_people_sees_the_conflict_and_nothing_is_overwritten(self, patient, doctor):
        """DAT-11."""
        event = report_event(patient=patient, by=doctor, **event_answers())
        amend_event_as(event, doctor, grade=3)

        with pytest.raises(StaleEvent) as stale:
            amend_event(event=event, changes={"grade": 4}, reason="Seen", version=1, by=doctor)
        assert stale.value.event.grade == 3
        assert str(stale.value) == f"{event} is now at version 2"

    def test_the_rules_hold_for_a_change_as_for_a_report(self, patient, doctor):
        event = report_event(patient=patient, by=doctor, **event_answers())
        answer = refused(
            amend_event,
            event=event,
            changes={"end": moment("11-Mar-2026")},
            reason="Seen",
            version=1,
            by=doctor,
        )
        assert list(answer) == ["end"]

    def test_a_change_that_changes_nothing_is_refused(self, patient, doctor):
        event = report_event(patient=patient, by=doctor, **event_answers())
        answer = refused(
            amend_event, event=event, changes=event_answers(), reason="Seen", version=1, by=doctor
        )
        assert "Nothing was changed" in answer[""][0]


class TestEnteredInError:
    def test_the_event_stays_with_its_reason_and_counts_no_more(self, patient, doctor):
        """SAF-09."""
        event = report_event(patient=patient, by=doctor, **serious_answers())
        event = mark_entered_in_error(event=event, reason="Other patient", version=1, by=doctor)

        assert list(AdverseEvent.objects.all()) == [event]
        assert not AdverseEvent.objects.not_in_error().exists()
        assert event.clock() is None
        assert event.findings == ()

    def test_it_can_no_longer_be_changed(self, patient, doctor):
        event = report_event(patient=patient, by=doctor, **event_answers())
        event = mark_entered_in_error(event=event, reason="Twice", version=1, by=doctor)
        answer = refused(amend_event, event=event, changes={"grade": 1}, reason="Seen", version=2, by=doctor)
        assert "entered in error" in answer[""][0]

    def test_its_number_is_not_used_again(self, patient, doctor):
        event = report_event(patient=patient, by=doctor, **event_answers())
        mark_entered_in_error(event=event, reason="Twice", version=1, by=doctor)

        assert report_event(patient=patient, by=doctor, **event_answers()).number == 2

    def test_an_adverse_event_is_never_deleted(self, patient, doctor):
        """SAF-09: the database refuses it on every path."""
        event = report_event(patient=patient, by=doctor, **event_answers())

        with pytest.raises(Exception, match=r"(?i)delet|struck|error"), transaction.atomic():
            event.delete()
        with pytest.raises(Exception, match=r"(?i)delet|struck|error"), transaction.atomic():
            AdverseEvent.objects.filter(pk=event.pk).delete()
        assert AdverseEvent.objects.filter(pk=event.pk).exists()


@pytest.mark.parametrize(
    "change",
    [
        {"none_of_these": True, "disability": True},
        {"none_of_these": False},
        {"grade": 6},
        {"ongoing": "Y", "end": "2026"},
        {"ongoing": "N", "end": ""},
        {"none_of_these": False, "disability": True, "due_at": None},
    ],
    ids=str,
)
def test_the_database_refuses_a_contradiction_by_any_write_path(patient, doctor, change):
    event = report_event(patient=patient, by=doctor, **event_answers())

    with pytest.raises(IntegrityError), transaction.atomic():
        AdverseEvent.objects.filter(pk=event.pk).update(**change)


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ({"grade": 5}, EventFinding.DEATH_DISAGREES),
        ({"outcome": "fatal"}, EventFinding.DEATH_DISAGREES),
        ({"grade": 4}, EventFinding.GRADE_4_WITHOUT_CRITERION),
        ({"outcome": "not_recovered"}, EventFinding.OUTCOME_DISAGREES_WITH_ONGOING),
    ],
)
def test_answers_that_do_not_fit_each_other_are_asked_about_not_refused(patient, doctor, answers, found):
    """SAF-02."""
    answers = event_answers(aware=moment("13-Mar-2026 08:00"), **answers)
    assert FINDINGS[found] in asked(report_event, patient=patient, by=doctor, **answers)
    assert found in build.confirming(report_event, patient=patient, by=doctor, **answers).findings
