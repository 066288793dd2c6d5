"""The time before which a kit is given, and the limits of a product wherever a product is judged."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from audit.context import acting
from dosing.allocation.lists import generate_list
from dosing.models import BagMovement, GiveBefore, ProductDeviation
from dosing.worksheet.give_before import latest_start
from patients.models import Deviation
from protocol.document.dosing import Dosing
from tests.dosing.worksheet.conftest import included
from tests.support import build
from tests.support.pages.infusions import page, text_of
from tests.support.study import product_chain as chain
from tests.support.study.bedside import NOW
from tests.support.study.worksheets import BORN, TAKEN, Bench, chained

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]
REASON = {"dose_reason": "As counted"}
CALL = "This kit may not be given: call the cell laboratory."
FIXED = {
    "product": "msc",
    "title": {"en": "Cells"},
    "infusions": 1,
    "cells": {"lowest": "8e7", "target": "1e8", "highest": "1.2e8"},
}


def limited(slug: str, *lines: str):
    """Return a trial whose protocol asks for the whole chain and has these limits."""
    text = chained(build.protocol_text(slug)).replace("[dosing]\n", "[dosing]\n" + "\n".join(lines) + "\n", 1)
    return build.version(text).trial


@pytest.fixture
def timed(db):
    """The masked trial with at most 90 minutes from the store to the end, and a patient of each arm."""
    trial = limited(build.COVID_MSV, "thaw_to_end_minutes = { highest = 90 }")
    with acting(system="test"):
        generate_list(trial=trial, by=None, seed="known")
    chain.bag(trial, "C-1", of="L-C")
    chain.bag(trial, "S-1", of="L-S", cells=False)
    return dict(zip(("C-1", "S-1"), (included(trial, "70") for _arm in range(2)), strict=True))


class TestGiveBefore:
    def test_it_is_set_at_the_hand_over_by_the_same_rule_in_both_arms(self, timed):
        """CEL-12, CEL-18, BLD-02: from the moment at which the bags left the store."""
        for bag, patient in timed.items():
            Bench(patient).dispensed(bag, cells=bag == "C-1", **REASON)
        rows = list(GiveBefore.objects.order_by("pk"))
        assert len(rows) == 2
        assert len({row.at for row in rows}) == 1
        shown = set()
        for row, patient in zip(rows, timed.values(), strict=True):
            bench = Bench(patient)
            assert row.kit == bench.kit
            ward = build.client(build.user("coordinator", trial=patient.trial))
            words = text_of(ward.get(page(patient, "kit-check"))).replace(bench.kit, "KIT")
            assert "Give kit KIT before" in words
            assert bench.kit in text_of(ward.get(page(patient, "bedside")))
            shown.add(words[words.index("Give kit") :][:45])
        assert len(shown) == 1

    def test_a_hand_over_that_is_taken_back_takes_the_time_back_without_a_word_of_the_product(self, timed):
        """BLD-01: the reason stays in the laboratory."""
        patient = timed["C-1"]
        bench = Bench(patient)
        bench.dispensed("C-1", **REASON)
        assert bench.send("strike", reason="Few cells").status_code == 302
        row = GiveBefore.objects.get()
        assert "Few cells" not in str(row.struck_out_reason)
        assert str(row.struck_out_reason) == "The hand-over was taken back."
        assert bench.step(**TAKEN, **REASON).status_code == 302
        assert GiveBefore.objects.in_force().count() == 1

    @pytest.mark.parametrize(
        ("limits", "minutes"),
        [
            ({}, 360),
            ({"thaw_to_end_minutes": {"highest": 90}}, 90),
            ({"thaw_to_end_minutes": {"highest": 90}, "duration_minutes": {"highest": 30}}, 60),
            ({"thaw_to_end_minutes": {"highest": 90}, "duration_minutes": {"highest": 120}}, 0),
        ],
    )
    def test_the_rule_reads_the_protocol_alone(self, limits, minutes):
        taken = datetime(2026, 3, 30, 9, 0, tzinfo=UTC)
        assert latest_start(taken, Dosing.model_validate({**FIXED, **limits})) == taken + timedelta(
            minutes=minutes
        )


class TestTheTimeSinceTheThaw:
    def test_a_product_that_is_too_old_is_not_handed_over_and_not_given_in_either_arm(self, timed):
        """CEL-12, BLD-02: one sentence at the bedside, the reason in the laboratory."""
        answers = set()
        for bag, patient in timed.items():
            bench = Bench(patient)
            bench.checked(bag, cells=bag == "C-1")
            with time_machine.travel(NOW + timedelta(minutes=91), tick=False):
                late = Bench(patient)
                words = late.step(**TAKEN, **REASON).content.decode()
                assert f"Bag {bag} was taken from the store 91 minutes ago: the protocol allows 90." in words
            assert bench.step(**TAKEN, **REASON).status_code == 302
            with time_machine.travel(NOW + timedelta(minutes=91), tick=False):
                ward = build.client(build.user("coordinator", trial=patient.trial))
                typed = {"do": "kit", "scan": bench.kit, "subject": patient.code, "second": BORN}
                answers.add(
                    str(ward.post(page(patient, "kit-check"), typed).context["kit_form"].errors["scan"])
                )
        assert len(answers) == 1
        assert CALL in answers.pop()

    def test_an_infusion_that_ended_too_late_is_a_product_deviation(self, db):
        """CEL-12: judged when the end is known, on the page of the product, never in the general log."""
        trial = limited(build.LIEGE, "thaw_to_end_minutes = { highest = 30 }")
        for number in ("B-1", "B-2", "B-8", "B-9"):
            chain.bag(trial, number)
        patient = included(trial)
        bench = Bench(patient)
        bench.dispensed("B-1", "B-2")
        later = NOW + timedelta(minutes=60)
        with time_machine.travel(later, tick=False):
            ward = build.client(build.user("coordinator", trial=trial))
            typed = {
                "started": "30-Mar-2026 12:05", "ended": "30-Mar-2026 12:50", "volume_ml": "100",
                "interrupted": "N", "premedication": "None", "tolerated": "Y", "weight_kg": "82.4",
                "weight_measured": "30-Mar-2026 08:00", "version": patient.infusions.get(number=1).version,
                "late_reason": "Too late", "weight_confirmation": "Weighed twice",
            }  # fmt: skip
            assert ward.post(page(patient), typed).status_code == 302
            found = ProductDeviation.objects.get(patient=patient, category="thaw_to_end")
            assert "50 minutes from the thaw to the end" in str(found.description)
            assert not Deviation.objects.filter(category="thaw_to_end").exists()
            laboratory = build.client(build.user("cell_laboratory", trial=trial))
            shown = text_of(laboratory.get(page(patient, "preparation")))
            assert "Minutes since the thaw 50 (at most 30) above the limit" in shown


class TestDmso:
    def test_too_much_dmso_is_not_handed_over(self, db):
        """CEL-12: 40 mL at 10 % (v/v) hold 4.4 g, of which 27.4 of 30 mL were drawn, for 82.4 kg."""
        trial = limited(build.LIEGE, "dmso_g_per_kg = { highest = 0.04 }")
        for number in ("B-1", "B-2", "B-8", "B-9"):
            chain.bag(trial, number)
        bench = Bench(included(trial))
        bench.checked("B-1", "B-2")
        words = bench.step(**TAKEN, **REASON).content.decode()
        assert "0.049 g of DMSO per kg are above the limit of 0.04 g per kg" in words
        assert not BagMovement.objects.filter(kind="dispensing").exists()
        assert not GiveBefore.objects.exists()

    def test_at_the_limit_it_is_handed_over(self, db):
        trial = limited(build.LIEGE, "dmso_g_per_kg = { highest = 0.05 }")
        for number in ("B-1", "B-2", "B-8", "B-9"):
            chain.bag(trial, number)
        bench = Bench(included(trial))
        bench.dispensed("B-1", "B-2")
        assert not ProductDeviation.objects.filter(category="dmso").exists()
