"""Events that contradict themselves or another record: they ask, they are stored once confirmed, none is refused."""

from datetime import date, timedelta

import pytest

from audit.context import acting
from patients.models import Patient
from patients.participation.questions import CONFIRMED, Questioned
from protocol.values.moments import Moment
from safety.classification import EventFinding
from safety.contradictions import contradictions
from safety.event_questions import FINDINGS, background_of, dates_of
from safety.models import AdverseEvent
from safety.reporting import amend_event, report_event
from tests.support import build
from tests.support.build import moment
from tests.support.pages.event_forms import day, new, page, text_of, typed
from tests.support.study.refusals import asked, refused

pytestmark = pytest.mark.django_db

INCLUDED = date(2026, 8, 20)
DIED = date(2026, 8, 24)
AWARE = "24-Aug-2026 12:00"
ENDED_BY_DEATH = "The patient died on 24-Aug-2026: "


@pytest.fixture
def patient(trial) -> Patient:
    return build.enrolled(trial=trial, on=INCLUDED)


@pytest.fixture
def dead(patient) -> Patient:
    """A patient whose study ended by death on the 24th."""
    with acting(system="test"):
        Patient.objects.filter(pk=patient.pk).update(state="ended", ended_on=DIED, end_reason="death")
    return Patient.objects.get(pk=patient.pk)


def answers(**changed) -> dict:
    """Return the answers for a fever from the 22nd to the 23rd that is not serious."""
    return {
        "term": "Fever", "onset": moment("22-Aug-2026 10:00"), "ongoing": "N", "end": moment("23-Aug-2026"),
        "grade": 2, "seriousness": frozenset({"none_of_these"}), "causality": "possible", "outcome": "recovered",
        "action_taken": "none", "aesi": "none", **changed,
    }  # fmt: skip


def fatal(**changed) -> dict:
    """Return the answers for an event of which the patient died on the 24th."""
    return answers(
        term="Septic shock", end=moment("24-Aug-2026"), grade=5, outcome="fatal",
        seriousness=frozenset({"results_in_death"}), aware=moment(AWARE), **changed,
    )  # fmt: skip


@pytest.mark.usefixtures("doctor_acts")
class TestDeath:
    @pytest.mark.parametrize(
        ("changed", "sentence"),
        [
            ({"onset": moment("24-Aug-2026 23:59"), "end": moment("24-Aug-2026")}, ""),
            ({"onset": moment("25-Aug-2026 00:00"), "end": moment("25-Aug-2026")}, "the event begins after the death"),
            ({"onset": moment("aug 2026"), "end": moment("23-Aug-2026")}, ""),
            ({"onset": moment("sep 2026"), "end": moment("sep 2026")}, "the event begins after the death"),
            ({"end": moment("24-Aug-2026")}, ""),
            ({"end": moment("25-Aug-2026")}, "the event ends after the death"),
            ({"end": None, "ongoing": "Y", "outcome": "not_recovered"}, "still going on ends on that day"),
        ],
    )  # fmt: skip
    def test_what_lies_surely_after_the_death_asks_and_is_stored_on_confirmation(
        self, dead, doctor, changed, sentence
    ):
        """DAT-08: a partial date asks only if none of its days is possible."""
        call = {"patient": dead, "by": doctor, **answers(**changed)}
        if sentence:
            (question,) = asked(report_event, **call)
            assert question.startswith(ENDED_BY_DEATH)
            assert sentence in question
        assert build.confirming(report_event, **call).number == 1

    def test_the_question_offers_the_date_of_death_for_correction(self, patient, doctor):
        with acting(system="test"):
            patient.visits.filter(code="D7").update(state="held", held_on=DIED)
        died = {"survival_status": "DEAD", "died_on": DIED.isoformat()}
        build.record(patient, "vital_status", died, visit="D7", draft=True)
        late = {"onset": moment("26-Aug-2026"), "end": moment("26-Aug-2026")}
        with pytest.raises(Questioned) as questioned:
            report_event(patient=patient, by=doctor, **answers(**late))

        (question,) = questioned.value.questions
        assert question.url.endswith("/visits/D7/vital_status/?field=died_on#died_on")
        assert question.correct == "Correct the date of death"

    def test_a_fatal_event_ends_on_the_day_of_death(self, dead, doctor):
        call = {"patient": dead, "by": doctor, **fatal()}
        assert asked(report_event, **{**call, "end": moment("23-Aug-2026")}) == [
            f"{ENDED_BY_DEATH}a fatal event ends on that day."
        ]
        assert report_event(**call).number == 1

    def test_a_fatal_event_of_a_patient_whose_study_ended_alive_asks(self, dead, doctor):
        with acting(system="test"):
            Patient.objects.update(end_reason="lost")
        dead.refresh_from_db()
        (question,) = asked(report_event, patient=dead, by=doctor, **fatal())
        assert "the study ended otherwise than by death" in question

    def test_an_event_that_was_not_fatal_asks_nothing_of_a_patient_whose_study_ended_alive(
        self, dead, doctor
    ):
        with acting(system="test"):
            Patient.objects.update(end_reason="lost")
        assert report_event(patient=Patient.objects.get(pk=dead.pk), by=doctor, **answers()).number == 1

    def test_a_fatal_event_that_goes_on_contradicts_its_outcome_alone(self, dead, doctor):
        questions = asked(report_event, patient=dead, by=doctor, **{**fatal(), "ongoing": "Y", "end": None})
        assert questions == [FINDINGS[EventFinding.OUTCOME_DISAGREES_WITH_ONGOING]]

    @pytest.mark.parametrize(
        "sign",
        [{}, {"grade": 5, "outcome": "recovered", "seriousness": frozenset({"life_threatening"})}],
        ids=["all three", "grade 5 alone"],
    )
    def test_a_fatal_event_without_a_recorded_death_asks_and_is_stored_on_confirmation(
        self, patient, doctor, sign
    ):
        """SAF-02: the death may become known later, so it is asked about once and not listed afterwards."""
        call = {"patient": patient, "by": doctor, **fatal(), **sign}
        assert asked(report_event, **call)[-1].startswith("The event is fatal, but no death of this patient")
        with pytest.raises(Questioned) as questioned:
            report_event(**call)
        assert questioned.value.questions[-1].url.endswith("/end/")
        event = build.confirming(report_event, **call)
        assert event.number == 1
        assert "no death" not in " ".join(
            map(str, contradictions(dates_of(event), background_of(patient, "", None)))
        )

    def test_a_recorded_death_asks_nothing_more(self, dead, doctor):
        assert report_event(patient=dead, by=doctor, **fatal()).number == 1

    def test_an_event_that_becomes_fatal_asks_for_the_death(self, patient, doctor):
        """SAF-02: once; a later change of something else does not ask again."""
        event = build.event(patient=patient, by=doctor, onset=moment("22-Aug-2026 10:00"))
        worse = {
            "grade": 5, "outcome": "fatal", "seriousness": frozenset({"results_in_death"}), "ongoing": "N",
            "end": moment("24-Aug-2026"), "aware": moment(AWARE), "serious_aware": moment(AWARE),
        }  # fmt: skip
        call = {"event": event, "changes": worse, "reason": "Died", "version": 1, "by": doctor}
        assert any("no death of this patient" in text for text in asked(amend_event, **call))
        event = build.confirming(amend_event, **call)
        later = {"event": event, "changes": {"description": "x"}, "reason": "Words", "version": event.version}
        assert amend_event(by=doctor, **later).description == "x"

    def test_a_confirmation_covers_only_what_was_shown(self, dead, doctor):
        call = {"patient": dead, "by": doctor, **answers(end=moment("25-Aug-2026"))}
        with pytest.raises(Questioned) as first:
            report_event(**call)
        for changed in ({"end": moment("26-Aug-2026")}, {"grade": 4}):
            with pytest.raises(Questioned):
                report_event(**{**call, **changed}, confirmed=first.value.token)
        assert not AdverseEvent.objects.exists()


@pytest.mark.usefixtures("doctor_acts")
class TestFatalButNotSerious:
    @pytest.mark.parametrize(
        "sign", [{"grade": 5}, {"outcome": "fatal"}, {"grade": 5, "outcome": "fatal"}], ids=str
    )
    def test_it_asks_and_starts_its_clock_from_the_awareness(self, patient, doctor, sign):
        """CLK-01: a fatal event counts as “results in death” for the clock, whatever its criteria say."""
        call = {"patient": patient, "by": doctor, **answers(**sign)}
        assert list(refused(report_event, **call)) == ["aware"]

        call["aware"] = moment(AWARE)
        assert "go together" in asked(report_event, **call)[0]
        event = build.confirming(report_event, **call)
        assert event.due_at == moment(AWARE).earliest + timedelta(hours=24)
        assert list(AdverseEvent.objects.awaiting_report()) == [event]
        assert event.clock().late

    def test_an_event_that_turns_fatal_starts_its_clock_when_the_site_knew(self, patient, doctor):
        """CLK-04."""
        event = report_event(patient=patient, by=doctor, **answers(aware=moment("22-Aug-2026 12:00")))
        changes = {"grade": 5, "outcome": "fatal", "end": moment("24-Aug-2026")}
        call = {"event": event, "reason": "Died", "version": 1, "by": doctor}
        assert list(refused(amend_event, **call, changes=changes)) == ["serious_aware"]

        changes["serious_aware"] = moment(AWARE)
        event = build.confirming(amend_event, **call, changes=changes)
        assert event.due_at == moment(AWARE).earliest + timedelta(hours=24)

    def test_the_criterion_added_later_keeps_the_clock(self, patient, doctor):
        event = build.confirming(
            report_event, patient=patient, by=doctor, **answers(grade=5, aware=moment(AWARE))
        )
        due = event.due_at
        changes = {"seriousness": frozenset({"results_in_death"}), "outcome": "fatal"}
        event = build.confirming(
            amend_event, event=event, changes=changes, reason="Corrected", version=1, by=doctor
        )
        assert (event.due_at, event.serious_aware) == (due, "")

    def test_the_database_refuses_a_fatal_event_without_a_clock(self, patient, doctor):
        event = build.confirming(report_event, patient=patient, by=doctor, **fatal())
        with pytest.raises(Exception, match="serious_event_has_a_clock"):
            AdverseEvent.objects.filter(pk=event.pk).update(
                none_of_these=True, results_in_death=False, due_at=None
            )


@pytest.mark.usefixtures("doctor_acts")
class TestTheSameEventTwice:
    @pytest.mark.parametrize(
        ("changed", "is_same"),
        [
            ({}, True),
            ({"term": "  FE ver "}, True),
            ({"grade": 1}, True),
            ({"term": "Fevers"}, False),
            ({"onset": moment("22-Aug-2026 10:01")}, False),
        ],
    )
    def test_the_same_term_with_the_same_onset_asks(self, patient, doctor, changed, is_same):
        report_event(patient=patient, by=doctor, **answers())
        call = {"patient": patient, "by": doctor, **answers(**changed)}
        if is_same:
            (question,) = asked(report_event, **call)
            assert question.startswith("AE 1 has the same term and the same onset")
        assert build.confirming(report_event, **call).number == 2

    def test_the_event_of_another_patient_is_another(self, patient, doctor):
        report_event(patient=patient, by=doctor, **answers())
        assert report_event(patient=build.neighbour(patient), by=doctor, **answers()).number == 1

    def test_what_was_confirmed_is_not_asked_again_by_another_change(self, patient, doctor):
        report_event(patient=patient, by=doctor, **answers())
        event = build.confirming(report_event, patient=patient, by=doctor, **answers())
        amended = amend_event(event=event, changes={"grade": 3}, reason="Seen", version=1, by=doctor)
        assert amended.grade == 3


class TestThePage:
    def test_what_was_typed_stays_and_the_box_stores_it(self, web, patient):
        posted = typed(patient, onset="01-Jan-2019", end=day(patient, 2), description="Kept <b>text</b>")
        response = web.post(new(patient), posted)

        assert response.status_code == 422
        assert not AdverseEvent.objects.exists()
        assert "Nothing is saved yet: check one thing first" in text_of(response)
        assert "Kept &lt;b&gt;text&lt;/b&gt;" in response.content.decode()
        token = response.context["form"].token
        assert f'type="checkbox" name="{CONFIRMED}" value="{token}"' in response.content.decode()
        assert web.post(new(patient), {**posted, CONFIRMED: "x"}).status_code == 422
        assert web.post(new(patient), {**posted, CONFIRMED: token}).status_code == 302

    def test_the_page_of_the_event_says_it_for_ever(self, web, patient):
        event = build.event(patient=patient, onset=Moment.from_date(date(2019, 1, 1)))
        assert "began before the consent" in text_of(web.get(page(event)))

    def test_a_change_that_contradicts_asks_on_its_page(self, web, patient, doctor):
        event = build.event(patient=patient, by=doctor)
        posted = {
            **typed(patient, onset="01-Jan-2019", ongoing="Y", end="", outcome="recovering"),
            "version": "1", "reason": "correction", "reason_text": "",
        }  # fmt: skip
        response = web.post(page(event, "amend"), posted)
        assert response.status_code == 422
        assert "before the consent" in text_of(response)
        posted[CONFIRMED] = response.context["form"].token
        assert web.post(page(event, "amend"), posted).status_code == 302
