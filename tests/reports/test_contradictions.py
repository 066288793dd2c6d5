"""What contradicts the death or itself: asked about before it is stored, listed for ever after."""

from datetime import date, timedelta

import pytest
from django.urls import reverse

from audit.context import acting
from patients.models import Patient, Visit
from patients.participation.consents.consent_corrections import strike_out_consent
from patients.participation.disposition import end_study
from patients.participation.questions import CONFIRMED
from patients.participation.visits import add_unscheduled, hold_visit
from patients.samples.collection import strike_out_sample
from reports.closing.checklist import checklist
from reports.quality.flags import CONTRADICTION
from tests.support import build
from tests.support.build import moment
from tests.support.pages.infusions import bedside, page, stored, text_of
from tests.support.study.bedside import INCLUDED
from tests.support.study.refusals import asked
from tests.support.study.samples import collected, held
from trials.access import access_to

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]

DIED = date(2026, 3, 12)
AFTER = DIED + timedelta(days=1)


@pytest.fixture
def patient(trial, known_day) -> Patient:
    """A patient included on the 10th. It is the 30th."""
    return build.enrolled(trial=trial, on=INCLUDED)


@pytest.fixture
def dead(patient) -> Patient:
    return died(patient)


def died(patient: Patient, on: date = DIED) -> Patient:
    """Record in the vital status of day 28, held today, that the patient died on the 12th."""
    with acting(system="test"):
        patient.visits.filter(code="D28").update(state="held", held_on=patient.trial.today)
    build.record(
        patient,
        "vital_status",
        {"survival_status": "DEAD", "died_on": on.isoformat()},
        visit="D28",
        draft=True,
    )
    return patient


def listed(trial, **query) -> list[str]:
    desk = build.client(build.user("monitor", trial=trial))
    rows = desk.get(reverse("reports:quality", args=[trial.slug]), {"kind": CONTRADICTION, **query})
    return [row.object.note for row in rows.context["listing"].rows]


def counted(trial) -> int:
    access = access_to(user=build.user("data_manager", trial=trial), slug=trial.slug)
    points, _patients = checklist(access)
    return next(each.total for each in points if each.point.code == "contradictions")


class TestSamples:
    """DAT-08: the samples of the protocol, with their tubes."""

    @pytest.fixture
    def day_7(self, patient, nurse) -> Visit:
        return held(patient, "D7", nurse, date(2026, 3, 17))

    def test_one_after_the_death_asks_and_is_stored_on_confirmation(self, patient, day_7, nurse):
        died(patient)
        (question,) = asked(collected, visit=day_7, by=nurse)
        assert question == "The patient died on 12-Mar-2026: the sample was taken after the death."

        sample = build.confirming(collected, visit=day_7, by=nurse)
        sentence = f"Sample {sample.code} was taken at 17-Mar-2026 10:00, after the death on 12-Mar-2026."
        assert sentence in listed(patient.trial)

    def test_a_death_recorded_later_says_it_beforehand_and_lists_it(self, patient, day_7, nurse):
        sample = collected(day_7, nurse)
        by = build.user("investigator", trial=patient.trial)
        sentence = f"Sample {sample.code} was taken at 17-Mar-2026 10:00, after the death on 12-Mar-2026."
        with acting(user=by, role="investigator"):
            call = {"patient": patient, "on": DIED, "reason": "death", "note": "", "by": by}
            assert sentence in asked(end_study, **call)
            build.confirming(end_study, **call)
        assert sentence in listed(patient.trial)

    def test_one_on_the_day_of_death_or_struck_out_contradicts_nothing(self, patient, nurse):
        first = collected(held(patient, "D1", nurse, date(2026, 3, 11)), nurse)
        wrong = collected(held(patient, "D7", nurse, date(2026, 3, 17)), nurse)
        with acting(user=nurse, role="coordinator"):
            strike_out_sample(sample=wrong, change_reason="Another patient", version=1, by=nurse)
        with acting(system="test"):
            patient.visits.filter(code="D7").update(state="planned", held_on=None)
        died(patient, on=date(2026, 3, 11))
        assert first.taken
        assert listed(patient.trial) == []


class TestVisits:
    @pytest.mark.parametrize(("on", "asks"), [(DIED, False), (AFTER, True)])
    def test_a_visit_after_the_death_asks_and_is_held_on_confirmation(self, dead, nurse, on, asks):
        visit = Visit.objects.get(patient=dead, code="D7")
        with acting(user=nurse, role="coordinator"):
            if asks:
                (question,) = asked(hold_visit, visit=visit, on=on, by=nurse)
                assert question == "The patient died on 12-Mar-2026: the visit was held after the death."
            assert build.confirming(hold_visit, visit=visit, on=on, by=nurse).held_on == on
            call = {"patient": dead, "on": on, "reason": "Fever", "by": nurse}
            assert (bool(asked(add_unscheduled, **call)) if asks else asks) == asks
            assert build.confirming(add_unscheduled, **call).held_on == on
        assert len(listed(dead.trial)) == counted(dead.trial) == (2 if asks else 0)

    def test_the_page_keeps_the_typed_day_and_the_box_stores_it(self, dead, nurse):
        web = build.client(nurse)
        address = reverse("patients:visit-hold", args=[dead.trial.slug, dead.code, "D7"])
        response = web.post(address, {"on": "13-Mar-2026"})

        assert response.status_code == 422
        assert 'value="13-Mar-2026"' in response.content.decode()
        assert "Correct the date of death" in text_of(response)
        token = response.context["form"].token
        assert web.post(address, {"on": "14-Mar-2026", CONFIRMED: token}).status_code == 422
        assert web.post(address, {"on": "13-Mar-2026", CONFIRMED: token}).status_code == 302

    def test_the_visit_at_which_the_site_learned_of_the_death_contradicts_nothing(self, dead):
        assert listed(dead.trial) == []


class TestInfusions:
    @pytest.mark.parametrize("ended", [False, True])
    def test_an_infusion_after_the_death_asks_and_is_stored_on_confirmation(self, ward, patient, ended):
        """Also when the study ended by that death: only another end of the study refuses what comes after it."""
        died(patient, on=INCLUDED)
        if ended:
            with acting(system="test"):
                Patient.objects.update(state="ended", ended_on=INCLUDED, end_reason="death")
        response = ward.post(page(patient), bedside("11-Mar-2026"))

        assert response.status_code == 422
        assert "the infusion was given after the death" in text_of(response)
        assert stored(patient).state == "planned"
        confirmed = {**bedside("11-Mar-2026"), CONFIRMED: response.context["form"].token}
        assert ward.post(page(patient), confirmed).status_code == 302
        assert stored(patient).state == "given"
        assert "Infusion 1 was given at 11-Mar-2026 10:00, after the death on 10-Mar-2026." in listed(
            patient.trial
        )

    def test_an_infusion_on_the_day_of_death_asks_nothing(self, ward, patient):
        died(patient, on=INCLUDED)
        assert ward.post(page(patient), bedside("10-Mar-2026")).status_code == 302
        assert listed(patient.trial) == []

    @pytest.mark.parametrize(
        ("onset", "is_listed"),
        [("", True), ("09-Mar-2026", True), ("10-Mar-2026", False), ("11-Mar-2026 10:59", False),
         ("12-Mar-2026", True)],
    )  # fmt: skip
    def test_an_infusion_that_was_not_well_tolerated_leads_to_its_event(
        self, ward, patient, onset, is_listed
    ):
        """DAT-08: it stays listed until an event began on its day or within a day of its end."""
        hurt = bedside("10-Mar-2026", tolerated="N", tolerance_note="Shivering")
        assert ward.post(page(patient), hurt).status_code == 302
        if onset:
            build.event(patient=patient, onset=moment(onset))
        sentence = "Infusion 1 was not well tolerated, without an adverse event: Shivering"
        assert (sentence in listed(patient.trial)) is is_listed
        shown = ward.get(page(patient)).content.decode()
        assert "was not well tolerated: what happened is an adverse event too" in text_of(
            ward.get(page(patient))
        )
        assert f'href="{reverse("safety:report", args=[patient.trial.slug, patient.code])}"' in shown

    def test_a_well_tolerated_infusion_leads_to_no_event(self, ward, patient):
        ward.post(page(patient), bedside("10-Mar-2026", tolerated="Y"))
        assert "adverse event too" not in text_of(ward.get(page(patient)))
        assert listed(patient.trial) == []


class TestForms:
    def test_a_sample_and_a_log_row_after_the_death_are_listed_with_their_place(self, dead):
        build.record(
            dead, "medication", {"ongoing": "N", "ended_on": AFTER.isoformat()}, visit=None, draft=True
        )
        sampled = f"{AFTER}T08:00+01:00[Europe/Brussels]"
        build.record(dead, "haematology", {"sampled_at": sampled}, visit="D28", draft=True)
        notes = listed(dead.trial)

        assert len(notes) == 3
        assert any(
            "“End” of" in note and "13-Mar-2026, after the death on 12-Mar-2026" in note for note in notes
        )
        assert any("“Sample taken” of" in note and "13-Mar-2026 08:00" in note for note in notes)
        assert any(note.startswith("Visit D28 was held on 30-Mar-2026") for note in notes)
        assert listed(dead.trial, form_code="medication", patient=dead.code.lower()) == [
            note for note in notes if "“End” of" in note
        ]
        assert listed(dead.trial, patient="999") == []


class TestEvents:
    def test_a_confirmed_contradiction_of_an_event_stays_listed(self, dead):
        build.event(patient=dead, onset=moment("13-Mar-2026"), ongoing="Y", outcome="not_recovered")
        sentence = "AE 1: The patient died on 12-Mar-2026: the event begins after the death."
        assert listed(dead.trial) == [sentence]
        assert counted(dead.trial) == 1

    def test_the_same_event_twice_lists_both(self, patient):
        for _ in range(2):
            build.event(patient=patient)
        build.event(patient=patient, term="Cough")
        assert [note.split(":")[0] for note in listed(patient.trial)] == ["AE 1", "AE 2"]

    def test_an_event_entered_in_error_contradicts_nothing(self, patient):
        event = build.event(patient=patient, onset=moment("2019"))
        assert counted(patient.trial) == 1
        with acting(system="test"):
            type(event).objects.update(in_error_reason="Another patient")
        assert counted(patient.trial) == 0

    def test_a_consent_struck_out_is_not_the_first_one(self, trial, nurse):
        """AUD-04: the event lies before the consent that counts, so the listing says what its page says."""
        patient = build.patient(trial=trial, screened_on=INCLUDED)
        wrong = build.consent(patient, on=INCLUDED)
        build.consent(patient, on=INCLUDED + timedelta(days=5))
        build.event(patient=patient, onset=moment("14-Mar-2026"))
        assert listed(trial) == []

        with acting(user=nurse, role="coordinator"):
            strike_out_consent(consent=wrong, reason="Another patient", by=nurse)

        (note,) = listed(trial)
        assert note.startswith("AE 1: The event began before the consent (15-Mar-2026")


class TestTheEndOfStudy:
    def test_a_death_says_beforehand_what_lies_after_it(self, ward, patient, nurse):
        assert ward.post(page(patient), bedside("13-Mar-2026")).status_code in (302, 422)
        build.event(patient=patient, onset=moment("14-Mar-2026"), ongoing="Y", outcome="not_recovered")
        by = build.user("investigator", trial=patient.trial)
        visit = Visit.objects.get(patient=patient, code="D7")
        with acting(user=by, role="investigator"):
            hold_visit(visit=visit, on=date(2026, 3, 17), by=by)
            call = {"patient": patient, "on": DIED, "reason": "death", "note": "", "by": by}
            questions = asked(end_study, **call)
            ended = build.confirming(end_study, **call)

        assert "Visit D7 was held on 17-Mar-2026, after the death on 12-Mar-2026." in questions
        assert any(each.startswith("AE 1: The patient died") for each in questions)
        assert ended.ended_on == DIED
        assert set(questions) <= set(listed(patient.trial))

    @pytest.mark.parametrize(
        ("end", "agrees"),
        [({}, True), ({"end_reason": "lost"}, False), ({"ended_on": AFTER}, False)],
        ids=str,
    )
    def test_an_end_that_says_otherwise_than_the_form_is_listed(self, dead, end, agrees):
        with acting(system="test"):
            Patient.objects.update(**{"state": "ended", "ended_on": DIED, "end_reason": "death", **end})
        found = [
            each
            for each in listed(dead.trial)
            if each.startswith("A form says that the patient died on 12-Mar")
        ]
        assert bool(found) is not agrees


@pytest.mark.parametrize("number", [1, 3])
def test_the_listing_costs_the_same_with_one_and_three(trial, number, known_day, django_assert_num_queries):
    for _ in range(number):
        found = died(build.enrolled(trial=trial, on=INCLUDED))
        build.event(patient=found, onset=moment("14-Mar-2026"))
    desk = build.client(build.user("monitor", trial=trial))
    address = reverse("reports:quality", args=[trial.slug])
    desk.get(address, {"kind": CONTRADICTION})
    with django_assert_num_queries(15):
        desk.get(address, {"kind": CONTRADICTION})


def test_many_contradictions_continue_on_the_next_page(patient):
    for _ in range(52):
        build.event(patient=patient)
    desk = build.client(build.user("monitor", trial=patient.trial))
    address = reverse("reports:quality", args=[patient.trial.slug])
    first = desk.get(address, {"kind": CONTRADICTION}).context["listing"]
    second = desk.get(f"{address}{first.next_url}" if first.next_url.startswith("?") else first.next_url)
    numbers = [row.object.note for page in (first, second.context["listing"]) for row in page.rows]
    assert (len(first.rows), len(numbers), len(set(numbers))) == (50, 52, 52)
