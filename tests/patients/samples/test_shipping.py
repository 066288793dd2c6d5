"""Shipments of tubes: what may be sent, how each tube arrived, and the deviations of those that did not."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from audit.context import acting
from patients.models import Aliquot, Deviation, Patient, SampleMovement, Shipment
from patients.samples.handling import reverse_movement
from patients.samples.shipping import ShipmentFacts, correct_shipment, on_their_way
from tests.support import build
from tests.support.study.bedside import NOW
from tests.support.study.samples import CONSIGNMENT, clock, collected, handled, held, received, shipped

pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW)]


@pytest.fixture
def tubes(patient, nurse):
    """Five frozen tubes of two patients."""
    found = []
    for who, count in ((patient, 3), (build.neighbour(patient), 2)):
        found += handled(collected(held(who, "D7", nurse), nurse, aliquots=count), nurse, "frozen", 60)
    return found


@pytest.fixture
def days(patient):
    """Ten in the morning of four days ago and of the days after."""
    first = patient.trial.today - timedelta(days=4)
    return [clock(patient, first + timedelta(days=number)) for number in range(5)]


def refused(call) -> str:
    with pytest.raises(ValidationError) as refusal:
        call()
    return str(getattr(refusal.value, "error_dict", refusal.value.messages))


def states() -> dict[str, int]:
    found = list(Aliquot.objects.values_list("state", flat=True))
    return {state: found.count(state) for state in sorted(set(found))}


class TestSending:
    def test_tubes_of_several_patients_travel_in_one_shipment(self, trial, tubes, days, nurse):
        row = shipped(trial, tubes[1:], nurse, days[0])
        assert (row.number, row.logger, on_their_way(row).count()) == (1, "L-7", 4)
        assert states() == {"frozen": 1, "shipped": 4}
        assert shipped(trial, tubes[:1], nurse, days[0]).number == 2

    def test_a_tube_is_on_its_way_once(self, trial, tubes, days, nurse):
        shipped(trial, tubes, nurse, days[0])
        told = refused(lambda: shipped(trial, tubes[:1], nurse, days[1]))
        assert tubes[0].code in told
        assert Shipment.objects.count() == 1

    def test_not_before_the_last_step_of_a_tube_nor_to_come(self, trial, patient, tubes, days, nurse):
        early = clock(patient, tubes[0].sample.visit.held_on, "10:30")
        assert "'sent'" in refused(lambda: shipped(trial, tubes, nurse, early))
        tomorrow = clock(patient, trial.today + timedelta(days=1))
        assert "has not come yet" in refused(lambda: shipped(trial, tubes, nurse, tomorrow))

    def test_no_tube_of_a_patient_who_withdrew_consent_for_samples(self, trial, patient, tubes, days, nurse):
        """PRV-03"""
        with acting(system="test"):
            Patient.objects.filter(pk=patient.pk).update(
                samples_withdrawn_on=trial.today - timedelta(days=10)
            )
        told = refused(lambda: shipped(trial, tubes, nurse, days[0]))
        assert "may only be destroyed" in told
        assert states() == {"frozen": 5}

    def test_no_tube_of_another_trial(self, trial, tubes, days, nurse):
        other = build.trial(build.COVID_MSV)
        assert "does not belong to this trial" in refused(lambda: shipped(other, tubes, nurse, days[0]))

    @pytest.mark.parametrize("name", ["destination", "carrier", "sent_by", "packing"])
    def test_a_shipment_says_where_to_by_whom_and_how(self, trial, tubes, days, nurse, name):
        assert f"'{name}'" in refused(lambda: shipped(trial, tubes, nurse, days[0], **{name: " "}))
        assert states() == {"frozen": 5}


class TestReceiving:
    def test_each_tube_arrives_with_its_condition_and_a_bad_one_opens_a_deviation(
        self, trial, tubes, days, nurse
    ):
        """A tube that is missing, thawed or damaged is a deviation of its sample."""
        row = shipped(trial, tubes, nurse, days[0])
        arrived = dict(
            zip(
                [tube.code for tube in tubes],
                ["intact", "thawed", "damaged", "missing", "intact"],
                strict=True,
            )
        )
        received(row, nurse, days[1], arrived)
        assert states() == {"missing": 1, "received": 4}
        assert {tube.place for tube in Aliquot.objects.filter(state="received")} == {"Central laboratory"}
        told = [str(each.description) for each in Deviation.objects.in_force().order_by("patient")]
        assert told == [
            f"Thawed or damaged when the shipment arrived: {tubes[1].code}, {tubes[2].code}.",
            f"Missing when the shipment arrived or when it was looked for: {tubes[3].code}.",
        ]

    def test_intact_tubes_open_none(self, trial, tubes, days, nurse):
        row = shipped(trial, tubes, nurse, days[0])
        received(row, nurse, days[1], {tube.code: "intact" for tube in tubes})
        assert not Deviation.objects.exists()

    def test_every_tube_needs_an_answer(self, trial, tubes, days, nurse):
        row = shipped(trial, tubes, nurse, days[0])
        told = refused(lambda: received(row, nurse, days[1], {tube.code: "intact" for tube in tubes[1:]}))
        assert f"'{tubes[0].code}'" in told
        assert states() == {"shipped": 5}
        assert Shipment.objects.get().received_at is None

    def test_not_before_it_was_sent_nor_to_come(self, trial, patient, tubes, days, nurse):
        row = shipped(trial, tubes, nurse, days[1])
        every = {tube.code: "intact" for tube in tubes}
        assert "before it was sent" in refused(lambda: received(row, nurse, days[0], every))
        tomorrow = clock(patient, trial.today + timedelta(days=1))
        assert "has not come yet" in refused(lambda: received(row, nurse, tomorrow, every))

    def test_a_wrong_receipt_is_reversed_and_received_again(self, trial, tubes, days, nurse):
        row = shipped(trial, tubes[:1], nurse, days[0])
        row = received(row, nurse, days[1], {tubes[0].code: "missing"})
        assert "No tube of this shipment" in refused(lambda: received(row, nurse, days[2], {}))
        movement = SampleMovement.objects.in_force().get(aliquot=tubes[0], kind="missing")
        with acting(user=nurse, role="coordinator"):
            reverse_movement(movement=movement, reason="It was under the ice", by=nurse)
        assert states() == {"frozen": 4, "shipped": 1}
        assert not Deviation.objects.in_force().exists()
        again = received(row, nurse, days[2], {tubes[0].code: "intact"})
        assert again.received_at == days[1].earliest
        assert states() == {"frozen": 4, "received": 1}


class TestCorrecting:
    def test_facts_are_corrected_with_a_reason_on_the_current_row(self, trial, tubes, days, nurse):
        row = shipped(trial, tubes, nurse, days[0])
        facts = ShipmentFacts(**{**CONSIGNMENT, "logger": "L-8"})
        for reason, version in (("", 1), ("Typo", 2)):
            refused(
                lambda reason=reason, version=version: correct_shipment(
                    shipment=row, facts=facts, change_reason=reason, version=version, by=nurse
                )
            )
        with acting(user=nurse, role="coordinator"):
            correct_shipment(shipment=row, facts=facts, change_reason="Typo", version=1, by=nurse)
        assert Shipment.objects.get().logger == "L-8"
        assert Shipment.objects.get().history.latest("history_id").history_change_reason == "Typo"
