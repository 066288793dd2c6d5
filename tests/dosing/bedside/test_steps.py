"""Steps of an infusion on the page of the bedside: order, refusals, keys, a late tablet (CEL-12, CEL-15, CEL-16)."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from audit.context import acting
from dosing.bedside.ledger import ledger_of
from dosing.models import BedsideObservation, Infusion, InfusionStep
from tests.dosing.bedside.conftest import SIGNS, START, send, sentences, shown
from tests.support import build
from tests.support.pages.infusions import bedside as typed_record
from tests.support.pages.infusions import page, stored, text_of
from tests.support.study.bedside import INCLUDED

pytestmark = pytest.mark.django_db


def tapped(at: datetime, offset: int = 0) -> dict[str, str]:
    """Return what the script sends of a tap at a server's time, on a tablet so many seconds ahead."""
    return {"tapped_ms": str(int((at.timestamp() + offset) * 1000)), "offset_ms": str(offset * 1000)}


def kinds(patient) -> list[str]:
    return list(InfusionStep.objects.in_force().order_by("at", "pk").values_list("kind", flat=True))


class TestSteps:
    """CEL-12: start, pauses, rate, stop, volume, in a ledger."""

    def test_a_whole_infusion_completes_the_record_of_the_infusion(self, nurse, patient, clock):
        for minutes, do, fields in (
            (0, "started", {"value": "60"}), (10, "paused", {"reason": "Change of the bag"}), (15, "resumed", {}),
            (20, "rate", {"value": "120"}), (60, "stopped", {"value": "98,5"}),
        ):  # fmt: skip
            clock.move_to(START + timedelta(minutes=minutes))
            assert send(nurse, patient, do, **fields).json() == {"stored": InfusionStep.Kind(do).label}
        row = stored(patient)
        assert (row.state, row.started_at, row.ended_at) == ("given", START, START + timedelta(hours=1))
        assert (row.volume_ml, row.interrupted, row.interruption_reason) == (
            Decimal("98.50"),
            "Y",
            "Change of the bag",
        )
        words = text_of(shown(nurse, patient))
        assert "0:55:00" in words
        assert "95.0 mL" in words

    def test_a_start_without_a_weight_is_refused(self, trial, patient):
        nurse = build.user("coordinator", trial=trial)
        assert "weight of the day first" in sentences(send(nurse, patient, "started"))
        assert not InfusionStep.objects.exists()

    def test_a_start_is_refused_as_the_record_of_the_infusion_refuses_it(self, nurse, patient, clock):
        """CEL-14: consent, eligibility, window and the age of the weight, by the same checks."""
        assert "included on" in sentences(send(nurse, patient, "started", typed_at="09-Mar-2026 10:00"))
        assert "measured after the start" in sentences(
            send(nurse, patient, "started", typed_at="10-Mar-2026 09:00")
        )
        clock.move_to(START + timedelta(days=2))
        assert "older than 24 hours" in sentences(send(nurse, patient, "started"))
        assert not InfusionStep.objects.exists()

    @pytest.mark.parametrize(
        ("before", "do", "sentence"),
        [
            ([], "paused", "was not started yet"),
            ([], "stopped", "was not started yet"),
            (["started"], "started", "already started"),
            (["started"], "resumed", "was running"),
            (["started", "paused"], "paused", "paused already"),
        ],
    )
    def test_a_step_in_an_impossible_order_is_refused_with_a_sentence(
        self, nurse, patient, clock, before, do, sentence
    ):
        fields = {"reason": "Line", "value": ""}
        for place, step in enumerate(before):
            clock.move_to(START + timedelta(minutes=place))
            assert send(nurse, patient, step, **fields).status_code == 200
        clock.move_to(START + timedelta(minutes=30))
        assert sentence in sentences(
            send(nurse, patient, do, reason="Line", value="50" if do == "stopped" else "")
        )
        assert kinds(patient) == before

    def test_a_moment_in_the_future_is_refused(self, nurse, patient):
        later = START + timedelta(minutes=2)
        assert "not come yet" in sentences(send(nurse, patient, "started", **tapped(later)))
        assert "not come yet" in sentences(send(nurse, patient, "started", typed_at="10-Mar-2026 11:00"))

    def test_nothing_is_recorded_after_the_death(self, nurse, patient, clock):
        send(nurse, patient, "started")
        clock.move_to(START + timedelta(days=21))
        died = {
            "survival_status": "DEAD",
            "died_on": "2026-03-11",
            "contact_by": "RECORD",
            "death_cause": "CARDIAC",
        }
        build.record(patient, "vital_status", died, visit="D14", draft=True)
        assert "died on" in sentences(send(nurse, patient, "stopped", value="50"))

    @pytest.mark.parametrize(
        ("do", "fields", "sentence"),
        [
            ("stopped", {"value": "0"}, "above zero"), ("rate", {}, "rate, in mL/h"),
            ("stopped", {"value": "5001"}, "at most 5000"), ("stopped", {"value": "many"}, "is not a number"),
            ("dance", {}, "out of date"),
        ],
    )  # fmt: skip
    def test_what_is_missing_or_impossible_is_said(self, nurse, patient, clock, do, fields, sentence):
        send(nurse, patient, "started")
        clock.move_to(START + timedelta(minutes=5))
        assert sentence in sentences(send(nurse, patient, do, **fields))

    def test_a_stop_waits_for_no_number(self, nurse, patient, clock):
        """In an emergency one tap is enough; the record waits for the volume, which a correction gives."""
        send(nurse, patient, "started")
        clock.move_to(START + timedelta(minutes=12))
        send(nurse, patient, "stopped")
        assert stored(patient).state == "planned"
        assert "its record is not complete" in text_of(shown(nurse, patient))
        way = f'<a href="{page(patient)}#id_volume_ml">The volume infused is missing.</a>'
        assert way in shown(nurse, patient).content.decode()
        stop = InfusionStep.objects.get(kind="stopped")
        send(
            nurse, patient, "correct", row=stop.pk, typed_at="10:12", value="20", reason="Read from the pump"
        )
        assert (stored(patient).state, stored(patient).volume_ml) == ("given", Decimal(20))

    def test_a_step_is_corrected_with_a_reason_and_the_record_follows(self, nurse, patient, clock):
        """AUD-04: the old row stays, struck out; the columns of the infusion are derived again."""
        send(nurse, patient, "started")
        clock.move_to(START + timedelta(hours=1))
        send(nurse, patient, "stopped", value="100")
        stop = InfusionStep.objects.get(kind="stopped")
        right = {"row": stop.pk, "typed_at": "10-Mar-2026 10:50", "value": "90"}
        assert "Say why" in sentences(send(nurse, patient, "correct", **right))
        assert send(nurse, patient, "correct", reason="Read wrongly", **right).status_code == 200
        stop.refresh_from_db()
        assert str(stop.struck_out_reason) == "Read wrongly"
        row = stored(patient)
        assert (row.volume_ml, row.ended_at) == (Decimal(90), START + timedelta(minutes=50))
        start = InfusionStep.objects.get(kind="started")
        assert "not started yet" in sentences(
            send(nurse, patient, "correct", row=start.pk, strike="Y", reason="Never happened")
        )

    def test_an_infusion_documented_late_takes_no_step(self, nurse, patient, clock):
        clock.move_to(START + timedelta(hours=3))
        typed = typed_record(version=str(stored(patient).version), weight_measured="10-Mar-2026 09:30")
        build.client(nurse).post(page(patient), typed)
        assert stored(patient).state == "given"
        assert "already recorded" in sentences(send(nurse, patient, "started"))

    def test_what_the_record_refuses_is_left_to_its_form(self, nurse, patient, clock, trial):
        """A weight that is dated after the start by now keeps no step from being recorded."""
        send(nurse, patient, "started")
        clock.move_to(START + timedelta(minutes=30))
        later = "2026-03-10T10:20+01:00[Europe/Brussels]"
        with acting(user=nurse, reason="Weighed again"):
            Infusion.objects.filter(patient=patient, number=1).update(weight_measured=later)
        assert send(nurse, patient, "stopped", value="50").status_code == 200
        assert stored(patient).state == "planned"
        found = shown(nurse, patient).content.decode()
        assert "its record is not complete" in text_of(shown(nurse, patient))
        assert f'<a href="{page(patient)}#id_weight_measured">' in found

    def test_after_an_early_stop_no_planned_time_waits_for_ever(self, nurse, patient, clock):
        """CEL-15: what counts from the start is not due any more; what counts from the end is."""
        send(nurse, patient, "started")
        clock.move_to(START + timedelta(minutes=20))
        send(nurse, patient, "stopped", value="20")
        lines = shown(nurse, patient).context["lines"]
        states = {line["words"]: str(line["state"]) for line in lines}
        assert {states[f"{minutes} minutes after the start"] for minutes in (30, 45)} == {"Not due"}
        assert states["1 hour after the start"] == "Not due"
        assert states["30 minutes after the end"] == "Later"
        clock.move_to(START + timedelta(hours=3))
        gaps = [gap.words for gap, _at, _key in shown(nurse, patient).context["gaps"]]
        assert "45 minutes after the start" not in gaps
        assert "30 minutes after the end" in gaps

    def test_an_infusion_that_is_not_given_waits_for_no_observation(self, nurse, patient):
        build.client(nurse).post(
            page(patient, "not-given"), {"reason": "Fever", "version": str(stored(patient).version)}
        )
        assert stored(patient).state == "not_given"
        lines = shown(nurse, patient).context["lines"]
        assert {str(line["state"]) for line in lines} == {"Not due"}

    def test_nothing_is_due_after_the_day_on_which_the_study_ended(self, nurse, patient, clock):
        send(nurse, patient, "started")
        clock.move_to(START + timedelta(minutes=20))
        send(nurse, patient, "stopped", value="20")
        row = stored(patient)
        row.patient.ended_on = INCLUDED
        points = ledger_of(row).points(START + timedelta(days=2))
        assert {point.code: point.state for point in points}["end_1440"] == "void"
        assert {point.code: point.state for point in points}["end_720"] == "missed"


class TestSentByATablet:
    """A lost connection loses nothing: what is sent twice is stored once, in order, at the tablet's corrected time."""

    def test_the_same_key_stores_once(self, nurse, patient):
        for _again in range(2):
            assert send(nurse, patient, "started", key="a" * 32).status_code == 200
        assert kinds(patient) == ["started"]
        for _again in range(2):
            assert send(nurse, patient, "observe", key="b" * 32, point="start", **SIGNS).status_code == 200
        assert BedsideObservation.objects.count() == 1

    def test_without_a_key_nothing_is_stored(self, nurse, patient):
        answer = build.client(nurse).post(
            page(patient, "bedside"), {"do": "started"}, headers={"Accept": "application/json"}
        )
        assert "out of date" in sentences(answer)

    # PostgreSQL dates the trail by its own clock, which no test sets.
    @pytest.mark.one_engine
    def test_what_waited_is_stored_at_the_tablets_time_corrected_by_its_offset(self, nurse, patient, clock):
        """The row says offset and that it was sent later; the trail keeps the server's time."""
        clock.move_to(START + timedelta(minutes=20))
        send(nurse, patient, "started", **tapped(START, offset=3600))
        send(nurse, patient, "paused", reason="Line", **tapped(START + timedelta(minutes=5), offset=3600))
        start, pause = InfusionStep.objects.order_by("at")
        assert (start.at, start.clock_offset, start.sent_later) == (START, 3600, True)
        assert pause.at == START + timedelta(minutes=5)
        assert start.history.get().history_date == START + timedelta(minutes=20)
        words = text_of(shown(nurse, patient))
        assert "clock offset 3600 s" in words
        assert "sent later" in words

    def test_a_typed_time_has_no_offset(self, nurse, patient, clock):
        clock.move_to(START + timedelta(minutes=20))
        send(nurse, patient, "started", typed_at="10:05")
        step = InfusionStep.objects.get()
        assert (step.at, step.clock_offset, step.sent_later) == (START + timedelta(minutes=5), None, False)

    def test_the_wrong_order_is_refused_with_a_sentence_and_the_rest_is_kept(self, nurse, patient, clock):
        clock.move_to(START + timedelta(minutes=20))
        assert "not started yet" in sentences(send(nurse, patient, "paused", reason="Line", **tapped(START)))
        assert send(nurse, patient, "started", **tapped(START)).status_code == 200

    def test_an_ended_session_is_told_to_the_script(self, nurse, patient, clock):
        """ACC-05: the page keeps its entries and asks for the password."""
        browser = build.client(nurse)
        browser.get(page(patient, "bedside"))
        clock.move_to(START + timedelta(hours=1))
        headers = {"Accept": "application/json"}
        assert browser.post(page(patient, "bedside"), {"do": "started"}, headers=headers).status_code == 401

    def test_without_a_script_the_same_forms_are_sent_plainly(self, nurse, patient):
        answer = send(nurse, patient, "started", script=False)
        assert (answer.status_code, answer["Location"]) == (302, page(patient, "bedside"))
        refused = send(nurse, patient, "stopped", script=False, value="x7")
        assert refused.status_code == 422
        assert 'value="x7"' in refused.content.decode()
        assert "is not a number" in text_of(refused)
