"""The whole life of an event: grades over time, links, kinds of their own, other causes, times of a report."""

import re
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.context import acting
from audit.models import Meaning, Signature
from patients.participation.questions import Questioned
from protocol.values.moments import Moment
from safety.course.grade_changes import change_grade, strike_out_grade
from safety.course.links import link_event, strike_out_link, targets_of
from safety.models import AdverseEvent, EventGrade, EventLink
from safety.reporting import StaleEvent, amend_event, report_to_sponsor, review_events
from tests.support import build
from tests.support.pages.event_forms import day, new, page, text_of, typed

pytestmark = pytest.mark.django_db


def ago(**length: int) -> Moment:
    return Moment.from_datetime(timezone.now() - timedelta(**length), "Europe/Brussels")


@pytest.fixture
def event(patient, doctor):
    return build.event(patient=patient, by=doctor, grade=2, onset=ago(days=5))


def graded(event, doctor, grade, since=None, **more) -> EventGrade:
    event.refresh_from_db()
    given = {"version": event.version, **more}
    with acting(user=doctor, role="investigator"):
        return change_grade(event=event, grade=grade, since=since or ago(days=2), by=doctor, **given)


def again(event) -> AdverseEvent:
    return AdverseEvent.objects.get(pk=event.pk)


def place(event, name: str, *more: int) -> str:
    return reverse(f"safety:{name}", args=[event.patient.trial.slug, event.patient.code, event.number, *more])


class TestGrades:
    def test_each_grade_is_a_dated_row_and_the_event_keeps_the_worst(self, event, doctor):
        """SAF-09."""
        graded(event, doctor, 3)
        graded(event, doctor, 1, ago(days=1))

        assert list(event.grades.values_list("number", "grade")) == [(1, 2), (2, 3), (3, 1)]
        assert event.grades.first().since == event.onset
        assert again(event).grade == 3

    def test_a_partial_date_is_kept_as_it_is(self, event, doctor):
        """DAT-05."""
        since = Moment.from_iso(f"{timezone.now():%Y-%m}")
        assert graded(event, doctor, 3, since).since == since.iso

    @pytest.mark.parametrize(
        ("grade", "since", "field"),
        [
            (2, None, "grade"),
            (6, None, "grade"),
            (0, None, "grade"),
            (3, Moment.from_iso("2020-01-01"), "since"),
            (3, Moment.from_iso("2031-01-01"), "since"),
        ],
    )
    def test_an_impossible_grade_is_refused(self, event, doctor, grade, since, field):
        with pytest.raises(ValidationError) as refused:
            graded(event, doctor, grade, since)
        assert list(refused.value.message_dict) == [field]
        assert not EventGrade.objects.exists()

    def test_a_grade_after_the_end_is_refused(self, patient, doctor):
        event = build.event(
            patient=patient,
            by=doctor,
            grade=2,
            onset=ago(days=5),
            ongoing="N",
            end=ago(days=4),
            outcome="recovered",
        )
        with pytest.raises(ValidationError, match="was over"):
            graded(event, doctor, 3)

    def test_grade_5_without_a_death_is_asked_about(self, event, doctor):
        """SAF-02: and it starts the clock of a fatal event."""
        with pytest.raises(ValidationError, match="learned of the death"):
            graded(event, doctor, 5)
        with pytest.raises(Questioned) as asked:
            graded(event, doctor, 5, known=ago(days=1))
        assert not EventGrade.objects.exists()
        graded(event, doctor, 5, known=ago(days=1), confirmed=asked.value.token)
        assert again(event).grade == 5
        assert again(event).due_at is not None

    def test_a_grade_that_is_struck_out_stays_and_no_longer_counts(self, event, doctor):
        """SAF-09."""
        row = graded(event, doctor, 3)
        event.refresh_from_db()
        with acting(user=doctor, role="investigator"):
            with pytest.raises(ValidationError, match="Say why"):
                strike_out_grade(grade=row, reason=" ", by=doctor, version=event.version)
            strike_out_grade(grade=row, reason="Other patient", by=doctor, version=event.version)
        assert again(event).grade == 2
        assert event.grades.get(number=2).in_error_reason == "Other patient"

    def test_the_course_decides_on_the_grade_of_the_event(self, event, doctor):
        """The event's grade and its rows never contradict each other."""
        graded(event, doctor, 3)
        event.refresh_from_db()
        with (
            acting(user=doctor, role="investigator"),
            pytest.raises(ValidationError, match="changed over time"),
        ):
            amend_event(event=event, changes={"grade": 1}, reason="x", version=event.version, by=doctor)

    def test_another_grade_invalidates_the_signature(self, event, doctor):
        """SIG-03."""
        with acting(user=doctor, role="investigator"):
            review_events(
                events=[event],
                versions={event.pk: 1},
                by=doctor,
                password=build.PASSWORD,
                meaning=Meaning.REVIEW,
            )
        graded(event, doctor, 1)
        assert Signature.objects.get().invalidated_at is not None

    def test_two_who_change_at_once_do_not_overwrite_each_other(self, event, doctor):
        """DAT-11."""
        with pytest.raises(StaleEvent):
            graded(event, doctor, 3, version=7)

    def test_the_page_records_a_grade_and_shows_the_course(self, web, event):
        answer = web.post(
            place(event, "grade"),
            {"grade": "3", "since": f"{ago(days=1).wall:%d-%b-%Y %H:%M}", "version": "1"},
            follow=True,
        )
        assert answer.redirect_chain == [(page(event), 302)]
        assert "Grade 3 since" in text_of(answer)
        bad = web.post(place(event, "grade"), {"grade": "4", "since": "01-Jan-2020", "version": "2"})
        assert bad.status_code == 422
        assert "before the last one began" in text_of(bad)
        wrong = event.grades.get(number=2).pk
        sent = {"reason": "Typed twice", "version": "2"}
        struck = web.post(place(event, "grade-strike", wrong), sent, follow=True)
        assert "Typed twice" in text_of(struck)


class TestLinks:
    def test_an_event_is_linked_to_a_form_of_its_patient(self, event, doctor, record):
        """SAF-01 to SAF-09: medication, results, stays, infusions."""
        key = f"record-{record.pk}"
        assert key in [each.key for each in targets_of(event.patient)]
        with acting(user=doctor, role="investigator"):
            link = link_event(event=event, target=key, role="evidence", by=doctor, version=1)
            with pytest.raises(ValidationError, match="linked to it already"):
                link_event(event=event, target=key, role="suspect", by=doctor, version=1)
            strike_out_link(link=link, reason="Other sample", by=doctor, version=1)
            link_event(event=event, target=key, role="suspect", by=doctor, version=1)
        assert list(event.links.values_list("role", "in_error_reason")) == [
            ("evidence", "Other sample"),
            ("suspect", ""),
        ]

    @pytest.mark.parametrize("target", ["record-999999", "infusion-1", "x", "record-"])
    def test_what_is_not_of_the_patient_is_refused(self, event, doctor, target):
        with (
            acting(user=doctor, role="investigator"),
            pytest.raises(ValidationError, match="of this patient"),
        ):
            link_event(event=event, target=target, role="evidence", by=doctor, version=1)
        assert not EventLink.objects.exists()

    def test_the_page_links_and_strikes_out(self, web, event, record):
        answer = web.post(
            place(event, "link"),
            {"target": f"record-{record.pk}", "role": "evidence", "version": "1"},
            follow=True,
        )
        assert answer.redirect_chain == [(page(event), 302)]
        assert "Result or finding" in text_of(answer)
        forged = web.post(place(event, "link"), {"target": "record-1", "role": "evidence", "version": "1"})
        assert forged.status_code == 422
        link = EventLink.objects.get()
        struck = web.post(
            place(event, "link-strike", link.pk), {"reason": "Wrong row", "version": "1"}, follow=True
        )
        assert "Wrong row" in text_of(struck)


class TestKinds:
    @pytest.mark.parametrize("kind", ["medication_error", "pregnancy", "misuse", "product_defect"])
    def test_a_report_of_its_own_kind_has_the_clock_of_a_serious_event(self, web, patient, kind):
        """SAF-07, ATM-01: also without harm."""
        refused = web.post(new(patient), typed(patient, kind=kind))
        assert refused.status_code == 422
        assert "the 24 hours start then" in str(refused.context["form"].errors["aware"])
        web.post(new(patient), typed(patient, kind=kind, aware=f"{day(patient, 3)} 12:00"))
        event = AdverseEvent.objects.get()
        assert (event.kind, event.serious) == (kind, False)
        assert event.due_at is not None

    def test_lack_of_efficacy_has_no_clock(self, web, patient):
        """ATM-01."""
        web.post(new(patient), typed(patient, kind="lack_of_efficacy"))
        assert AdverseEvent.objects.get().due_at is None

    def test_a_kind_that_is_not_offered_is_refused(self, web, patient):
        assert web.post(new(patient), typed(patient, kind="rumour")).status_code == 422
        assert not AdverseEvent.objects.exists()

    def test_other_causes_and_the_treatment_are_stored_and_shown(self, web, patient):
        """SAF-03: per cause, by the investigator; only the product decides on the class."""
        web.post(
            new(patient),
            typed(patient, causality="unlikely", causality_disease="probable", treatment="Paracetamol 1 g"),
        )
        event = AdverseEvent.objects.get()
        shown = text_of(web.get(page(event)))
        assert (event.causality_disease, event.classification.value) == ("probable", "AE")
        assert "Due to the disease" in shown
        assert "Paracetamol 1 g" in shown

    def test_a_cause_outside_the_scale_is_refused(self, patient, doctor):
        with pytest.raises(ValidationError) as refused:
            build.event(patient=patient, by=doctor, causality_disease="perhaps")
        assert list(refused.value.message_dict) == ["causality_disease"]


class TestTimes:
    def test_a_report_entered_later_than_it_was_made_shows_both_times(self, web, patient, doctor):
        """CLK-05."""
        event = build.event(
            patient=patient,
            by=doctor,
            onset=ago(hours=9),
            aware=ago(hours=9),
            seriousness=frozenset({"hospitalisation"}),
        )
        with acting(user=doctor, role="investigator"):
            report_to_sponsor(event=event, at=ago(hours=5), by=doctor, version=1)
        assert ", entered " in text_of(web.get(page(event)))

    def test_one_entered_at_once_shows_one_time(self, web, patient, doctor):
        event = build.event(
            patient=patient,
            by=doctor,
            onset=ago(hours=9),
            aware=ago(hours=9),
            seriousness=frozenset({"hospitalisation"}),
        )
        with acting(user=doctor, role="investigator"):
            report_to_sponsor(event=event, at=ago(seconds=0), by=doctor, version=1)
        assert ", entered " not in text_of(web.get(page(event)))

    def test_an_event_before_any_infusion_is_not_treatment_emergent(self, web, event):
        """SAF-15."""
        assert "Not treatment-emergent" in web.get(page(event)).context["emergent"]


def test_an_event_is_saved_in_one_request_with_few_statements(web, patient):
    """Budget of the event form: twelve statements, besides who is asking (three) and the transaction."""
    web.post(new(patient), typed(patient, save_key="first", term="Cough"))
    with CaptureQueriesContext(connection) as found:
        answer = web.post(new(patient), typed(patient))
    besides = r'SAVEPOINT|RELEASE|BEGIN|COMMIT|SELECT "(django_session|accounts_user|trials_delegation)"'
    counted = [each["sql"] for each in found if not re.match(besides, each["sql"])]

    assert answer.status_code == 302
    assert len(counted) <= 12, counted
