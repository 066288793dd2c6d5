"""Filters of the listing of adverse events: those of special interest, and those since a day of the site."""

import pytest

from patients.models import Patient
from protocol.values.moments import Moment
from safety.listing.filters import AdverseEventFilter
from safety.models import AdverseEvent
from safety.reporting import report_event
from tests.support import build
from tests.support.build import moment
from tests.support.study import amended_protocol
from tests.support.study.bedside import INCLUDED
from tests.support.study.refusals import refused
from tests.support.study.reported_events import consented_patient, event_answers

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day", "doctor_acts")]


@pytest.fixture
def patient(trial, known_day) -> Patient:
    """A patient who consented on 10 March 2026 at 09:00. It is 12:00 on the 30th at the site."""
    return consented_patient(trial)


class TestSpecialInterest:
    def test_only_a_category_of_the_protocol_is_of_special_interest(self, trial, patient, doctor):
        """SAF-08."""
        code = trial.rules.safety.aesi[0].code
        special = report_event(patient=patient, by=doctor, **event_answers(aesi=code))
        plain = report_event(patient=patient, by=doctor, **event_answers(term="Cough"))
        assert list(AdverseEvent.objects.of_special_interest()) == [special]
        assert (special.of_special_interest, plain.of_special_interest) == (True, False)

        def found(aesi):
            return list(AdverseEventFilter({"aesi": aesi}, AdverseEvent.objects.all(), trial=trial).qs)

        assert (found("any"), found(code), found("none")) == ([special], [special], [plain])

    def test_a_protocol_without_categories_asks_for_none_and_takes_none(self, doctor):
        """The trial WALK has no event of special interest."""
        walking = build.patient(trial=amended_protocol.trial(), screened_on=INCLUDED)
        build.consent(walking, given=moment("10-Mar-2026 09:00"))
        assert list(refused(report_event, patient=walking, by=doctor, **event_answers())) == ["aesi"]
        event = report_event(patient=walking, by=doctor, **event_answers(aesi=""))
        assert (event.aesi, event.of_special_interest) == ("", False)
        assert "aesi" not in AdverseEventFilter({}, AdverseEvent.objects.all(), trial=walking.trial).filters


class TestOnsetSince:
    def test_the_day_begins_at_midnight_of_the_site(self, trial, patient, doctor):
        """In UTC the event of 00:30 on the 13th is one of the 12th."""
        early = report_event(patient=patient, by=doctor, **event_answers(onset=moment("12-Mar-2026 23:59")))
        late = report_event(patient=patient, by=doctor, **event_answers(onset=moment("13-Mar-2026 00:30")))
        partial = report_event(
            patient=patient,
            by=doctor,
            **event_answers(onset=Moment.from_iso("2026-03"), end=moment("20-Mar-2026")),
        )

        def found(day):
            query = {"since": day}
            return set(AdverseEventFilter(query, AdverseEvent.objects.all(), trial=trial).qs)

        assert found("13-Mar-2026") == {late, partial}
        assert found("12-Mar-2026") == {early, late, partial}
        assert found("31-Mar-2026") == {partial}
