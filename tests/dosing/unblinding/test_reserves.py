"""Reserve envelopes: a patient is allocated on paper while the server is away, and takes the opened slot (BKP-02)."""

import datetime as dt
import re

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.context import acting
from dosing.allocation.lists import holds_commitment, strata_of
from dosing.allocation.reserved import free_slots, no_place_words, note_other_stratum
from dosing.envelopes.reserves import make_reserves, record_reserve
from dosing.models import AllocationSlot, ReserveCheck, ReserveEnvelope, Unblinding
from protocol.values.moments import Moment
from tests.dosing.test_allocation_strata import with_knee
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from tests.support.pages import blinding
from trials.models import SponsorNotice
from trials.permissions import Permission
from trials.roles import ROLES


@pytest.fixture
def trial():
    return build.trial(build.COVID_MSV)


@pytest.fixture
def laboratory(trial):
    return build.user("cell_laboratory", trial=trial, full_name="Cell Worker")


@pytest.fixture
def pharmacist(trial):
    return build.user("pharmacist", trial=trial, full_name="Phil Pharmacist")


@pytest.fixture
def investigator(trial):
    return build.user("investigator", trial=trial, full_name="Doctor Night")


@pytest.fixture
def sealed(trial, laboratory):
    with acting(user=laboratory, role="cell_laboratory"):
        return [each.envelope for each in make_reserves(trial=trial, per_stratum=3, by=laboratory)]


def address(trial, name: str = "reserves") -> str:
    return reverse(f"dosing:{name}", args=[trial.slug])


def printed(person, trial, name="reserves-print", **fields):
    return build.client(person).post(address(trial, name), fields or {"per_stratum": "3"})


def now_text(trial) -> str:
    return Moment.from_datetime(timezone.now(), trial.time_zone).display("en")


def sent(person, trial, envelope, /, **changed):
    fields = {"envelope": envelope.pk, "finding": "intact", "happened": now_text(trial), "note": ""}
    return build.client(person).post(address(trial), {**fields, **changed})


def opened(person, trial, envelope, patient, /, **changed):
    fields = {"finding": "opened", "patient": patient.pk, "opened_by": "me", "note": "Server away"}
    return sent(person, trial, envelope, **{**fields, **changed})


def slot_of(patient):
    return AllocationSlot.objects.filter(patient=patient).first()


pytestmark = pytest.mark.django_db


class TestPrinting:
    def test_sheet_and_code_name_the_arm_of_the_next_slot(self, trial, laboratory, pharmacist):
        sheets = printed(laboratory, trial, per_stratum="2").content.decode()
        codes = printed(pharmacist, trial, "reserve-codes").content.decode()
        found = dict(re.findall(r'scope="row">(R-\d+)</th><td>[^<]*</td><td class="code">([^<]+)<', codes))
        assert list(found) == ["R-1", "R-2"]
        for row in ReserveEnvelope.objects.order_by("number"):
            part = sheets.partition(f'id="envelope-{row.number}"')[2].partition("</section>")[0]
            number, check = found[str(row)].split("-")
            lines = re.findall(r"<b>(\d+)</b>-<span class=\"code\">(\w+)</span> ([^<]+)</p>", part)
            slot = AllocationSlot.objects.get(pk=row.slot_id)
            title = trial.rules.arm(slot.arm).title.in_language("en")
            assert [arm for line, word, arm in lines if (line, word) == (number, check)] == [title]
            assert (slot.position, slot.patient) == (row.number, None)

    def test_every_stratum_gets_its_own(self):
        knees = build.trial("third")
        by = build.user("pharmacist", trial=knees)
        assert printed(by, knees, per_stratum="2").status_code == 200
        rows = list(ReserveEnvelope.objects.values_list("stratum", "position"))
        assert rows == [(stratum, place) for stratum in strata_of(knees.rules) for place in (1, 2)]

    def test_printing_again_fills_up_what_is_missing(self, trial, sealed, laboratory):
        assert printed(laboratory, trial).status_code == 422
        with acting(user=laboratory, role="cell_laboratory"):
            record_reserve(
                envelope=sealed[0], finding="destroyed", happened=Moment.from_datetime(timezone.now(), "UTC"),
                note="Torn", by=laboratory,
            )  # fmt: skip
        assert printed(laboratory, trial).status_code == 200
        # The place of the destroyed envelope is free again, and so the next one.
        assert list(ReserveEnvelope.objects.values_list("number", "position", "state")) == [
            (1, 1, "destroyed"),
            (2, 2, "sealed"),
            (3, 3, "sealed"),
            (4, 1, "sealed"),
        ]

    def test_a_list_grows_before_its_last_places_are_sealed(self, trial, laboratory):
        from dosing.allocation.lists import generate_list

        with acting(user=laboratory, role="cell_laboratory"):
            generate_list(trial=trial, by=laboratory, size=2)
            made = make_reserves(trial=trial, per_stratum=10, by=laboratory)
        assert [each.envelope.position for each in made] == list(range(1, 11))
        assert holds_commitment(trial)

    @pytest.mark.parametrize("typed", ["0", "11", "", "many"])
    def test_an_impossible_number_is_refused_and_stays_typed(self, trial, laboratory, typed):
        answer = printed(laboratory, trial, per_stratum=typed)
        assert answer.status_code == 422
        assert not ReserveEnvelope.objects.exists()
        assert 'id="error_1_id_per_stratum"' in answer.content.decode()
        assert f'value="{typed}"' in answer.content.decode() or not typed

    def test_who_printed_the_envelopes_gets_no_code_and_a_code_is_shown_once(
        self, trial, sealed, laboratory, pharmacist
    ):
        assert "another person prints" in printed(laboratory, trial, "reserve-codes").content.decode()
        row = ReserveEnvelope.objects.get(number=1)
        with pytest.raises(IntegrityError), transaction.atomic(), acting(user=laboratory):
            ReserveEnvelope.objects.filter(pk=row.pk).update(
                codes_by=laboratory, codes_at=row.made_at, code=""
            )
        assert printed(pharmacist, trial, "reserve-codes").status_code == 200
        assert set(ReserveEnvelope.objects.values_list("code", flat=True)) == {""}
        assert printed(pharmacist, trial, "reserve-codes").status_code == 422

    def test_a_trial_that_does_not_randomise_has_none(self):
        trial = build.trial()
        answer = printed(build.user("cell_laboratory", trial=trial), trial)
        assert (answer.status_code, ReserveEnvelope.objects.exists()) == (422, False)
        page = build.client(build.user("monitor", trial=trial)).get(address(trial)).content.decode()
        assert "does not randomise" in page

    @pytest.mark.parametrize(
        "role", each_engine_or_one(sorted(set(ROLES) - {"cell_laboratory", "pharmacist"}))
    )
    @pytest.mark.parametrize("name", ["reserves-print", "reserve-codes"])
    def test_nobody_else_prints(self, trial, role, name):
        assert printed(build.user(role, trial=trial), trial, name).status_code == 403
        assert not ReserveEnvelope.objects.exists()


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


class TestReconciling:
    def test_an_intact_envelope_stays_sealed_and_the_same_page_twice_is_one_record(self, trial, sealed):
        nurse, told = build.user("coordinator", trial=trial), now_text(trial)
        assert sent(nurse, trial, sealed[0], happened=told).status_code == 302
        assert sent(nurse, trial, sealed[0], happened=told).status_code == 302
        assert ReserveCheck.objects.count() == 1
        assert "Sealed: 3." in build.client(nurse).get(address(trial)).content.decode()

    def test_a_destroyed_one_gives_its_slot_back(self, trial, sealed):
        nurse = build.user("coordinator", trial=trial)
        assert sent(nurse, trial, sealed[0], finding="destroyed", note="Water").status_code == 302
        assert slot_of(build.eligible(trial=trial)).position == 1

    def test_a_lost_one_keeps_its_slot_until_it_turns_up(self, trial, sealed, laboratory, investigator):
        nurse = build.user("coordinator", trial=trial)
        assert sent(nurse, trial, sealed[0], finding="lost", note="Not in the safe").status_code == 302
        assert slot_of(build.eligible(trial=trial)).position == 4
        patient = build.assessable(trial=trial, by=investigator)
        assert opened(laboratory, trial, sealed[0], patient).status_code == 302
        assert slot_of(patient).position == 1

    def test_a_lost_one_is_not_found_intact_without_a_word(self, trial, sealed):
        """What was away may have been opened: it is destroyed, or its opening recorded."""
        nurse = build.user("coordinator", trial=trial)
        sent(nurse, trial, sealed[0], finding="lost", note="Not in the safe")
        assert sent(nurse, trial, sealed[0]).status_code == 422

    @pytest.mark.usefixtures("known_day")
    def test_blinded_readers_are_shown_the_same_in_both_arms(
        self, trial, sealed, laboratory, investigator, pharmacist
    ):
        """BLD-01, AUD-15: the page and the trail; neither a code nor a slot is in them."""
        patient = build.assessable(trial=trial, by=investigator)
        opened(laboratory, trial, sealed[0], patient)
        client = build.client(build.user("data_manager", trial=trial))
        trail = f"/trials/{trial.slug}/trail/?form=dosing.reserve"
        pages = [address(trial), f"{trail}envelope", f"{trail}check"]
        assert Permission.SEE_TREATMENT not in ROLES["data_manager"].permissions

        def read():
            return blinding.crawl(client, pages)

        before = blinding.read_after(trial, blinding.as_it_is, read)
        assert blinding.differences(before, blinding.read_after(trial, blinding.swap_arms, read)) == {}
        code = ReserveEnvelope.objects.get(number=2).code.encode()
        assert code
        assert not any(code in content for content in before.values())

    def test_the_list_costs_the_same_for_one_and_for_three(self, trial, laboratory, investigator):
        client, counts = build.client(build.user("monitor", trial=trial)), []
        for wanted in (1, 3):
            with acting(user=laboratory, role="cell_laboratory"):
                make_reserves(trial=trial, per_stratum=wanted, by=laboratory)
            for row in ReserveEnvelope.objects.filter(state="sealed").order_by("number")[:wanted]:
                opened(laboratory, trial, row, build.assessable(trial=trial, by=investigator))
            with CaptureQueriesContext(connection) as counted:
                assert client.get(address(trial)).status_code == 200
            counts.append(len(counted))
        assert counts[0] == counts[1]


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


def test_the_blank_worksheets_of_a_randomised_trial_have_a_log_of_the_allocations(trial):
    """BKP-02: what is written while the server is away, and transcribed afterwards."""
    nurse = build.user("coordinator", trial=trial)
    page = build.client(nurse).get(address(trial, "blank-worksheets")).content.decode()
    assert page.count("R-____") == 10
    single = build.trial()
    open_page = build.client(build.user("coordinator", trial=single)).get(address(single, "blank-worksheets"))
    assert "Allocation log" not in open_page.content.decode()
