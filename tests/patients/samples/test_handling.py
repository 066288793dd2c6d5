"""Tubes on their way through the ledger: order, late freezing, reversal, and destruction after a withdrawal."""

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction
from django.utils import timezone

from audit.context import acting
from patients.models import Aliquot, Deviation, Patient, SampleMovement
from patients.samples.handling import reverse_movement
from patients.samples.ledger import FOLLOWS, in_force_of, state_and_place
from tests.support.study.bedside import NOW
from tests.support.study.samples import collected, handled

pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW)]


def refused(call) -> str:
    with pytest.raises(ValidationError) as refusal:
        call()
    return str(getattr(refusal.value, "error_dict", refusal.value.messages))


def reverse(tube, nurse, reason="Wrong tube"):
    movement = tube.movements.in_force().order_by("at", "pk").last()
    with acting(user=nurse, role="coordinator"):
        return reverse_movement(movement=movement, reason=reason, by=nurse)


class TestOrder:
    def test_from_collection_to_its_place_in_the_freezer(self, sample, nurse):
        """each step is one row for each tube, and the tube says where it is."""
        for kind, minutes in (("processed", 20), ("frozen", 60), ("stored", 90)):
            tubes = handled(sample, nurse, kind, minutes)
        assert {(tube.state, tube.place) for tube in tubes} == {("stored", "Freezer 2, rack A")}
        tubes = handled(sample, nurse, "moved", 95, 2, place="Freezer 3")
        assert [(tube.state, tube.place) for tube in tubes] == [
            ("stored", "Freezer 2, rack A"), ("stored", "Freezer 3"), ("stored", "Freezer 2, rack A"),
        ]  # fmt: skip
        tubes = handled(sample, nurse, "used", 99, 1)
        assert (tubes[0].state, tubes[0].place) == ("used", "")
        for rows in in_force_of(tubes).values():
            tube = next(each for each in tubes if each.pk == rows[0].aliquot_id)
            assert state_and_place(rows) == (tube.state, tube.place)

    @pytest.mark.parametrize("kind", sorted(FOLLOWS))
    def test_a_step_follows_only_what_it_can_follow(self, sample, nurse, kind):
        """A tube that is collected is not thawed, moved or received; one that is used up is nothing any more."""
        assert ("collected" in FOLLOWS[kind]) == (
            kind in {"processed", "frozen", "stored", "shipped", "used", "destroyed"}
        )
        handled(sample, nurse, "used", 5, 1)
        if kind not in ("shipped", "received"):
            told = refused(lambda: handled(sample, nurse, kind, 9, 1, reason="Because"))
            assert sample.aliquots.get(number=1).code in told
            assert "Used up" in told
        assert SampleMovement.objects.count() == 4

    def test_no_step_before_the_last_one_and_none_to_come(self, sample, nurse):
        handled(sample, nurse, "processed", 20)
        assert "this is before" in refused(lambda: handled(sample, nurse, "frozen", 19))
        days_to_come = 40 * 24 * 60
        assert "has not come yet" in refused(lambda: handled(sample, nurse, "frozen", days_to_come))
        assert {tube.state for tube in handled(sample, nurse, "frozen", 20)} == {"frozen"}

    def test_stored_needs_a_place_destroyed_and_missing_a_reason(self, sample, nurse):
        assert "Say where they are stored" in refused(lambda: handled(sample, nurse, "stored", 9, place=" "))
        assert "Say why, and how" in refused(lambda: handled(sample, nurse, "destroyed", 9))
        assert SampleMovement.objects.count() == 3

    def test_what_the_protocol_does_not_freeze_is_not_frozen(self, patient, nurse, sample):
        blood = collected(sample.visit, nurse, "SUBSET", aliquots=1)
        assert "does not freeze" in refused(lambda: handled(blood, nurse, "frozen", 30))

    def test_a_tube_of_another_sample_is_refused(self, sample, nurse):
        other = collected(sample.visit, nurse, "SUBSET", aliquots=1)
        facts = {"kind": "used", "moment": None, "done_by": "Nurse", "place": "", "reason": ""}
        from patients.samples.handling import handle_aliquots

        code = other.aliquots.get().code
        told = refused(lambda: handle_aliquots(sample=sample, aliquots=[code], facts=facts, by=nurse))
        assert "tubes of this sample" in told

    def test_under_a_lock_nothing_moves_under_a_freeze_it_does(self, patient, sample, nurse):
        with acting(system="test"):
            Patient.objects.filter(pk=patient.pk).update(frozen_at=timezone.now())
        handled(sample, nurse, "processed", 20)
        with acting(system="test"):
            Patient.objects.filter(pk=patient.pk).update(locked_at=timezone.now())
        assert "is locked" in refused(lambda: handled(sample, nurse, "frozen", 30))


class TestFreezing:
    @pytest.mark.parametrize(("minutes", "late"), [(120, False), (121, True)])
    def test_later_than_the_protocol_allows_is_a_deviation(self, sample, nurse, minutes, late):
        """The protocol allows 120 minutes from the collection of plasma to the freezing of its last tube."""
        handled(sample, nurse, "frozen", 60, 1)
        handled(sample, nurse, "frozen", minutes, 2, 3)
        found = [(each.category, each.place, each.place_key) for each in Deviation.objects.in_force()]
        assert found == [("sample_time", "sample", "1")] * late

    def test_the_deviation_says_how_long_and_is_taken_back_with_the_wrong_step(self, sample, nurse):
        handled(sample, nurse, "frozen", 250, 1)
        row = Deviation.objects.get()
        assert str(row.description) == (
            f"Sample {sample.code} was frozen 250 minutes after its collection, the protocol allows 120."
        )
        reverse(sample.aliquots.get(number=1), nurse)
        assert not Deviation.objects.in_force().exists()


class TestReversing:
    def test_the_last_step_is_reversed_with_a_reason_and_nothing_is_erased(self, sample, nurse):
        """AUD-04: the ledger is append-only."""
        handled(sample, nurse, "frozen", 60)
        handled(sample, nurse, "stored", 70)
        tube = sample.aliquots.get(number=1)
        assert "Say why it is reversed" in refused(lambda: reverse(tube, nurse, " "))
        reverse(tube, nurse)
        tube.refresh_from_db()
        assert (tube.state, tube.place) == ("frozen", "")
        kinds = list(tube.movements.order_by("pk").values_list("kind", flat=True))
        assert kinds == ["collected", "frozen", "stored", "reversed"]
        stored = tube.movements.get(kind="stored")
        for call in (
            lambda: reverse_movement(movement=stored, reason="Again", by=nurse),
            lambda: reverse_movement(movement=tube.movements.get(kind="collected"), reason="No", by=nurse),
        ):
            with acting(user=nurse, role="coordinator"):
                refused(call)
        assert {each.state for each in handled(sample, nurse, "stored", 80, 1)} == {"stored"}

    def test_a_row_of_the_ledger_is_never_changed(self, sample):
        """The database refuses it, whoever writes."""
        row = SampleMovement.objects.first()
        for change in ({"done_by": "Somebody else"}, {"reason": "Because"}):
            with pytest.raises(DatabaseError), transaction.atomic(), acting(system="test"):
                SampleMovement.objects.filter(pk=row.pk).update(**change)
        with pytest.raises(DatabaseError), transaction.atomic(), acting(system="test"):
            SampleMovement.objects.filter(pk=row.pk)._raw_delete("default")


class TestAfterWithdrawal:
    @pytest.fixture
    def withdrawn(self, patient, sample, nurse):
        handled(sample, nurse, "frozen", 60)
        with acting(system="test"):
            Patient.objects.filter(pk=patient.pk).update(samples_withdrawn_on=sample.visit.held_on)
        sample.refresh_from_db()
        return sample

    def test_its_tubes_are_listed_until_a_person_recorded_their_destruction(self, withdrawn, nurse):
        """PRV-03: destroyed with a record: when, by whom, how."""
        assert Aliquot.objects.to_destroy().count() == 3
        handled(withdrawn, nurse, "destroyed", 3000, 1, 2, reason="Withdrawal; autoclaved, protocol 12")
        assert [tube.number for tube in Aliquot.objects.to_destroy()] == [3]
        row = SampleMovement.objects.filter(kind="destroyed").first()
        assert (row.reason, row.done_by) == ("Withdrawal; autoclaved, protocol 12", "Nurse")

    @pytest.mark.parametrize("kind", ["thawed", "used"])
    def test_nothing_else_is_done_with_them(self, withdrawn, nurse, kind):
        told = refused(lambda: handled(withdrawn, nurse, kind, 3000, 1))
        assert "may only be destroyed" in told
        # What was done before the withdrawal may still be recorded.
        assert handled(withdrawn, nurse, "stored", 70, 2)[1].state == "stored"
        assert handled(withdrawn, nurse, kind, 80, 2)[1].state == kind
