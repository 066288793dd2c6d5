"""Two invented studies in the shape of published tables are replayed; every figure was counted by hand."""

import csv
import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import transaction
from django.urls import reverse

from accounts.models import User
from dosing.models import AllocationSlot, Infusion, LateInfusion, Preparation
from patients.models import EligibilityDecision, Patient, Record, Visit
from safety.models import AdverseEvent
from tests.support import build
from tests.support.protocols.replayed import LANZONI, LIEGE
from trials.models import Trial

pytestmark = pytest.mark.django_db
TABLES = Path(__file__).parent / "replayed"


def stated(**constants: str) -> list[str]:
    """Return the options of what is stated for every line; a double underscore stands for the point."""
    return [
        part for name, value in constants.items() for part in ("--set", f"{name.replace('__', '.')}={value}")
    ]


def of_infusions(numbers: int, **constants: str) -> list[str]:
    """Return the options of what is stated for every infusion."""
    named = {
        f"infusion__{number}__{name}": value
        for number in range(1, numbers + 1)
        for name, value in constants.items()
    }
    return stated(**named)


def replayed(trial: Trial, name: str, *options: str) -> str:
    """Replay a table of the folder; return what the command says."""
    said = io.StringIO()
    call_command("replay", str(TABLES / f"{name}.csv"), "--trial", trial.slug, *options, stdout=said)
    return said.getvalue()


@pytest.fixture(scope="module")
def studies(django_db_setup, django_db_blocker) -> Iterator[dict[str, tuple[Trial, str]]]:
    """Both studies, replayed once: each trial with what the command said."""
    with django_db_blocker.unblock(), transaction.atomic():
        masked = build.version(LANZONI).trial
        of_masked = replayed(
            masked, "lanzoni_like", "--events", str(TABLES / "lanzoni_like_events.csv"), "--start", "2020-04-25",
            "--reason", "to compare with the paper",
            *stated(screened="-1", consented="-1", included="0", event__action_taken="none"),
            *of_infusions(2, minutes="30", volume_ml="50", interrupted="N"),
        )  # fmt: skip
        series = build.version(LIEGE.replace("same_donor", "chain = true\nsame_donor")).trial
        of_series = replayed(
            series, "liege_like", "--visits", str(TABLES / "liege_like_visits.csv"),
            "--events", str(TABLES / "liege_like_events.csv"), "--day-zero", "infusion", "--first-day", "1",
            *of_infusions(3, minutes="60", volume_ml="100", interrupted="N"),
        )  # fmt: skip
        yield {"randomised": (masked, of_masked), "series": (series, of_series)}
        transaction.set_rollback(True)


@pytest.fixture
def randomised(studies) -> tuple[Trial, str]:
    """Return 24 patients of a masked trial in two published arms, and what the command said."""
    return studies["randomised"]


@pytest.fixture
def series(studies) -> tuple[Trial, str]:
    """Return six patients of an open trial that asks for the product chain, and what the command said."""
    return studies["series"]


def outcomes(trial: Trial) -> dict[tuple[str, str, str], dict[str, str]]:
    """Return the rows of the CSV of the outcomes by reading, part and figure."""
    statistician = build.client(User.objects.get(username="statistician"))
    response = statistician.get(reverse("reports:outcomes", args=[trial.slug], query={"format": "csv"}))
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    rows = csv.DictReader(io.StringIO(text[text.index("outcome,type") :]))
    return {(row["reading"], row["part"], row["figure"]): row for row in rows}


def groups(trial: Trial) -> list[tuple[str, int, int, int, int]]:
    """Return the table of adverse events by term: patients, events, serious ones, worst grade."""
    statistician = build.client(User.objects.get(username="statistician"))
    page = statistician.get(reverse("reports:event-groups", args=[trial.slug]), {"by": "term"})
    found = [(line.term, line.group) for line in page.context["listing"].passing]
    return [(term, each.patients, each.events, each.serious, each.worst_grade) for term, each in found]


def of(trial: Trial, label: str) -> Patient:
    """Return the patient whom the table calls so."""
    return Patient.objects.get(trial=trial, identity__hospital_number=label)


class TestRandomisedStudy:
    def test_survival_of_both_arms_is_the_product_that_the_table_gives(self, randomised):
        """OUT-01, OUT-03: cells die on days 20 and 26, one is lost on 22; controls die on 4, 9, 13, 21, 27, 40."""
        found = outcomes(randomised[0])
        cells, control = (found["time", arm, "share"] for arm in ("cells", "control"))
        # One of twelve dies, one is lost, one of ten dies.
        assert float(cells["value"]) == pytest.approx(float(Fraction(11, 12) * Fraction(9, 10)))
        # Two of twelve die, one withdraws, two of nine die on one day, then one of 7, 6 and 5.
        left = Fraction(10, 12) * Fraction(7, 9) * Fraction(6, 7) * Fraction(5, 6) * Fraction(4, 5)
        assert float(control["value"]) == pytest.approx(float(left))
        assert [(each["patients"], each["yes"]) for each in (cells, control)] == [("12", "2"), ("12", "7")]
        assert found["time", "control", "median_time"]["value"] == "27.0"

    def test_patients_with_a_serious_event_are_counted_by_arm(self, randomised):
        """OUT-01, OUT-04: P03 and P09 of the cells, P13 and P21 of the controls."""
        found = outcomes(randomised[0])
        parts = {part: row for (reading, part, _figure), row in found.items() if reading == "patients"}
        counts = {part: (row["yes"], row["no"], row["undetermined"]) for part, row in parts.items()}
        assert counts == {"": ("4", "20", "0"), "cells": ("2", "10", "0"), "control": ("2", "10", "0")}
        assert found["patients", "", "proportion"]["p"] == "1.0"

    def test_the_table_of_events_has_the_terms_of_the_file(self, randomised):
        """SAF-14: bradycardia is one patient with two events."""
        assert groups(randomised[0]) == [
            ("", 6, 7, 4, 5), ("Respiratory failure", 2, 2, 2, 5), ("Sinus bradycardia", 1, 2, 0, 2),
            ("Acute kidney injury", 1, 1, 1, 3), ("Fever", 1, 1, 0, 1), ("Multi-organ failure", 1, 1, 1, 5),
        ]  # fmt: skip

    def test_every_patient_has_the_published_arm_by_an_ordinary_allocation(self, randomised):
        """RND-02: the arms became a sealed list, whose places were taken when the eligibility was signed."""
        trial, _said = randomised
        with (TABLES / "lanzoni_like.csv").open(encoding="utf-8") as file:
            published = {row["patient"]: row["arm"] for row in csv.DictReader(file)}
        taken = AllocationSlot.objects.filter(trial=trial, patient__isnull=False)
        assert dict(taken.values_list("patient__identity__hospital_number", "arm")) == published
        assert EligibilityDecision.objects.filter(patient__trial=trial).count() == 24
        # In every block of four of the list the arms are in balance, whatever the order of the table.
        arms = list(
            AllocationSlot.objects.filter(trial=trial).order_by("position").values_list("arm", flat=True)
        )
        assert [arms[place : place + 4].count("cells") for place in range(0, 24, 4)] == [2] * 6

    def test_what_the_table_leaves_out_is_not_invented(self, randomised):
        """DAT-01: no second infusion of P12, no product, no visit without a value."""
        trial, said = randomised
        states = dict(Infusion.objects.filter(patient=of(trial, "P12")).values_list("number", "state"))
        assert states == {1: "given", 2: "planned"}
        assert not Preparation.objects.filter(patient__trial=trial).exists()
        assert dict(of(trial, "P03").visits.values_list("code", "state")) == {
            "SCR": "held", "INF1": "held", "INF2": "held", "D28": "planned", "D60": "planned", "D90": "planned",
        }  # fmt: skip
        missed = Visit.objects.get(patient__trial=trial, state="missed")
        assert (missed.patient, missed.code) == (of(trial, "P02"), "D60")
        assert missed.missed_reason == "Not stated in the replayed table"
        assert "infusions: 47\n" in said
        assert "ends of study: 13\n" in said

    def test_numbers_count_from_the_day_of_inclusion_and_a_day_without_time_is_noon(self, randomised):
        """DAT-05: P09 states the time of the first infusion."""
        trial, _said = randomised
        patient = of(trial, "P09")
        assert (str(patient.screened_on), str(patient.enrolled_on), str(patient.ended_on)) == (
            "2020-04-24", "2020-04-25", "2020-05-21",
        )  # fmt: skip
        assert list(patient.infusions.order_by("number").values_list("started", flat=True)) == [
            "2020-04-25T14:30+02:00[Europe/Brussels]", "2020-04-28T12:00+02:00[Europe/Brussels]",
        ]  # fmt: skip
        assert str(of(trial, "P05").visits.get(code="D28").held_on) == "2020-05-17"

    def test_the_trail_names_the_replay_its_account_and_its_file(self, randomised):
        """AUD-02, AUD-10."""
        trial, _said = randomised
        rows = [*Patient.history.filter(trial=trial), *Record.history.filter(patient__trial=trial),
                *AdverseEvent.history.filter(trial=trial), *Infusion.history.filter(patient__trial=trial)]  # fmt: skip
        names = {row.history_user_name for row in rows}
        assert "system:replay for coordinator" in names
        assert all(name.startswith("system:") for name in names)
        patient = Patient.history.filter(trial=trial).first()
        reason = str(patient.history_change_reason)
        assert reason.startswith("replayed from lanzoni_like.csv (SHA-256 ")
        assert reason.endswith("): to compare with the paper")


class TestOpenSeries:
    def test_survival_counts_from_the_first_infusion(self, series):
        """OUT-01: L-3 dies on day 5, one of five; L-6 on day 34, one of the two who are still followed."""
        row = outcomes(series[0])["time", "", "share"]
        assert (row["patients"], row["yes"], row["no"]) == ("5", "2", "3")
        assert float(row["value"]) == pytest.approx(float(Fraction(4, 5) * Fraction(1, 2)))

    def test_an_onset_known_by_its_month_leaves_an_event_open(self, series):
        """OUT-02, DAT-05: the fever of June may have come after the window."""
        row = outcomes(series[0])["all", "", ""]
        assert (row["events"], row["events_undetermined"]) == ("3", "1")

    def test_a_trial_with_a_product_chain_documents_each_infusion_late(self, series):
        """CEL-14: no product is made up; each infusion is a deviation with its reason."""
        trial, said = series
        late = LateInfusion.objects.filter(patient__trial=trial)
        assert late.count() == 14
        assert {row.reason for row in late} == {
            "Replayed from a table: it has no product, no dispensed kit and no comparison at the bedside"
        }
        assert "infusions not given: 1\n" in said

    def test_a_screen_failure_stays_one(self, series):
        """P11-06."""
        patient = of(series[0], "L-5")
        assert (patient.state, patient.failure_reason) == ("screen_failed", "Transferred to another hospital")

    def test_a_visit_is_held_on_its_stated_day_or_missed_for_the_stated_reason(self, series):
        """DAT-01: day 29 counts the day of the first infusion as day 1."""
        visits = of(series[0], "L-2").visits
        assert str(visits.get(code="D28").held_on) == "2020-06-04"
        assert visits.get(code="D90").missed_reason == "Lived abroad"

    def test_a_contradiction_of_the_table_is_stored_and_listed(self, series):
        """DAT-08: the sepsis that went on ended with the death."""
        assert "an event that was still going on ends on that day" in series[1]
