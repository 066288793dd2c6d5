"""Bags from receipt to destruction, by the verbs of the stock: custody, thaw, dispensing, return, reversal."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from audit.context import acting
from audit.trail import history_model
from dosing.allocation.slots import arm_of, generate_list
from dosing.models import Bag, BagMovement, Infusion, Lot
from dosing.stock.ledger import Account, MovementKind, balances
from dosing.stock.moving import (
    destroy,
    judge_excursion,
    read_bags,
    record_excursion,
    return_,
    reverse,
    store,
    waste,
)
from dosing.stock.receiving import receive
from dosing.stock.stops import Stop
from dosing.stock.use import bags_of, dispense, infuse, thaw
from tests.support import build
from tests.support.study import product_chain as chain
from tests.support.study.bedside import INCLUDED, stored
from tests.support.study.refusals import refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day", "laboratory_acts")]

T0 = datetime(2026, 3, 10, 8, 0, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return T0 + timedelta(minutes=minutes)


@pytest.fixture
def patient(trial, known_day):
    return build.enrolled(trial=trial, on=INCLUDED)


@pytest.fixture
def technician(trial):
    return chain.technician(trial)


@pytest.fixture
def laboratory_acts(technician):
    with acting(user=technician, role="cell_laboratory", origin="web"):
        yield


@pytest.fixture
def bag(trial):
    return chain.bag(trial, "B-1")


@pytest.fixture
def infusion(patient):
    return stored(patient, 1)


def account_of(bag: Bag) -> dict[str, int]:
    """Return the millilitres by account, without empty ones."""
    (held,) = read_bags([bag.pk])
    return {each.value: volume // 1000 for each, volume in balances(held.movements).items() if volume}


def stop(verb, **arguments) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        verb(**arguments)
    return caught.value.messages


class TestReceipt:
    def test_a_received_bag_lies_in_the_store_with_its_place_shipper_and_logger(self, trial, technician):
        """CEL-07."""
        lot = chain.released(trial, "L-1")
        (bag,) = receive(
            lot=lot, bags=[{"number": " B-9 "}], place="Tank 2, rack 4", at=T0, by=technician,
            carrier="CryoExpress 17", logger="LOG-44.pdf",
        )  # fmt: skip
        row = bag.movements.get()
        assert (bag.number, bag.cells, bag.volume_ul) == ("B-9", chain.CELLS, 20_000)
        assert (row.kind, row.source, row.target, row.place) == (
            "receipt",
            "supplier",
            "store",
            "Tank 2, rack 4",
        )
        assert (row.carrier, row.logger) == ("CryoExpress 17", "LOG-44.pdf")
        assert account_of(bag) == {"supplier": -20, "store": 20}

    def test_a_number_is_in_the_stock_once(self, trial, technician, bag):
        """CEL-08: in other letters too, and in another lot; the other bags of the delivery are not stored either."""
        lot = chain.released(trial, "L-2")
        messages = refused(
            receive, lot=lot, bags=[{"number": "B-2"}, {"number": "b-1"}], place="T", at=T0, by=technician
        )
        assert messages == {"bags": ["Bag b-1 is in the stock already."]}
        assert Bag.objects.count() == 1
        with pytest.raises(IntegrityError), transaction.atomic():
            Bag.objects.create(trial=trial, lot=lot, number="b-1", volume_ul=1, recorded_by=technician)

    @pytest.mark.parametrize("number", ["", "B 1", "B" * 21, "Bé"])
    def test_a_number_that_no_label_can_hold_is_refused(self, trial, technician, number):
        lot = chain.released(trial, "L-1")
        messages = refused(receive, lot=lot, bags=[{"number": number}], place="T", at=T0, by=technician)
        assert list(messages) == ["bags"]
        assert not Bag.objects.exists()

    def test_a_european_code_is_held_against_the_expiry_of_the_lot(self, trial, technician):
        """CEL-02: the same day on the label and in the record."""
        lot = chain.released(trial, "L-1")
        code = "BE000042A999918123457A00S1234001"
        (bag,) = receive(
            lot=lot,
            bags=[{"number": "B-5", "european_code": f"{code} 20400630"}],
            place="T",
            at=T0,
            by=technician,
        )
        assert (bag.european_code, bag.scheme) == (code + "20400630", "2006/86/EC")
        other = [{"number": "B-6", "european_code": f"{code}20400701"}]
        assert refused(receive, lot=lot, bags=other, place="T", at=T0, by=technician) == {
            "bags": ["Bag B-6: its code expires on 01-Jul-2040, the lot on 30-Jun-2040."]
        }
        wrong = [{"number": "B-7", "european_code": f"ZZ{code[2:]}20400630"}]
        assert (
            "is not a country"
            in refused(receive, lot=lot, bags=wrong, place="T", at=T0, by=technician)["bags"][0]
        )

    def test_nothing_is_received_before_its_lot_was_made_or_tomorrow(self, trial, technician):
        lot = chain.released(trial, "L-1")
        for moment in (datetime(2019, 5, 30, tzinfo=UTC), datetime(2026, 4, 2, tzinfo=UTC)):
            messages = refused(
                receive, lot=lot, bags=[{"number": "B-1"}], place="T", at=moment, by=technician
            )
            assert list(messages) == ["at"]
        assert not Bag.objects.exists()


class TestTheWayToThePatient:
    def test_a_bag_is_thawed_dispensed_partly_infused_and_its_rest_destroyed(self, bag, infusion, technician):
        """CEL-08: every millilitre is accounted for, and the sum is zero."""
        thaw(bag=bag, infusion=infusion, at=at(0), by=technician)
        assert account_of(bag) == {"supplier": -20, "bench": 20}
        dispense(bags=[bag], infusion=infusion, at=at(10), by=technician, handed_to="Nurse Ada")
        infuse(bag=bag, infusion=infusion, at=at(20), by=technician, volume=15_000)
        return_(bag=bag, at=at(60), by=technician)
        destroy(bag=bag, source="returned", at=at(90), note="Rest", by=technician)
        assert account_of(bag) == {"supplier": -20, "patient": 15, "destroyed": 5}
        assert [row.position for row in bag.movements.all()] == [1, 2, 3, 4, 5, 6]
        assert {row.patient for row in bag.movements.filter(infusion=infusion)} == {infusion.patient}

    def test_the_bags_of_an_infusion_are_known_from_both_ends(self, trial, infusion, technician):
        """CEL-01: bag to patient, patient to bag."""
        bags = [chain.bag(trial, number) for number in ("B-1", "B-2")]
        for bag in bags:
            thaw(bag=bag, infusion=infusion, at=at(0), by=technician)
        assert bags_of(infusion) == bags
        assert bags_of(infusion)[0].lot.bank.donation.donor.code == "D-17"

    def test_a_bag_is_used_for_one_infusion(self, trial, bag, infusion, technician):
        """CEL-08, CEL-13: the same bag for two patients is refused, with bag and patient."""
        other = build.enrolled(trial=trial, on=INCLUDED)
        thaw(bag=bag, infusion=infusion, at=at(0), by=technician)
        assert stop(thaw, bag=bag, infusion=stored(other, 1), at=at(5), by=technician) == [
            f"Bag B-1 was taken for another infusion, of patient {infusion.patient.code}.",
            "Bag B-1 was used before.",
        ]
        assert stop(
            dispense, bags=[bag], infusion=stored(other, 1), at=at(5), by=technician, handed_to="Nurse"
        ) == [f"Bag B-1 was taken for another infusion, of patient {infusion.patient.code}."]
        assert BagMovement.objects.count() == 2

    @pytest.mark.parametrize(
        ("prepare", "sentence"),
        [
            (lambda bag: chain.decided(bag.lot, "quarantine"), "Bag B-1 belongs to a lot in quarantine."),
            (lambda bag: chain.decided(bag.lot, "recall"), "Bag B-1 belongs to a lot that was recalled."),
            (lambda bag: Lot.objects.update(expires_on="2026-03-29"), "Bag B-1 expired on 29-Mar-2026."),
        ],
    )
    def test_a_bag_of_a_lot_that_may_not_be_used_is_not_thawed_nor_dispensed(
        self, bag, infusion, technician, prepare, sentence
    ):
        """CEL-06: also when the lot was recalled after the thaw."""
        thaw(bag=bag, infusion=infusion, at=at(0), by=technician)
        prepare(bag)
        arguments = {"bags": [bag], "infusion": infusion, "at": at(5), "by": technician, "handed_to": "Nurse"}
        assert stop(dispense, **arguments) == [sentence]
        reverse(bag=bag, reason="not used", by=technician)
        assert stop(thaw, bag=bag, infusion=infusion, at=at(9), by=technician) == [sentence]

    def test_a_bag_of_a_lot_that_waits_for_its_release_is_not_thawed(self, trial, infusion, technician):
        """CEL-06."""
        bag = chain.bag(trial, "B-1", release=False)
        assert stop(thaw, bag=bag, infusion=infusion, at=at(0), by=technician) == [
            "Bag B-1 belongs to a lot that is not released."
        ]

    def test_another_donor_is_a_stop_that_may_be_overridden(self, trial, patient, bag, technician):
        """CEL-11: hard stop; whoever overrides it records the deviation."""
        thaw(bag=bag, infusion=stored(patient, 1), at=at(0), by=technician)
        other = chain.bag(trial, "B-2", of="L-2")
        assert chain.stops_of(other, stored(patient, 2)) == []
        strange = _of_donor(trial, "D-18")
        second = {"bag": strange, "infusion": stored(patient, 2), "at": at(5), "by": technician}
        assert stop(thaw, **second) == [
            "Bag B-3 comes from donor D-18; infusion 1 came from donor D-17, and the protocol asks for the same donor."
        ]
        assert thaw(**second, overriding={Stop.OTHER_DONOR}).kind == "thaw"

    def test_before_the_first_infusion_the_stock_of_the_donor_covers_all_three(
        self, trial, patient, bag, technician
    ):
        """CEL-11: 3 times 1.5 million per kg for 80 kg are three bags of 130 million cells."""
        chain.bag(trial, "B-2")
        Infusion.objects.filter(patient=patient, number=1).update(weight_kg=80)
        first = {"bag": bag, "infusion": stored(patient, 1), "at": at(0), "by": technician}
        words = "Bag B-1: the bags of donor D-17 do not cover all infusions at the lowest accepted dose."
        assert stop(thaw, **first) == [words]
        third = chain.bag(trial, "B-3")
        chain.decided(third.lot, "quarantine")
        assert words in stop(thaw, **first)
        chain.decided(third.lot, "lift")
        assert thaw(**first).kind == "thaw"

    def test_a_donor_found_unfit_stops_the_bags(self, bag, infusion, technician):
        """ATM-03: a new infection of the donor."""
        donor = bag.lot.bank.donation.donor
        donor.unfit_since, donor.unfit_reason = INCLUDED, "HIV seroconversion"
        donor.save()
        assert stop(thaw, bag=bag, infusion=infusion, at=at(0), by=technician) == [
            "Bag B-1 comes from donor D-17, who does not meet the donor criteria."
        ]

    def test_nothing_is_dispensed_without_a_bag_or_a_person(self, bag, infusion, technician):
        thaw(bag=bag, infusion=infusion, at=at(0), by=technician)
        common = {"infusion": infusion, "at": at(5), "by": technician}
        assert "nothing to dispense" in stop(dispense, bags=[], handed_to="Nurse", **common)[0]
        assert stop(dispense, bags=[bag], handed_to=" ", **common) == ["Enter who received the bags."]

    def test_cells_are_not_given_to_the_placebo_arm_nor_placebo_to_the_other(self):
        """CEL-13: what the patient receives follows from the allocation."""
        masked = build.trial(build.COVID_MSV)
        by = chain.technician(masked)
        generate_list(trial=masked, seed="once", by=by)
        patients = [build.enrolled(trial=masked, on=INCLUDED) for _place in range(4)]
        treated = next(each for each in patients if arm_of(each).cells)
        control = next(each for each in patients if not arm_of(each).cells)
        cells = chain.bag(masked, "C-1")
        saline = chain.bag(masked, "S-1", of="SAL-1", cells=False)
        words = "does not hold what this patient receives."
        assert stop(thaw, bag=saline, infusion=stored(treated, 1), at=at(0), by=by) == [f"Bag S-1 {words}"]
        assert stop(thaw, bag=cells, infusion=stored(control, 1), at=at(0), by=by) == [f"Bag C-1 {words}"]
        assert thaw(bag=cells, infusion=stored(treated, 1), at=at(0), by=by).kind == "thaw"
        assert thaw(bag=saline, infusion=stored(control, 1), at=at(0), by=by).kind == "taking"


def _of_donor(trial, code: str) -> Bag:
    return chain.bag(trial, "B-3", of=chain.released(trial, f"L-{code}", of=code).number)


class TestCustody:
    def test_a_bag_that_moves_keeps_its_earlier_places(self, bag, technician):
        """CEL-07."""
        store(bag=bag, place="Tank 3, rack 1", at=at(0), by=technician)
        assert [row.place for row in bag.movements.all()] == ["Tank 1", "Tank 3, rack 1"]
        assert refused(store, bag=bag, place=" ", at=at(1), by=technician) == {
            "place": ["Enter the storage place."]
        }

    def test_a_temperature_excursion_blocks_the_bag_until_somebody_decides(self, bag, infusion, technician):
        """CEL-07: shown, blocked, decided with a reason."""
        row = record_excursion(
            bag=bag, at=at(0), lowest_c=Decimal("-190"), highest_c=Decimal("-110.5"), minutes=25,
            note="Lid left open", by=technician,
        )  # fmt: skip
        words = "Bag B-1 had a temperature excursion, and nobody decided that it may be used."
        assert stop(thaw, bag=bag, infusion=infusion, at=at(1), by=technician) == [words]
        assert row.place == "Tank 1"
        judge_excursion(movement=row, judgement="usable", reason="Below -100 °C", by=technician)
        assert chain.stops_of(bag, infusion) == []
        with pytest.raises(ValidationError, match="is decided already"):
            judge_excursion(movement=row, judgement="unusable", reason="x", by=technician)

    def test_a_bag_that_was_judged_unusable_stays_blocked(self, bag, infusion, technician):
        row = record_excursion(
            bag=bag, at=at(0), lowest_c=None, highest_c=Decimal(20), minutes=25, note="Fell", by=technician
        )
        judge_excursion(movement=row, judgement="unusable", reason="Warm", by=technician)
        assert [each.stop for each in chain.stops_of(bag, infusion)] == [Stop.EXCURSION]

    def test_an_excursion_says_how_warm_how_long_and_why(self, bag, technician):
        messages = refused(
            record_excursion, bag=bag, at=at(0), lowest_c=Decimal(3), highest_c=Decimal(2), minutes=0, note="",
            by=technician,
        )  # fmt: skip
        assert set(messages) == {"lowest_c", "minutes", "note"}

    def test_what_is_discarded_or_destroyed_cannot_be_used(self, trial, bag, infusion, technician):
        """CEL-08."""
        waste(bag=bag, source="store", at=at(0), note="Leak", by=technician)
        assert stop(thaw, bag=bag, infusion=infusion, at=at(1), by=technician)[0] == (
            "Bag B-1 is no longer in the stock: it was discarded or destroyed."
        )
        destroy(bag=bag, source="waste", at=at(2), note="Incinerated", by=technician)
        assert account_of(bag) == {"supplier": -20, "destroyed": 20}
        assert refused(waste, bag=bag, source="store", at=at(3), note="", by=technician) == {
            "note": ["Say why."]
        }

    def test_a_movement_that_cannot_have_happened_names_bag_and_reason(self, bag, infusion, technician):
        """CEL-08: nothing is stored."""
        assert stop(infuse, bag=bag, infusion=infusion, at=at(0), by=technician) == [
            "Bag B-1 was not thawed: it cannot be dispensed or infused."
        ]
        thaw(bag=bag, infusion=infusion, at=at(0), by=technician)
        assert stop(store, bag=bag, place="Tank 9", at=at(1), by=technician) == [
            "Bag B-1: nothing of it is there to be moved. It is: Laboratory."
        ]
        dispense(bags=[bag], infusion=infusion, at=at(2), by=technician, handed_to="Nurse")
        assert stop(infuse, bag=bag, infusion=infusion, at=at(3), by=technician, volume=20_001) == [
            "Bag B-1 holds less than that: 20 mL are left."
        ]
        assert stop(infuse, bag=bag, infusion=infusion, at=at(3), by=technician, volume=-1) == [
            "Bag B-1: the volume must be above zero."
        ]
        assert stop(return_, bag=bag, at=at(1), by=technician) == [
            "Bag B-1: this is before its last movement, of 10-Mar-2026 09:02."
        ]
        assert bag.movements.count() == 3


class TestMistakes:
    def test_a_movement_recorded_by_mistake_is_reversed_and_stays_in_the_ledger(
        self, bag, infusion, technician
    ):
        """CEL-08: append-only; the sum stays zero, and the bag can be used."""
        thaw(bag=bag, infusion=infusion, at=at(0), by=technician)
        undone = reverse(bag=bag, reason="Wrong bag scanned", by=technician)
        assert account_of(bag) == {"supplier": -20, "store": 20}
        assert bag.movements.get(position=2).reversed_by == undone
        assert (undone.place, undone.note, bags_of(infusion)) == ("Tank 1", "Wrong bag scanned", [])
        assert thaw(bag=bag, infusion=infusion, at=at(9), by=technician).position == 4
        assert refused(reverse, bag=bag, reason=" ", by=technician) == {
            "reason": ["Say why this is changed."]
        }

    def test_no_movement_is_changed_or_deleted(self, bag):
        """CEL-08: the database refuses it, whoever asks."""
        row = bag.movements.get()
        with pytest.raises(TypeError, match="never deleted"):
            row.delete()
        for changed in ({"volume_ul": 1}, {"place": "elsewhere"}, {"source": "store"}):
            with pytest.raises(IntegrityError), transaction.atomic():
                BagMovement.objects.filter(pk=row.pk).update(**changed)
        with pytest.raises(IntegrityError), transaction.atomic():
            BagMovement.objects.filter(pk=row.pk).delete()

    def test_every_movement_is_in_the_trail_behind_the_treatment(self, bag, technician):
        """BLD-03: with the person who recorded it."""
        row = history_model(BagMovement).objects.get(bag_id=bag.pk)
        assert (row.history_user_name, row.history_trial) == (technician.username, bag.trial_id)
        assert BagMovement._trail.see == "see_treatment"

    @pytest.mark.parametrize("kind", ["receipt", "thaw"])
    def test_the_database_itself_refuses_a_second_receipt_or_thaw(self, bag, infusion, technician, kind):
        """CEL-08: also without these verbs."""
        thaw(bag=bag, infusion=infusion, at=at(0), by=technician)
        first = bag.movements.get(kind=kind)
        first.pk, first.position = None, 9
        with pytest.raises(IntegrityError), transaction.atomic():
            first.save(force_insert=True)


class TestWhoSees:
    @pytest.mark.parametrize("role", ["coordinator", "investigator", "monitor", "data_manager"])
    def test_in_a_masked_trial_the_stock_is_hidden_from_blinded_roles(self, role):
        """BLD-01: lots, bags, donors and movements."""
        masked = build.trial(build.COVID_MSV)
        chain.bag(masked, "C-1")
        for model in (Bag, BagMovement, Lot):
            assert not model.objects.visible_to(build.user(role, trial=masked)).exists()
            assert model.objects.visible_to(build.user("pharmacist", trial=masked)).exists()


def test_accounts_and_kinds_of_the_model_are_those_of_the_ledger():
    assert BagMovement.Account.values == [each.value for each in Account]
    assert BagMovement.Kind.values == [each.value for each in MovementKind]
