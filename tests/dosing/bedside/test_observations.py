"""Observations on the page of the bedside: proposed stops, what is missing, when to give (CEL-12, CEL-15, CEL-16)."""

from datetime import timedelta

import pytest
from django.urls import reverse

from dosing.models import BedsideGap, BedsideObservation, GiveBefore, InfusionEventCheck, StopDecision
from patients.models import Deviation
from tests.dosing.bedside.conftest import SIGNS, START, send, sentences, shown
from tests.support import build
from tests.support.pages.infusions import bedside as typed_record
from tests.support.pages.infusions import page, stored, text_of
from tests.support.pages.session_end import sent_after_session_end

pytestmark = pytest.mark.django_db


@pytest.fixture
def physician(trial, patient):
    return build.user("investigator", trial=trial, full_name="Ward Doctor")


class TestObservations:
    """CEL-15."""

    def test_an_observation_is_shown_in_the_grid(self, nurse, patient, clock):
        send(nurse, patient, "observe", point="before", **SIGNS)
        clock.move_to(START + timedelta(minutes=10))
        send(nurse, patient, "started")
        clock.move_to(START + timedelta(minutes=32))
        send(nurse, patient, "observe", point="start_15", **SIGNS)
        lines = {line["code"]: line for line in shown(nurse, patient).context["lines"] if "code" in line}
        found = [str(lines[code]["state"]) for code in ("before", "start", "start_15", "start_30")]
        assert found == ["Taken", "Missed", "Taken late", "Later"]
        assert lines["start_30"]["next"]

    @pytest.mark.parametrize(
        ("changed", "sentence"),
        [
            ({"o-hr": ""}, "Answer this"), ({"o-hr": "7"}, "20"), ({"o-hr": "fast"}, "number"),
            ({"o-rhythm": "WALTZ"}, "WALTZ"), ({"point": "noon"}, "planned time"), ({"point": "end"}, "not ended"),
        ],
    )  # fmt: skip
    def test_a_refused_value_is_said_and_nothing_is_stored(self, nurse, patient, changed, sentence):
        send(nurse, patient, "started")
        assert sentence in sentences(
            send(nurse, patient, "observe", **{"point": "start", **SIGNS, **changed})
        )
        assert not BedsideObservation.objects.exists()

    def test_a_value_that_cannot_be_measured_is_marked_and_an_extra_one_may_be_short(self, nurse, patient):
        send(nurse, patient, "started")
        assert (
            send(nurse, patient, "observe", **{"point": "start", **SIGNS, "o-spo2": "ND"}).status_code == 200
        )
        assert BedsideObservation.objects.get().values["spo2"] == {"missing": "ND"}
        assert send(nurse, patient, "observe", point="", **{"o-spo2": "90"}).status_code == 200
        assert "Nothing is observed" in sentences(send(nurse, patient, "observe", point=""))

    def test_a_planned_time_is_taken_once_and_freed_by_striking_out(self, nurse, patient):
        send(nurse, patient, "started")
        send(nurse, patient, "observe", point="start", **SIGNS)
        assert "recorded already" in sentences(send(nurse, patient, "observe", point="start", **SIGNS))
        row = BedsideObservation.objects.get()
        assert "Say why" in sentences(send(nurse, patient, "strike", kind="observation", row=row.pk))
        send(nurse, patient, "strike", kind="observation", row=row.pk, reason="Another patient's signs")
        assert send(nurse, patient, "observe", point="start", **SIGNS).status_code == 200

    def test_the_checklist_waits_for_its_hour_and_asks_each_event(self, nurse, patient, clock):
        send(nurse, patient, "started")
        clock.move_to(START + timedelta(hours=1))
        send(nurse, patient, "stopped", value="100")
        events = [event.code for event in patient.protocol.rules.bedside.events]
        answers = {f"e-{code}": "N" for code in events}
        clock.move_to(START + timedelta(hours=5, minutes=59))
        assert "not answered before" in sentences(send(nurse, patient, "checklist", hours="6", **answers))
        clock.move_to(START + timedelta(hours=6))
        assert "Answer yes or no" in sentences(
            send(nurse, patient, "checklist", hours="6", **{**answers, "e-arrest": ""})
        )
        yes = {**answers, "e-arrhythmia": "Y"}
        assert "Say what happened" in sentences(send(nurse, patient, "checklist", hours="6", **yes))
        send(nurse, patient, "checklist", hours="6", **yes, **{"n-arrhythmia": "Cardioverted at 14:10"})
        done = InfusionEventCheck.objects.get()
        assert (done.answers["arrhythmia"], done.answers["arrest"]) == ("Y", "N")
        assert (done.notes, done.recorded_by.full_name) == (
            {"arrhythmia": "Cardioverted at 14:10"},
            "Ward Nurse",
        )


class TestProposedStops:
    """CEL-16: the system proposes, a physician decides, the decision is recorded."""

    @pytest.mark.parametrize(
        ("changed", "rules"),
        [
            ({"o-spo2": "90"}, []), ({"o-spo2": "89"}, ["spo2_fall"]), ({"o-reaction": "SEVERE"}, ["reaction"]),
            ({"o-reaction": "ANAPHYLAXIS"}, ["anaphylaxis"]), ({"o-rhythm": "AF"}, ["arrhythmia"]),
            ({"o-sbp": "80", "o-dbp": "50"}, ["map_fall"]), ({"o-sbp": "80", "o-dbp": "49"}, ["map_low", "map_fall"]),
            ({"o-sbp": "100", "o-dbp": "59"}, []), ({"o-spo2": "ND"}, []),
        ],
    )  # fmt: skip
    def test_a_rule_is_proposed_beyond_its_limit_and_not_at_it(self, nurse, patient, clock, changed, rules):
        send(nurse, patient, "observe", point="before", **SIGNS)
        clock.move_to(START + timedelta(minutes=5))
        send(nurse, patient, "started")
        clock.move_to(START + timedelta(minutes=20))
        send(nurse, patient, "observe", **{"point": "start_15", **SIGNS, **changed})
        assert BedsideObservation.objects.get(point="start_15").rules_met == rules

    def test_only_who_may_sign_decides_and_says_why(self, nurse, physician, patient):
        send(nurse, patient, "started")
        send(nurse, patient, "observe", point="start", **{**SIGNS, "o-reaction": "SEVERE"})
        row = BedsideObservation.objects.get()
        words = text_of(shown(nurse, patient))
        assert "Proposed: stop the infusion" in words
        assert "Call a physician" in words
        decision = {"name": "bedside-decision", "row": row.pk, "choice": "stop"}
        assert send(nurse, patient, "", **decision, reason="Rash").status_code == 403
        assert "Say why" in sentences(send(physician, patient, "", **decision))
        assert "Choose one" in sentences(
            send(physician, patient, "", **{**decision, "choice": ""}, reason="Rash")
        )
        for _again in range(2):
            assert send(physician, patient, "", **decision, reason="Rash", key="d" * 32).status_code == 200
        made = StopDecision.objects.get()
        assert (made.choice, made.reason, made.recorded_by.full_name) == ("stop", "Rash", "Ward Doctor")
        assert "already" in sentences(send(physician, patient, "", **decision, reason="Rash"))
        assert "decision first" in sentences(
            send(nurse, patient, "strike", kind="observation", row=row.pk, reason="Wrong")
        )
        assert "Decided: Stop the infusion – Rash (Ward Doctor" in text_of(shown(nurse, patient))

    def test_one_tap_opens_an_adverse_event(self, nurse, patient):
        html = shown(nurse, patient).content.decode()
        address = reverse("safety:report", args=[patient.trial.slug, patient.code])
        assert f'href="{address}?infusion=1"' in html
        assert build.client(nurse).get(f"{address}?infusion=1").status_code == 200


class TestWhatIsMissing:
    def test_a_missed_time_becomes_a_deviation_by_a_persons_decision(self, nurse, patient, clock):
        """CEL-15: missed and late are flagged; the decision is recorded once."""
        send(nurse, patient, "started")
        clock.move_to(START + timedelta(minutes=21))
        gaps = [gap.code for gap, _due, _key in shown(nurse, patient).context["gaps"]]
        assert gaps == ["time:before", "time:start", "time:start_15"]
        assert not Deviation.objects.exists()
        chosen = {"gap": "time:start_15", "choice": "deviation", "reason": "Alarm in the next room"}
        assert "Say why" in sentences(send(nurse, patient, "gap", **{**chosen, "reason": " "}))
        send(nurse, patient, "gap", **chosen)
        send(nurse, patient, "gap", gap="time:before", choice="explained", reason="Taken on paper")
        found = Deviation.objects.get()
        assert "15 minutes after the start" in str(found.description)
        assert found.category == "assessment"
        assert BedsideGap.objects.count() == 2
        assert "not missing" in sentences(send(nurse, patient, "gap", **chosen))

    def test_a_checklist_not_done_is_missing_after_its_time(self, nurse, patient, clock):
        send(nurse, patient, "started")
        clock.move_to(START + timedelta(hours=1))
        send(nurse, patient, "stopped", value="100")
        for minutes, missing in ((0, False), (1, True)):
            clock.move_to(START + timedelta(hours=8, minutes=minutes))
            gaps = [gap.code for gap, _due, _key in shown(nurse, patient).context["gaps"]]
            assert ("checklist:6" in gaps) is missing

    def test_it_is_listed_at_home_and_on_the_checklist_until_somebody_decides(
        self, nurse, trial, patient, clock
    ):
        """What is missing keeps the database from being locked unseen."""
        home, checklist = (reverse(f"reports:{name}", args=[trial.slug]) for name in ("home", "checklist"))
        assert "Bedside entr" not in text_of(build.client(nurse).get(home))
        send(nurse, patient, "started")
        clock.move_to(START + timedelta(minutes=6))
        assert "2 Bedside entries missing" in text_of(build.client(nurse).get(home))
        listed = text_of(build.client(nurse).get(f"{checklist}?point=bedside"))
        assert "Infusion 1: 15 minutes before the start" in listed
        assert "Infusion 1: At the start" in listed
        for gap in ("time:before", "time:start"):
            send(nurse, patient, "gap", gap=gap, choice="explained", reason="Taken on paper")
        assert "Bedside entr" not in text_of(build.client(nurse).get(home))
        assert "At the start" not in text_of(build.client(nurse).get(f"{checklist}?point=bedside"))

    def test_an_infusion_documented_late_misses_nothing(self, nurse, patient, clock):
        """Its series stands in the form of the visit."""
        clock.move_to(START + timedelta(days=3))
        typed = typed_record(version=str(stored(patient).version), weight_measured="10-Mar-2026 09:30")
        build.client(nurse).post(page(patient), typed)
        assert shown(nurse, patient).context["gaps"] == []


class TestGiveBefore:
    def test_the_laboratory_sets_the_time_and_the_ward_reads_it(self, nurse, trial, patient):
        laboratory = build.user("cell_laboratory", trial=trial)
        assert send(nurse, patient, "", name="give-before", typed_at="12:30").status_code == 403
        assert "Give the time" in sentences(send(laboratory, patient, "", name="give-before"))
        send(laboratory, patient, "", name="give-before", kit="K-1", typed_at="12:30")
        assert GiveBefore.objects.get().at == START + timedelta(hours=2, minutes=30)
        assert "K-1: 12:30" in text_of(shown(nurse, patient))


def test_the_page_costs_the_same_whatever_is_recorded(nurse, patient, clock, django_assert_max_num_queries):
    """The page costs a bounded number of statements."""
    send(nurse, patient, "started")
    for place, point in enumerate(("start", "start_15", "start_30")):
        clock.move_to(START + timedelta(minutes=15 * place))
        send(nurse, patient, "observe", point=point, **{**SIGNS, "o-reaction": "SEVERE"})
    with django_assert_max_num_queries(40):
        shown(nurse, patient)


def test_what_was_typed_at_the_bedside_comes_back_after_the_session_ended(nurse, physician, trial, patient):
    """ACC-05, REL-13, without the script: also what is sent to an address that cannot be opened."""
    bedside, laboratory = page(patient, "bedside"), build.user("cell_laboratory", trial=trial)
    form = sent_after_session_end(
        build.client(laboratory), bedside, to=page(patient, "give-before"), kit="K-1", typed_at="12:30"
    )
    assert (form.fields["kit"], form.fields["typed_at"]) == (["K-1"], ["12:30"])
    send(nurse, patient, "started")
    send(nurse, patient, "observe", point="start", **{**SIGNS, "o-reaction": "SEVERE"})
    decision = page(patient, "bedside-decision")
    form = sent_after_session_end(build.client(physician), bedside, to=decision, choice="stop", reason="Rash")
    assert (form.fields["choice"], form.fields["reason"]) == (["stop"], ["Rash"])
