"""A patient is allocated on paper while the server is away, and takes the opened slot (BKP-02)."""

import datetime as dt

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from audit.context import acting
from dosing.allocation.lists import holds_commitment
from dosing.allocation.reserved import free_slots, no_place_words, note_other_stratum
from dosing.envelopes.reserves import make_reserves, record_reserve
from dosing.models import ReserveCheck, ReserveEnvelope, Unblinding
from protocol.values.moments import Moment
from tests.dosing.test_allocation_strata import with_knee
from tests.dosing.unblinding.reserves.conftest import address, now_text, opened, sent, slot_of
from tests.support import build
from trials.models import SponsorNotice

pytestmark = pytest.mark.django_db


class TestAllocatingOnPaper:
    def test_the_server_leaves_the_sealed_slots_to_paper(self, trial, sealed):
        """RND-02: server and paper never take the same slot."""
        first, second = build.eligible(trial=trial), build.eligible(trial=trial)
        assert (slot_of(first).position, slot_of(second).position) == (4, 5)

    def test_the_patient_takes_exactly_the_opened_slot_and_keeps_it_when_eligibility_is_signed(
        self, trial, sealed, laboratory, investigator
    ):
        """RND-03."""
        patient = build.assessable(trial=trial, by=investigator)
        build.eligible(trial=trial)
        assert opened(laboratory, trial, sealed[0], patient).status_code == 302
        assert slot_of(patient).pk == sealed[0].slot_id
        build.decision(patient, by=investigator)
        assert slot_of(patient).pk == sealed[0].slot_id
        assert [row.finding for row in ReserveCheck.objects.all()] == ["opened"]
        assert ReserveEnvelope.objects.get(pk=sealed[0].pk).state == "opened"
        # The laboratory knows the treatment anyway: nobody was unblinded.
        assert not Unblinding.objects.exists()
        assert holds_commitment(trial)

    def test_the_moment_of_the_allocation_is_that_of_the_paper(self, trial, laboratory, investigator):
        patient = build.assessable(trial=trial, by=investigator)
        made_at = timezone.now() - dt.timedelta(hours=9)
        with acting(user=laboratory, role="cell_laboratory"):
            envelope = make_reserves(trial=trial, per_stratum=1, by=laboratory)[0].envelope
            ReserveEnvelope.objects.filter(pk=envelope.pk).update(made_at=made_at)
        at = (timezone.now() - dt.timedelta(hours=5)).replace(second=0, microsecond=0)
        told = Moment.from_datetime(at, trial.time_zone).display("en")
        assert opened(laboratory, trial, envelope, patient, happened=told).status_code == 302
        assert slot_of(patient).taken_at == at

    def test_an_envelope_passed_over_is_a_finding_on_the_page(self, trial, sealed, laboratory, investigator):
        patient = build.assessable(trial=trial, by=investigator)
        assert opened(laboratory, trial, sealed[1], patient).status_code == 302
        page = build.client(investigator).get(address(trial)).content.decode()
        assert "Opened out of order: R-1 came before it and was not used." in page
        assert "1 envelope was opened out of order." in page
        assert slot_of(patient).pk == sealed[1].slot_id

    def test_an_envelope_of_another_stratum_is_a_finding_once_eligibility_is_signed(self):
        knees = build.trial("third")
        laboratory = build.user("cell_laboratory", trial=knees)
        investigator = build.user("investigator", trial=knees)
        with acting(user=laboratory, role="cell_laboratory"):
            made = make_reserves(trial=knees, per_stratum=1, by=laboratory)
        patient = with_knee(knees, grade="G2", surgery="N")
        mine = [each.envelope for each in made if "grade=G2" in each.envelope.stratum]
        wrong = next(each.envelope for each in made if "grade=G3" in each.envelope.stratum)
        assert mine
        assert opened(laboratory, knees, wrong, patient).status_code == 302
        build.decision(patient, by=investigator)
        found = ReserveCheck.objects.get(finding="stratum")
        assert (found.envelope, found.patient) == (wrong, patient)
        assert slot_of(patient).pk == wrong.slot_id
        assert "grade=G2" in found.note

    def test_a_blinded_person_who_opened_it_knows_the_treatment_and_the_sponsor_is_told(
        self, trial, sealed, investigator
    ):
        """BLD-06."""
        patient = build.assessable(trial=trial, by=investigator)
        assert opened(investigator, trial, sealed[0], patient).status_code == 302
        row = Unblinding.objects.get()
        assert (row.known_to, row.patient, row.category) == (investigator, patient, "inadvertent")
        assert SponsorNotice.objects.get().what == "exposed"

    def test_somebody_without_a_role_opened_it(self, trial, sealed, laboratory, investigator):
        patient = build.assessable(trial=trial, by=investigator)
        answer = opened(
            laboratory, trial, sealed[0], patient, opened_by="", opened_by_name="Pharmacist on call"
        )
        assert answer.status_code == 302
        assert Unblinding.objects.get().who == "Pharmacist on call"
        page = build.client(investigator).get(address(trial)).content.decode()
        assert "Pharmacist on call" in page

    @pytest.mark.parametrize(
        ("changed", "field", "told"),
        [
            ({"patient": ""}, "patient", "Choose the patient"),
            ({"opened_by": ""}, "opened_by", "Choose a person"),
            ({"opened_by_name": "Somebody"}, "opened_by", "one of the two"),
            ({"note": ""}, "note", "Say why"),
            ({"note": "It was placebo"}, "note", "Do not name the treatment"),
            ({"happened": "10-Mar-2099 10:00"}, "happened", "in the future"),
            ({"happened": "10-Mar-2020 10:00"}, "happened", "printed later"),
            ({"happened": "10-Mar-2026"}, "happened", "time"),
            ({"finding": ""}, "finding", "required"),
            ({"finding": "stratum"}, "finding", "valid choice"),
            ({"envelope": "0"}, "envelope", "valid choice"),
        ],
    )
    def test_what_cannot_be_transcribed_is_refused_beside_its_field_and_stays_typed(
        self, trial, sealed, laboratory, investigator, changed, field, told
    ):
        patient = build.assessable(trial=trial, by=investigator)
        answer = opened(laboratory, trial, sealed[0], patient, **changed)
        page = answer.content.decode()
        assert answer.status_code == 422
        beside = page.partition(f'id="error_1_id_{field}"')[2].partition("</span>")[0]
        assert told in beside
        typed = {"note": "Server away"} | changed
        assert typed["note"] in page
        assert (slot_of(patient), ReserveCheck.objects.count()) == (None, 0)

    def test_a_patient_with_a_slot_keeps_it(self, trial, sealed, laboratory):
        patient = build.eligible(trial=trial)
        mine = slot_of(patient)
        with acting(user=laboratory, role="cell_laboratory"), pytest.raises(ValidationError) as refused:
            record_reserve(
                envelope=sealed[0], finding="opened", happened=Moment.from_datetime(timezone.now(), "UTC"),
                note="Server away", by=laboratory, patient=patient, opened_by=laboratory,
            )  # fmt: skip
        assert set(refused.value.error_dict) == {"patient"}
        assert slot_of(patient) == mine
        # The page does not offer the patient either.
        assert opened(laboratory, trial, sealed[0], patient).status_code == 422

    def test_an_envelope_is_opened_once(self, trial, sealed, laboratory, investigator):
        first = build.assessable(trial=trial, by=investigator)
        second = build.assessable(trial=trial, by=investigator)
        told = now_text(trial)
        assert opened(laboratory, trial, sealed[0], first, happened=told).status_code == 302
        assert opened(laboratory, trial, sealed[0], second, happened=told).status_code == 422
        assert slot_of(second) is None

    def test_a_patient_of_another_trial_is_unknown(self, trial, sealed, laboratory):
        other = build.patient(trial=build.trial("third"))
        assert opened(laboratory, trial, sealed[0], other).status_code == 422
        assert slot_of(other) is None

    def test_a_locked_trial_takes_no_allocation(self, trial, sealed, laboratory, investigator):
        patient = build.assessable(trial=trial, by=investigator)
        with acting(user=build.user("data_manager", trial=trial)):
            type(trial).objects.filter(pk=trial.pk).update(locked_at=timezone.now())
        answer = opened(laboratory, trial, sealed[0], patient)
        assert (answer.status_code, slot_of(patient)) == (422, None)
        assert "The trial is locked" in answer.content.decode()


class TestKeptSlots:
    """RND-02: per trial and stratum."""

    def test_only_the_slots_of_the_own_trial_and_stratum_are_free(self, trial, sealed):
        other = build.twin(build.COVID_MSV)
        by = build.user("pharmacist", trial=other)
        with acting(user=by, role="pharmacist"):
            make_reserves(trial=other, per_stratum=1, by=by)
        for each, first in ((trial, 4), (other, 2)):
            slots = free_slots(trial=each, stratum="")
            assert {slot.trial_id for slot in slots} == {each.pk}
            assert min(slot.position for slot in slots) == first

    def test_the_last_sealed_envelope_of_the_stratum_is_named(self, trial, sealed):
        nurse = build.user("coordinator", trial=trial)
        assert "Destroy R-3 and record it" in no_place_words(trial, "")
        sent(nurse, trial, sealed[2], finding="destroyed", note="Torn")
        assert "Destroy R-2 and record it" in no_place_words(trial, "")
        assert "Call the trial's statistician." in no_place_words(trial, "another")
        assert "Call the trial's statistician." in no_place_words(build.twin(build.COVID_MSV), "")
        assert "reserve envelopes" not in no_place_words(trial, "another")


class TestAnotherStratum:
    @pytest.fixture
    def knees(self):
        return build.trial("third")

    @pytest.fixture
    def wrong(self, knees):
        """Two envelopes of a stratum to which no patient of these tests belongs."""
        by = build.user("cell_laboratory", trial=knees)
        with acting(user=by, role="cell_laboratory"):
            made = make_reserves(trial=knees, per_stratum=2, by=by)
        return [each.envelope for each in made if "grade=G3" in each.envelope.stratum][:2]

    def test_each_patient_has_the_note_at_the_own_envelope_once(self, knees, wrong):
        laboratory = build.user("cell_laboratory", trial=knees)
        investigator = build.user("investigator", trial=knees)
        patients = [with_knee(knees, grade="G2", surgery="N") for _each in wrong]
        for envelope, patient in zip(wrong, patients, strict=True):
            assert opened(laboratory, knees, envelope, patient).status_code == 302
        for patient in reversed(patients):
            build.decision(patient, by=investigator)
        found = ReserveCheck.objects.filter(finding="stratum").order_by("envelope__number")
        assert [(row.envelope, row.patient) for row in found] == list(zip(wrong, patients, strict=True))
        with acting(user=investigator, role="investigator"):
            note_other_stratum(patient=patients[0], stratum="other", by=investigator)
        assert found.count() == 2

    def test_a_patient_who_was_allocated_by_the_server_has_no_envelope_to_note(self, knees, wrong):
        investigator = build.user("investigator", trial=knees)
        patient = with_knee(knees, grade="G2", surgery="N")
        with acting(user=investigator, role="investigator"):
            note_other_stratum(patient=patient, stratum="other", by=investigator)
        assert not ReserveCheck.objects.exists()
