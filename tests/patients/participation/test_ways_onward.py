"""After a step the page says what there is to do next, with the way to it; what is closed says how it is opened."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.urls import reverse

from audit.context import acting
from patients.models import Patient
from patients.participation.disposition import end_study
from patients.participation.questions import CONFIRMED
from patients.participation.visits import hold_visit
from safety.reporting import mark_entered_in_error
from tests.support import build
from tests.support.pages.infusions import text_of
from tests.support.study.entered_forms import DEMOGRAPHY
from tests.support.study.locking import hold
from trials.models import Trial

pytestmark = pytest.mark.django_db


@pytest.fixture
def trial(db: None) -> Trial:
    return build.trial()


@pytest.fixture
def doctor(trial: Trial) -> Any:
    return build.user("investigator", trial=trial)


@pytest.fixture
def included(trial: Trial) -> Patient:
    return build.enrolled(trial=trial)


def page(patient: Patient, name: str, *more: Any) -> str:
    return reverse(name, args=[patient.trial.slug, patient.code, *more])


def posted(desk: Any, address: str, data: dict[str, Any]) -> Any:
    """Post a step, confirm what it asks, and return the page that follows."""
    answer = desk.post(address, data)
    if answer.status_code == 422 and answer.context["form"].questions:
        answer = desk.post(address, {**data, CONFIRMED: answer.context["form"].token})
    assert answer.status_code == 302, text_of(answer)
    return desk.get(answer.url)


def typed(day: date) -> str:
    return f"{day:%d-%b-%Y}"


def test_a_withdrawal_says_what_is_left_to_do(included, doctor):
    """PRV-03: settle the visits; if the patient leaves the trial, record its end."""
    data = {"samples_withdrawn_on": typed(included.trial.today), "note": "No more blood"}
    shown = posted(build.client(doctor), page(included, "patients:consent-withdraw"), data)
    assert "The withdrawal is recorded" in text_of(shown)
    for name in ("reports:casebook", "patients:end"):
        assert f'href="{page(included, name)}"' in str(next(iter(shown.context["messages"])))


def test_a_reopened_study_leads_to_the_visits_to_come(included, doctor):
    """PRV-03."""
    with acting(user=doctor, role="investigator"):
        build.confirming(
            end_study, patient=included, on=included.trial.today, reason="lost", note="Gone", by=doctor
        )
    shown = posted(
        build.client(doctor),
        page(included, "patients:end-reopen"),
        {"reason": "other", "reason_text": "Came back"},
    )
    assert "The study is reopened" in text_of(shown)
    assert f'href="{page(included, "reports:patient-calendar")}"' in str(
        next(iter(shown.context["messages"]))
    )


class TestLocked:
    """ACC-08: a page says that it is locked, since when and by whom, and how that is undone."""

    @pytest.fixture
    def manager(self, trial: Trial) -> Any:
        return build.user("data_manager", trial=trial)

    @pytest.mark.parametrize("level", ["patient", "visit", "record"])
    def test_each_page_below_a_lock_says_so(self, included, manager, doctor, level):
        record = included.records.get(form="demography")
        target = {"patient": included, "visit": record.visit, "record": record}[level]
        hold("lock", level, record, manager)
        shown = build.client(doctor).get(page(included, "patients:form", "SCR", "demography"))
        titles = {"patient": "This patient", "visit": "This visit", "record": "This form"}
        assert f"{titles[level]} has been locked since 15-Sep-2026" in text_of(shown)
        assert f"by {manager.full_name}" in text_of(shown)
        assert "one person asks with a reason and a second person grants it" in text_of(shown)
        undone = reverse("patients:lock", args=[included.trial.slug, level, target.pk])
        assert f'href="{undone}"' in shown.content.decode()

    def test_a_patient_that_is_open_says_nothing(self, included, doctor):
        shown = build.client(doctor).get(page(included, "patients:form", "SCR", "demography"))
        assert "locked since" not in text_of(shown)

    def test_the_highest_lock_is_named_and_a_lock_before_a_freeze(self, included, manager, doctor):
        record = included.records.get(form="demography")
        hold("freeze", "patient", record, manager)
        hold("lock", "record", record, manager)
        shown = text_of(build.client(doctor).get(page(included, "patients:form", "SCR", "demography")))
        assert "This form has been locked since" in shown
        assert "This patient has been frozen since" in text_of(
            build.client(doctor).get(page(included, "patients:form", "SCR", "vitals"))
        )

    def test_a_lock_that_is_refused_leads_to_what_prevents_it(self, trial, manager):
        patient = build.patient(trial=trial)
        build.consent(patient)
        build.record(patient, "demography", DEMOGRAPHY, draft=True)
        desk = build.client(manager)
        lock = reverse("patients:lock", args=[trial.slug, "patient", patient.pk])
        shown = desk.post(lock, {"action": "lock", "reason": "Clean"})
        (text, url), _queries = shown.context["ways"]
        assert text == "Drafts of this patient"
        assert [row.object.form for row in desk.get(url).context["listing"].rows] == ["demography"]
        assert url.replace("&", "&amp;") in shown.content.decode()

    def test_a_lock_says_where_to_go_on(self, included, manager):
        lock = reverse("patients:lock", args=[included.trial.slug, "patient", included.pk])
        shown = posted(build.client(manager), lock, {"action": "lock", "reason": "Clean"})
        assert f'href="{reverse("reports:checklist", args=[included.trial.slug])}"' in str(
            next(iter(shown.context["messages"]))
        )


class TestDeath:
    """DAT-08: event, form and end of study lead to each other."""

    @pytest.fixture
    def dead(self, included: Patient, doctor: Any) -> Patient:
        """A patient whose vital status of day 14 states a death two days before it."""
        visit = included.visits.get(code="D14")
        day = included.enrolled_on + timedelta(days=14)
        with acting(user=doctor, role="investigator"):
            hold_visit(visit=visit, on=day, by=doctor)
        values = {"survival_status": "DEAD", "died_on": died(included).isoformat()}
        build.record(included, "vital_status", values, visit="D14", draft=True)
        return included

    def test_a_fatal_event_leads_to_the_form_and_to_the_end(self, dead, doctor):
        event = build.event(patient=dead, outcome="fatal", grade=5, ongoing="N", term="Sepsis",
                            seriousness=frozenset({"results_in_death"}), by=doctor,
                            end=build.moment(typed(died(dead))),
                            aware=build.moment(f"{typed(died(dead))} 14:00"))  # fmt: skip
        shown = build.client(doctor).get(page(dead, "safety:event", event.number)).content.decode()
        form = page(dead, "patients:form", "D14", "vital_status")
        assert f'href="{form}?field=died_on#died_on"' in shown
        assert f'href="{page(dead, "patients:end")}"' in shown

    def test_an_event_that_is_not_fatal_does_not(self, dead, doctor):
        event = build.event(patient=dead, by=doctor, onset=build.moment(typed(dead.enrolled_on)))
        shown = build.client(doctor).get(page(dead, "safety:event", event.number)).content.decode()
        assert "?field=died_on" not in shown

    def test_a_fatal_event_without_the_form_leads_to_where_it_is_entered(self, included, doctor):
        visit = included.visits.get(code="D14")
        with acting(user=doctor, role="investigator"):
            hold_visit(visit=visit, on=included.enrolled_on + timedelta(days=14), by=doctor)
        event = build.event(patient=included, outcome="fatal", grade=5, ongoing="N", by=doctor,
                            seriousness=frozenset({"results_in_death"}),
                            end=build.moment(typed(died(included))),
                            aware=build.moment(f"{typed(died(included))} 14:00"))  # fmt: skip
        shown = build.client(doctor).get(page(included, "safety:event", event.number)).content.decode()
        assert f'href="{page(included, "patients:form", "D14", "vital_status")}"' in shown

    def test_the_end_of_study_says_the_day_of_the_death(self, dead, doctor):
        """Also once it is recorded, with the way back to form and events."""
        sentence = f"Vital status says that the patient died on {typed(died(dead))}."
        desk, end = build.client(doctor), page(dead, "patients:end")
        assert sentence in text_of(desk.get(end))
        with acting(user=doctor, role="investigator"):
            build.confirming(end_study, patient=dead, on=died(dead), reason="death", note="", by=doctor)
        shown = desk.get(end)
        assert sentence in text_of(shown)
        assert "?field=died_on#died_on" in shown.content.decode()
        assert (
            f"{reverse('safety:listing', args=[dead.trial.slug])}?patient={dead.code}"
            in shown.content.decode()
        )

    def test_the_form_leads_to_the_end_of_study(self, dead, doctor):
        shown = build.client(doctor).get(page(dead, "patients:form", "D14", "vital_status")).content.decode()
        assert "Where the death is recorded" in shown
        assert f'href="{page(dead, "patients:end")}"' in shown

    @pytest.mark.parametrize("place", ["form", "end"])
    def test_a_death_without_a_fatal_event_asks_for_the_event(self, dead, doctor, place):
        """SAF-13: the question stands beside the form of the death and the end of study; it refuses nothing."""
        asked = f"The patient died on {typed(died(dead))}, and no adverse event is fatal"
        address = (
            page(dead, "patients:form", "D14", "vital_status")
            if place == "form"
            else page(dead, "patients:end")
        )
        shown = build.client(doctor).get(address)
        assert asked in text_of(shown)
        assert f'href="{page(dead, "safety:report")}">Report an adverse event</a>' in shown.content.decode()
        event = build.event(patient=dead, outcome="fatal", grade=5, ongoing="N", term="Sepsis",
                            seriousness=frozenset({"results_in_death"}), by=doctor,
                            end=build.moment(typed(died(dead))),
                            aware=build.moment(f"{typed(died(dead))} 14:00"))  # fmt: skip
        assert asked not in text_of(build.client(doctor).get(address))
        with acting(user=doctor, role="investigator"):
            mark_entered_in_error(event=event, reason="Another patient", by=doctor, version=event.version)
        assert asked in text_of(build.client(doctor).get(address))

    def test_a_reader_who_cannot_report_is_told_without_the_link(self, dead, doctor):
        monitor = build.user("monitor", trial=dead.trial)
        shown = build.client(monitor).get(page(dead, "patients:form", "D14", "vital_status"))
        assert "no adverse event is fatal" in text_of(shown)
        assert f'href="{page(dead, "safety:report")}"' not in shown.content.decode()


def died(patient: Patient) -> date:
    assert patient.enrolled_on
    return patient.enrolled_on + timedelta(days=12)
