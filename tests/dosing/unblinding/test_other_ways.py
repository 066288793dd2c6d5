"""SUSAR, exposure by accident, planned unblinding, and what is told of all of them (BLD-04 to BLD-06)."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.context import acting
from dosing.allocation.slots import arm_of
from dosing.models import AllocationSlot, PlannedUnblinding, Unblinding
from patients.review import locks
from tests.support import build
from tests.support.build import moment
from tests.support.database.engines import each_engine_or_one
from trials.models import SponsorNotice, Trial
from trials.roles import ROLES
from trials.sponsor_notices import ABOUT, OF_SAFETY, SENTENCES, tell_sponsor

pytestmark = pytest.mark.django_db


@pytest.fixture
def trial():
    return build.trial(build.COVID_MSV)


@pytest.fixture
def doctor(trial):
    return build.user("investigator", trial=trial, full_name="Doctor Night")


@pytest.fixture
def patient(trial, doctor):
    return build.eligible(trial=trial, investigator=doctor)


def address(patient, name: str) -> str:
    return reverse(f"dosing:{name}", args=[patient.trial.slug, patient.code])


def title_of(patient) -> str:
    arm = arm_of(patient)
    assert arm is not None
    return arm.title.in_language("en")


def opened(person, patient, name="unblinding", **changed):
    fields = {"category": "emergency", "reason": "Shock", "password": build.PASSWORD, "save_key": "k1"}
    return build.client(person).post(address(patient, name), {**fields, **changed})


class TestSusar:
    """Drug safety of the sponsor alone, one patient, everybody else stays blinded (BLD-05, CTR Annex III)."""

    def test_drug_safety_is_shown_the_arm_of_this_patient(self, patient):
        person = build.user("sponsor_safety", trial=patient.trial)
        answer = opened(person, patient, "susar-unblinding", reason="E-1 is a SUSAR")
        assert answer.status_code == 200
        assert title_of(patient) in answer.content.decode()
        row = Unblinding.objects.get()
        assert (row.category, row.known_to) == ("susar", person)
        assert SponsorNotice.objects.get().what == "unblinded"

    @pytest.mark.parametrize("role", each_engine_or_one(sorted(set(ROLES) - {"sponsor_safety"})))
    def test_nobody_else(self, patient, role):
        """The form bypassed."""
        person = build.user(role, trial=patient.trial)
        assert opened(person, patient, "susar-unblinding").status_code == 403
        assert not Unblinding.objects.exists()

    def test_drug_safety_has_no_emergency(self, patient):
        assert opened(build.user("sponsor_safety", trial=patient.trial), patient).status_code == 403

    def test_the_investigator_stays_blinded_and_unmarked(self, patient, doctor):
        """BLD-05: the record names no arm."""
        opened(build.user("sponsor_safety", trial=patient.trial), patient, "susar-unblinding")
        page = build.client(doctor).get(reverse("dosing:unblindings", args=[patient.trial.slug]))
        assert "Report of a SUSAR" in page.content.decode()
        assert title_of(patient) not in page.content.decode()


class TestExposure:
    """Somebody came to know it by accident: who, what, since when, how (BLD-06)."""

    def sent(self, person, patient, **changed):
        fields = {
            "known_to": "me", "known_to_name": "", "learned": "product", "known_since": "10-Sep-2026",
            "reason": "The label of the bag was readable", "save_key": "e1",
        }  # fmt: skip
        return build.client(person).post(address(patient, "exposure"), {**fields, **changed})

    def test_a_person_of_the_trial_records_it_of_themselves_or_another(self, patient, doctor):
        nurse = build.user("coordinator", trial=patient.trial)
        assert self.sent(nurse, patient).status_code == 302
        assert self.sent(nurse, patient, known_to=str(doctor.pk), save_key="e2").status_code == 302
        assert [row.known_to for row in Unblinding.objects.all()] == [nurse, doctor]
        assert {row.category for row in Unblinding.objects.all()} == {"inadvertent"}
        assert [each.what for each in SponsorNotice.objects.all()] == ["exposed", "exposed"]

    def test_somebody_without_an_account_is_named_by_function(self, patient):
        nurse = build.user("coordinator", trial=patient.trial)
        assert self.sent(nurse, patient, known_to="", known_to_name="Night nurse").status_code == 302
        assert Unblinding.objects.get().who == "Night nurse"

    def test_a_double_click_records_it_once(self, patient):
        nurse = build.user("coordinator", trial=patient.trial)
        for _click in range(2):
            assert self.sent(nurse, patient).status_code == 302
        assert Unblinding.objects.count() == 1
        assert SponsorNotice.objects.count() == 1

    @pytest.mark.parametrize(
        ("changed", "words"),
        [
            ({"known_to": ""}, "one of the two"),
            ({"known_to_name": "Night nurse"}, "one of the two"),
            ({"known_to": "99999"}, "not one of the available choices"),
            ({"known_since": "10-Sep-2031"}, "in the future"),
            ({"known_since": ""}, "required"),
            ({"learned": "donor"}, "not one of the available choices"),
            ({"reason": "She got the PLACEBO (saline)"}, "Do not name the treatment"),
            ({"reason": "cells, as the bag says"}, "Do not name the treatment"),
            ({"known_to": "", "known_to_name": "Nurse who saw the Placebo"}, "Do not name the treatment"),
        ],
    )
    def test_what_cannot_be_is_refused_beside_its_field(self, patient, changed, words):
        """BLD-06: 422, nothing typed is lost, nothing stored; the text never names an arm."""
        nurse = build.user("coordinator", trial=patient.trial)
        answer = self.sent(nurse, patient, **changed)
        assert answer.status_code == 422
        assert words in answer.content.decode()
        assert "product" in answer.content.decode()
        assert not Unblinding.objects.exists()

    @pytest.mark.parametrize(
        "role",
        ["statistician", "inspector", "administrator", "data_monitoring_board", "sponsor_representative"],
    )
    def test_a_role_that_changes_nothing_does_not_record_it(self, patient, role):
        assert self.sent(build.user(role, trial=patient.trial), patient).status_code == 403

    def test_the_laboratory_is_not_offered_the_names_of_the_people(self, patient, doctor):
        """Without the right to read the delegation log: oneself, or a function."""
        page = build.client(build.user("cell_laboratory", trial=patient.trial)).get(
            address(patient, "exposure")
        )
        assert "Doctor Night" not in page.content.decode()


class TestPlanned:
    """After the lock the treatment is opened for the roles that the protocol names, with a record (BLD-04)."""

    def lock(self, trial):
        manager = build.user("data_manager", trial=trial)
        with acting(user=manager, role="data_manager"):
            locks.lock_trial(trial=trial, reason="Last visit", open_points={}, overridden={}, by=manager)
        return manager

    def open(self, trial, person, **changed):
        fields = {"reason": "Analysis", "password": build.PASSWORD}
        address = reverse("dosing:planned-unblinding", args=[trial.slug])
        return build.client(person).post(address, {**fields, **changed})

    def list_read_by(self, trial, role: str) -> int:
        client = build.client(build.user(role, trial=trial))
        return client.get(reverse("dosing:allocation", args=[trial.slug])).status_code

    def test_the_named_roles_know_it_from_then_on(self, patient, trial):
        manager = self.lock(trial)
        assert self.list_read_by(trial, "investigator") == 403
        assert self.open(trial, manager).status_code == 302
        assert self.list_read_by(trial, "investigator") == 200
        assert self.list_read_by(trial, "administrator") == 403
        person = build.user("blinded_statistician", trial=trial)
        assert AllocationSlot.objects.visible_to(person).exists()
        row = PlannedUnblinding.objects.get()
        assert (row.opened_by, row.reason) == (manager, "Analysis")
        assert set(row.opened_to) == set(trial.rules.unblinding.planned)
        assert SponsorNotice.objects.get().what == "opened"
        assert PlannedUnblinding.history.count() == 1

    def test_it_cannot_be_opened_twice(self, patient, trial):
        manager = self.lock(trial)
        self.open(trial, manager)
        answer = self.open(trial, manager)
        assert (answer.status_code, PlannedUnblinding.objects.count()) == (422, 1)

    @pytest.mark.parametrize("changed", [{"password": "guess"}, {"reason": " "}])
    def test_password_and_reason_are_needed(self, patient, trial, changed):
        manager = self.lock(trial)
        assert self.open(trial, manager, **changed).status_code == 422
        assert Trial.objects.get(pk=trial.pk).opened_to is None

    def test_before_the_lock_nothing_is_opened(self, patient, trial):
        """ACC-08."""
        answer = self.open(trial, build.user("data_manager", trial=trial))
        assert answer.status_code == 422
        assert "The trial is not locked" in answer.content.decode()
        assert not PlannedUnblinding.objects.exists()

    def test_a_protocol_that_names_no_role_opens_to_nobody(self, trial):
        open_trial = build.trial(build.LIEGE)
        answer = self.open(open_trial, build.user("data_manager", trial=open_trial))
        assert answer.status_code == 422
        assert "names no roles" in answer.content.decode()

    @pytest.mark.parametrize("role", each_engine_or_one(sorted(set(ROLES) - {"data_manager"})))
    def test_only_a_data_manager_opens_it(self, trial, role):
        assert self.open(trial, build.user(role, trial=trial)).status_code == 403


class TestKnowledge:
    """Who knows which arm since when is a list, and marks what that person assesses afterwards (BLD-04, BLD-06)."""

    def test_blinded_readers_find_the_unblinding_in_who_knew_the_treatment(self, patient, doctor):
        opened(doctor, patient)
        reader = build.client(build.user("monitor", trial=patient.trial))
        page = reader.get(reverse("reports:treatment-known", args=[patient.trial.slug]))
        lines = [line for line in page.context["listing"].objects if line.road == "unblinded"]
        assert [(line.full_name, line.patient) for line in lines] == [("Doctor Night", patient.code)]
        assert title_of(patient) not in page.content.decode()

    def test_an_event_signed_afterwards_says_since_when_the_arm_was_known(self, patient, doctor):
        before = build.event(patient=patient, by=doctor)
        for event, unblinds in ((before, False), (None, True)):
            if unblinds:
                opened(doctor, patient)
                event = build.event(patient=patient, by=doctor, term="Chills")
            sign = reverse("safety:event", args=[patient.trial.slug, patient.code, event.number])
            answer = build.client(doctor).post(sign, {"password": build.PASSWORD, "version": event.version})
            assert answer.status_code == 302, answer.content.decode()[-3000:]
            page = build.client(doctor).get(sign).content.decode()
            assert ("arm known since" in page) is unblinds

    def test_what_another_person_signs_is_not_marked(self, patient, doctor):
        event = build.event(patient=patient, by=doctor)
        opened(doctor, patient)
        colleague = build.user("investigator", trial=patient.trial)
        sign = reverse("safety:event", args=[patient.trial.slug, patient.code, event.number])
        answer = build.client(colleague).post(sign, {"password": build.PASSWORD, "version": event.version})
        assert answer.status_code == 302
        assert "arm known since" not in build.client(colleague).get(sign).content.decode()

    def test_a_decision_on_eligibility_after_it_is_marked(self, patient, doctor):
        opened(doctor, patient)
        build.decision(patient, by=doctor)
        page = build.client(doctor).get(
            reverse("patients:eligibility", args=[patient.trial.slug, patient.code])
        )
        assert page.content.decode().count("arm known since") == 1

    def test_the_list_costs_the_same_for_one_and_for_three(self, patient, doctor):
        reader = build.client(build.user("monitor", trial=patient.trial))
        page, counts = reverse("dosing:unblindings", args=[patient.trial.slug]), []
        for keys in (["k1"], ["k2", "k3"]):
            for key in keys:
                opened(doctor, patient, save_key=key)
            with CaptureQueriesContext(connection) as queries:
                reader.get(page)
            counts.append(len(queries))
        assert counts[0] == counts[1]

    def test_a_record_without_a_person_or_with_two_cannot_be_stored(self, patient, doctor):
        """In the database, on every path."""
        facts = {
            "patient": patient, "category": "inadvertent", "learned": "arm", "reason": "Seen", "save_key": "x",
            "known_since": moment("10-Sep-2026 10:00").iso, "recorded_by": doctor,
        }  # fmt: skip
        for wrong in ({}, {"known_to": doctor, "known_to_name": "Nurse"}):
            with pytest.raises(IntegrityError), transaction.atomic(), acting(system="test"):
                Unblinding.objects.create(**{**facts, **wrong})
        other = build.user("investigator")
        with pytest.raises(IntegrityError), transaction.atomic(), acting(system="test"):
            Unblinding.objects.create(**{**facts, "category": "emergency", "known_to": other})


@pytest.mark.parametrize("what", sorted(OF_SAFETY))
def test_a_notice_that_waits_says_what_it_is_about(patient, what):
    """BLD-04, BLD-03: not only when; neither who did it, nor a lot or a donor, since blinded people read it."""
    manager = build.user("data_manager", trial=patient.trial, full_name="Dora Manager")
    with acting(user=manager, role="data_manager"):
        tell_sponsor(trial=patient.trial, what=what, by=manager, subject=patient.code)
    page = build.client(manager).get(reverse("dosing:unblindings", args=[patient.trial.slug]))
    (words,) = [words for words, _notice in page.context["pending"]]
    assert f"<li>{words}, " in page.content.decode()
    assert words == str(ABOUT[what]) % {"subject": patient.code}
    assert "Dora" not in words


def test_every_notice_has_words_of_what_it_is_about():
    assert set(ABOUT) == set(SENTENCES)
