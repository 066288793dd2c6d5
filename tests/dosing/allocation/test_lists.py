"""Lists that are uploaded, published, extended and verified; numbers of kits (RND-01 to RND-03, CEL-18)."""

import hashlib

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from audit.context import acting
from audit.testing import lifted_triggers
from dosing.allocation.kits import find_kit, kit_of
from dosing.allocation.lists import generate_list, holds_commitment, upload_list
from dosing.allocation.slots import allocate
from dosing.envelopes.reserves import make_reserves, record_reserve
from dosing.models import AllocationCommitment, AllocationList, AllocationSlot, Infusion, Kit
from patients.review import locks
from protocol.values.moments import Moment
from protocol.values.refusals import ValueRefused
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from tests.support.study.bedside import INCLUDED
from trials.models import Trial
from trials.roles import ROLES

pytestmark = pytest.mark.django_db


@pytest.fixture
def trial():
    return build.trial(build.COVID_MSV)


def sealed(rows: int = 24, *, kits: bool = False) -> bytes:
    header = "stratum,position,arm" + (",kit" if kits else "")
    lines = [
        f",{place},{'cells' if place % 2 else 'placebo'}" + (f",KIT-{place:03}" if kits else "")
        for place in range(1, rows + 1)
    ]
    return "\n".join([header, *lines]).encode()


def send(person, trial, data: bytes):
    address = reverse("dosing:allocation-upload", args=[trial.slug])
    return build.client(person).post(address, {"file": SimpleUploadedFile("list.csv", data)})


class TestUpload:
    def test_the_unblinded_statistician_uploads_it_and_patients_take_its_places(self, trial):
        person = build.user("statistician", trial=trial)
        assert send(person, trial, sealed()).status_code == 302
        made = AllocationList.objects.get()
        assert (made.algorithm, made.seed, made.block_sizes) == ("uploaded-1", "", [])
        by = build.user("investigator", trial=trial)
        taken = [allocate(patient=build.patient(trial=trial, by=by), stratum="", by=by) for _ in range(2)]
        assert [(slot.position, slot.arm) for slot in taken] == [(1, "cells"), (2, "placebo")]

    @pytest.mark.parametrize("role", each_engine_or_one(sorted(set(ROLES) - {"statistician"})))
    def test_nobody_else_does(self, trial, role):
        assert send(build.user(role, trial=trial), trial, sealed()).status_code == 403
        assert not AllocationList.objects.exists()

    def test_a_wrong_line_is_named_and_nothing_is_stored(self, trial):
        person = build.user("statistician", trial=trial)
        wrong = sealed().replace(b",5,cells", b",5,saline")
        answer = send(person, trial, wrong)
        assert answer.status_code == 422
        assert "Line 6: the trial has no arm with the code “saline”." in answer.content.decode()
        assert not AllocationList.objects.exists()
        assert not AllocationSlot.objects.exists()
        assert not AllocationCommitment.objects.exists()

    def test_only_before_the_first_allocation(self, trial):
        """RND-03."""
        person, by = build.user("statistician", trial=trial), build.user("investigator", trial=trial)
        allocate(patient=build.patient(trial=trial, by=by), stratum="", by=by)
        answer = send(person, trial, sealed())
        assert answer.status_code == 422
        assert "never made again" in answer.content.decode()
        assert AllocationList.objects.get().algorithm == "permuted-blocks-1"

    def test_an_empty_post_and_an_open_trial_are_refused(self, trial):
        person = build.user("statistician", trial=trial)
        assert (
            build.client(person).post(reverse("dosing:allocation-upload", args=[trial.slug])).status_code
            == 422
        )
        liege = build.trial(build.LIEGE)
        answer = send(build.user("statistician", trial=liege), liege, sealed())
        assert "does not randomise" in answer.content.decode()

    def test_an_uploaded_list_that_is_used_up_says_whom_to_call(self, trial):
        by = build.user("investigator", trial=trial)
        with acting(system="test"):
            upload_list(trial=trial, data=sealed(), by=by)
        for _place in range(24):
            allocate(patient=build.patient(trial=trial, by=by), stratum="", by=by)
        with pytest.raises(ValidationError, match="statistician"):
            allocate(patient=build.patient(trial=trial, by=by), stratum="", by=by)

    def test_an_uploaded_list_whose_last_places_are_kept_for_paper_says_which_to_free(self, trial):
        """BKP-02: a list that was made elsewhere does not grow."""
        by = build.user("investigator", trial=trial)
        with acting(system="test", user=by):
            upload_list(trial=trial, data=sealed(), by=by)
            made = make_reserves(trial=trial, per_stratum=2, by=by)
            for _place in range(22):
                allocate(patient=build.patient(trial=trial, by=by), stratum="", by=by)
            late = build.patient(trial=trial, by=by)
            with pytest.raises(ValidationError, match="Destroy R-2"):
                allocate(patient=late, stratum="", by=by)
            with pytest.raises(ValidationError, match="not enough free places"):
                make_reserves(trial=trial, per_stratum=3, by=by)
            now = Moment.from_datetime(timezone.now(), trial.time_zone)
            record_reserve(
                envelope=made[1].envelope, finding="destroyed", happened=now, note="Last place", by=by
            )
            assert allocate(patient=late, stratum="", by=by).position == 2

    def test_its_kit_number_is_that_of_the_first_infusion(self, trial):
        by = build.user("investigator", trial=trial)
        with acting(system="test"):
            upload_list(trial=trial, data=sealed(kits=True), by=by)
        patient = build.enrolled(trial=trial, on=INCLUDED, investigator=by)
        assert [kit.shown for kit in Kit.objects.filter(patient=patient)] == ["KIT-001"]
        assert find_kit(trial=trial, typed=" kit-001") == Kit.objects.get(patient=patient)


class TestCommitment:
    def page(self, trial, role: str) -> str:
        client = build.client(build.user(role, trial=trial))
        return client.get(reverse("dosing:allocation-commitment", args=[trial.slug])).content.decode()

    @pytest.mark.parametrize("role", ["coordinator", "investigator", "blinded_statistician", "statistician"])
    def test_the_hash_is_published_before_the_first_patient_and_the_random_value_is_not(self, trial, role):
        with acting(system="test"):
            made = generate_list(trial=trial, by=None)
        page = self.page(trial, role)
        assert AllocationCommitment.objects.get().sha256 in page
        assert made.nonce not in page
        assert made.seed not in page
        assert len(made.nonce) == 64

    @pytest.mark.parametrize("role", each_engine_or_one(sorted(ROLES)))
    def test_the_trail_conceals_the_random_value_from_everybody(self, trial, role):
        with acting(system="test"):
            made = generate_list(trial=trial, by=None)
        client = build.client(build.user(role, trial=trial))
        for page in ("?form=dosing.allocationlist", "?format=csv"):
            answer = client.get(reverse("audit:trail", args=[trial.slug]) + page)
            content = b"".join(answer.streaming_content) if answer.streaming else answer.content
            assert made.nonce.encode() not in content

    def test_a_list_that_grew_holds_its_hash(self, trial):
        by = build.user("investigator", trial=trial)
        generate_list(trial=trial, by=by, size=2)
        for _patient in range(6):
            allocate(patient=build.patient(trial=trial, by=by), stratum="", by=by)
        assert AllocationSlot.objects.count() > 6
        assert holds_commitment(trial)

    @pytest.mark.parametrize("position", [1, 2, 10])
    def test_an_arm_that_was_changed_is_found(self, trial, position):
        """Within the places that the hash covers, and after them."""
        by = build.user("investigator", trial=trial)
        generate_list(trial=trial, by=by, size=2)
        allocate(patient=build.patient(trial=trial, by=by), stratum="", by=by)
        slot = AllocationSlot.objects.get(position=position)
        with lifted_triggers(), acting(system="test"):
            AllocationSlot.objects.filter(pk=slot.pk).update(
                arm="placebo" if slot.arm == "cells" else "cells"
            )
        assert not holds_commitment(trial)
        with pytest.raises(CommandError, match="NOT the one"):
            call_command("verify_allocation", trial=trial.slug)

    def test_an_uploaded_list_is_verified_and_written_only_after_the_lock(self, trial, tmp_path, capsys):
        with acting(system="test"):
            upload_list(trial=trial, data=sealed(), by=build.user("statistician", trial=trial))
        call_command("verify_allocation", trial=trial.slug)
        assert "is the one whose hash was published" in capsys.readouterr().out
        file = tmp_path / "sealed.txt"
        with pytest.raises(CommandError, match="stays sealed"):
            call_command("verify_allocation", trial=trial.slug, text=file)
        manager = build.user("data_manager", trial=trial)
        with acting(user=manager, role="data_manager"):
            locks.lock_trial(trial=trial, reason="Last visit", open_points={}, overridden={}, by=manager)
        call_command("verify_allocation", trial=trial.slug, text=file)
        assert hashlib.sha256(file.read_bytes()).hexdigest() == AllocationCommitment.objects.get().sha256

    def test_without_a_list_the_command_says_so(self, trial):
        with pytest.raises(CommandError, match="no allocation list yet"):
            call_command("verify_allocation", trial=trial.slug)
        with pytest.raises(CommandError, match="no trial"):
            call_command("verify_allocation", trial="nowhere")


class TestExtension:
    def test_free_places_remain_beyond_the_largest_block_at_every_allocation(self, trial):
        """RND-02: nobody sees from the end of the list where a block ends."""
        by = build.user("investigator", trial=trial)
        generate_list(trial=trial, by=by)
        for _patient in range(60):
            allocate(patient=build.patient(trial=trial, by=by), stratum="", by=by)
            assert AllocationSlot.objects.filter(patient=None).count() >= 3
        assert AllocationSlot.objects.exclude(patient=None).count() == 60

    def test_the_trail_says_that_the_system_added_them(self, trial):
        by = build.user("investigator", trial=trial)
        generate_list(trial=trial, by=by, size=2)
        allocate(patient=build.patient(trial=trial, by=by), stratum="", by=by)
        added = AllocationSlot.history.filter(position__gt=2, history_type="+")
        assert added.count() >= 24
        assert {row.history_user_name for row in added} == {"system:allocation"}


class TestKits:
    def test_every_infusion_of_both_arms_has_a_number_from_the_inclusion_on(self, trial):
        """BLD-02: before the laboratory has done anything, in either arm."""
        by = build.user("investigator", trial=trial)
        with acting(system="test"):
            generate_list(trial=trial, by=None, seed="known")
        patients = [build.enrolled(trial=trial, on=INCLUDED, investigator=by) for _arm in range(2)]
        assert [Kit.objects.filter(patient=each).count() for each in patients] == [1, 1]
        assert {Kit.objects.filter(patient=each).get().infusion.number for each in patients} == {1}
        for role in ("coordinator", "cell_laboratory"):
            client = build.client(build.user(role, trial=trial))
            page = client.get(reverse("dosing:kits", args=[trial.slug])).content.decode()
            bedside = client.get(
                reverse("dosing:infusion", args=[trial.slug, patients[0].code, 1])
            ).content.decode()
            number = Kit.objects.get(patient=patients[0]).shown
            assert number in page
            assert number in bedside

    def test_an_infusion_keeps_its_number(self, trial):
        by = build.user("investigator", trial=trial)
        patient = build.enrolled(trial=trial, on=INCLUDED, investigator=by)
        infusion = Infusion.objects.get(patient=patient, number=1)
        with acting(user=by):
            first, again = kit_of(infusion=infusion, by=by), kit_of(infusion=infusion, by=by)
        assert first == again
        assert find_kit(trial=trial, typed=first.shown.lower()) == first

    def test_an_infusion_planned_before_the_numbers_existed_gets_one_when_it_is_asked_for(self, trial):
        by = build.user("investigator", trial=trial)
        patient = build.enrolled(trial=trial, on=INCLUDED, investigator=by)
        infusion = Infusion.objects.get(patient=patient, number=1)
        with lifted_triggers(), acting(system="test"):
            Kit.objects.all()._raw_delete("default")
        with acting(user=by):
            assert kit_of(infusion=infusion, by=by).patient == patient

    def test_a_number_with_a_wrong_sign_is_refused_and_an_unknown_one_is_nobodys(self, trial):
        with pytest.raises(ValueRefused, match="exchanged"):
            find_kit(trial=trial, typed="K7Q-2MXY")
        assert find_kit(trial=trial, typed="K7Q-2MXZ") is None

    def test_a_kit_of_another_trial_is_not_found_here(self, trial):
        other = build.twin(build.COVID_MSV)
        by = build.user("investigator", trial=trial)
        build.enrolled(trial=trial, on=INCLUDED, investigator=by)
        assert find_kit(trial=other, typed=Kit.objects.get().number) is None

    def test_an_open_trial_has_no_kits(self):
        open_trial: Trial = build.trial(build.LIEGE)
        build.enrolled(trial=open_trial, investigator=build.user("investigator", trial=open_trial))
        assert not Kit.objects.exists()
