"""The page of the outcomes: numbers and the patients behind them, who may read the arms, the CSV, the cache."""

import csv
import io
from dataclasses import replace

import pytest
from django.db import OperationalError
from django.urls import reverse

from audit.context import acting
from audit.models import AccessEvent
from outcomes.computing import OutcomeReport, computed, report_of, results_of, shows_arms
from outcomes.lines import OutcomeComparison, OutcomeFigure
from outcomes.statistics.contingency import COMMON_ODDS_RATIO, mantel_haenszel
from outcomes.statistics.estimates import Estimate
from outcomes.statistics.welch import WELCH, WELCH_LIMITS
from patients.models import Patient, Record
from protocol.expressions.outcomes import outcomes_of
from reports.outcomes.csv_rows import line_rows
from reports.outcomes.page import OutcomePage
from reports.outcomes.words import FIGURES, figure_words, percent_words
from safety.models import AdverseEvent
from tests.support import build
from tests.support.pages import blinding
from tests.support.pages.event_forms import text_of
from tests.support.study.bedside import INCLUDED
from trials.access import access_to
from trials.roles import ROLES

pytestmark = pytest.mark.django_db
MAY_READ_ARMS = {"statistician", "inspector"}


@pytest.fixture
def outcomes():
    """An open trial with one included patient, and its investigator."""
    trial = build.trial()
    doctor = build.user("investigator", trial=trial)
    patient = build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
    return trial, patient, doctor


def address(trial, **query) -> str:
    return reverse("reports:outcomes", args=[trial.slug], query=query)


def line(response, outcome: str, reading: str):
    """Return the first line of a reading on the page: that of all patients."""
    shown = next(each for each in response.context["page"].outcomes() if each.outcome.id == outcome)
    return next(each for each in shown.readings if each.reading.code == reading).lines[0]


def rows_of(response) -> list[dict[str, str]]:
    """Return a CSV as rows."""
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_the_page_shows_every_outcome_of_the_protocol_with_its_choices(outcomes):
    """OUT-01: each of the five; where the source leaves a choice, the reason stands beside."""
    trial, _patient, doctor = outcomes
    response = build.client(doctor).get(address(trial))
    assert [each.outcome.id for each in response.context["page"].outcomes()] == [
        "L-P1", "L-P2", "L-P3", "L-P4", "L-S1",
    ]  # fmt: skip
    text = text_of(response)
    assert "The source says above 3: read literally as grade 4 or 5." in text
    assert "exact limits (Clopper-Pearson)" in text


def test_the_numbers_follow_the_events_and_leave_out_those_in_error(outcomes):
    """OUT-01, OUT-02: an unassessed event is undetermined."""
    trial, patient, doctor = outcomes
    build.event(patient=patient, by=doctor, causality="possible")
    build.event(patient=patient, by=doctor, term="Rash", causality="")
    error = build.event(patient=patient, by=doctor, term="Cough", causality="possible")
    with acting(system="test"):
        AdverseEvent.objects.filter(pk=error.pk).update(in_error_reason="another patient")
    client = build.client(doctor)
    found = line(client.get(address(trial)), "L-S1", "ar").line
    assert (found.patients, found.yes, found.events, found.events_undetermined) == (1, 1, 1, 1)
    behind = client.get(address(trial, outcome="L-S1", reading="ar", answer="yes"))
    (row,) = behind.context["behind"].rows()
    assert [(event.term, event.certain, event.missing) for event in row.events] == [
        ("Fever", True, []),
        ("Rash", False, ["Adverse event: causality"]),
    ]
    assert "AE 2 · Rash" in text_of(behind)


def test_each_number_leads_to_its_patients_and_to_what_is_missing(outcomes):
    """OUT-02: form and item of an undetermined answer."""
    trial, patient, doctor = outcomes
    client = build.client(doctor)
    shown = line(client.get(address(trial)), "L-P3", "dead")
    assert (shown.line.yes, shown.line.no, shown.line.undetermined) == (0, 0, 1)
    behind = client.get(address(trial) + shown.addresses["open"])
    (row,) = behind.context["behind"].rows()
    assert (row.patient, row.verdict) == (patient.code, "Undetermined")
    assert row.missing == ["Vital status: Date of death", "Vital status: Last contact"]
    nobody = client.get(address(trial) + shown.addresses["yes"])
    assert nobody.context["behind"].rows() == []
    assert "No patient is behind this number." in text_of(nobody)


def test_a_comparison_of_means_and_one_within_strata_name_their_methods(outcomes):
    """OUT-03: Welch's difference is in the unit of the item, no share; the correction of Mantel-Haenszel is named.

    Its figures are those of R 4.2.2, `mantelhaen.test(correct = FALSE)`.
    """
    trial, _patient, doctor = outcomes
    access = access_to(user=doctor, slug=trial.slug)
    report = report_of(access)
    means = OutcomeComparison(
        ("A", "B"), 0.0316, WELCH, Estimate(-50.0, -91.6, -8.4, WELCH_LIMITS), of_means=True
    )
    strata = mantel_haenszel([(2, 1, 1, 2), (3, 1, 2, 2)], corrected=False)
    line = replace(report.lines[0], figures=(), comparison=means, stratified=strata)
    assert OutcomePage(access, report).shown(line).figures == [
        ("p = 0.032", "Welch's t test, two-sided"),
        ("Difference -50.0 (-91.6 to -8.4)", "limits of the difference of two means by Welch"),
        ("p = 0.314", "Mantel-Haenszel test without continuity correction"),
        ("Odds ratio 3.4 (0.361 to 32.1)", COMMON_ODDS_RATIO),
    ]  # fmt: skip
    nothing = replace(line, comparison=None, stratified=mantel_haenszel([(0, 3, 0, 3)], corrected=True))
    assert OutcomePage(access, report).shown(nothing).figures == [
        ("No stratum compares the arms.", "Mantel-Haenszel test with continuity correction")
    ]
    rows = list(line_rows(OutcomeReport((line,), 1), trial.rules))
    told = dict(zip(rows[0], rows[1], strict=True))
    assert (told["p"], told["difference"], told["difference_low"]) == ("0.0316", "-50.0", "-91.6")
    assert told["stratified_test"] == "Mantel-Haenszel test without continuity correction"


@pytest.mark.parametrize(
    "query",
    [
        {"outcome": "XX", "reading": "ar"},
        {"outcome": "L-S1"},
        {"outcome": "L-S1", "reading": "ar", "visit": "D99"},
        {"outcome": "L-S1", "reading": "ar", "answer": "?"},
        {"outcome": "L-S1", "reading": "ar", "split": "group", "part": "C"},
        {"outcome": "L-S1", "reading": "ar", "split": "sex", "part": "F"},
        {"outcome": "L-S1", "reading": "ar", "part": "A"},
    ],
)
def test_an_address_of_an_unknown_number_is_refused_and_sends_no_other_file(outcomes, query):
    """OUT-02, SEC-01: a list of another number, or the whole table, is not what was asked for."""
    trial, _patient, doctor = outcomes
    client = build.client(doctor)
    for more in ({}, {"format": "csv"}):
        answer = client.get(address(trial, **query, **more))
        assert answer.status_code == 400
        assert "No outcome of this trial has such a number." in text_of(answer)
    assert not AccessEvent.objects.filter(kind="exported").exists()


def test_only_complete_forms_count(outcomes):
    """OUT-02: a draft of the vital status decides nothing."""
    trial, patient, doctor = outcomes
    lived = {
        "survival_status": "ALIVE",
        "last_contact_on": "2026-04-20",
        "contact_by": "PHONE",
        "location": "WARD",
    }
    client = build.client(doctor)
    stored = build.record(patient, "vital_status", lived, visit="D28", draft=True)
    assert line(client.get(address(trial)), "L-P3", "dead").line.undetermined == 1
    with acting(system="test"):
        Record.objects.filter(pk=stored.pk).update(state="complete")
    found = line(client.get(address(trial)), "L-P3", "dead").line
    assert (found.no, found.undetermined) == (1, 0)


def test_a_patient_who_is_not_included_is_not_counted(outcomes):
    trial, patient, doctor = outcomes
    with acting(system="test"):
        Patient.objects.filter(pk=patient.pk).update(enrolled_on=None, state="screening")
    response = build.client(doctor).get(address(trial))
    assert line(response, "L-S1", "ar").line.patients == 0
    assert "No patient has a known answer." in text_of(response)


def test_the_lines_come_from_the_cache_until_the_trail_goes_on(outcomes, django_assert_max_num_queries):
    """OUT-05: the same object of the cache, and never an outdated one."""
    trial, patient, doctor = outcomes
    access = access_to(user=doctor, slug=trial.slug)
    first = report_of(access)
    with django_assert_max_num_queries(3):
        assert report_of(access) == first
    build.event(patient=patient, by=doctor, causality="possible")
    after = report_of(access)
    assert after.of("L-S1", "ar")[0].events == first.of("L-S1", "ar")[0].events + 1


def test_the_page_is_read_while_the_cache_takes_no_writes(outcomes, monkeypatch):
    """REL-02: the lines are computed, and not kept."""
    trial, _patient, doctor = outcomes

    def refuse(*_arguments: object) -> None:
        raise OperationalError("read-only")

    monkeypatch.setattr("outcomes.computing.cache.set", refuse)
    response = build.client(doctor).get(address(trial))
    assert line(response, "L-S1", "ar").line.patients == 1


def test_the_page_takes_the_same_queries_for_one_and_three_patients(outcomes, django_assert_max_num_queries):
    trial, patient, doctor = outcomes
    client = build.client(doctor)
    for _number in range(3):
        build.event(patient=patient, by=doctor, causality="possible")
        with django_assert_max_num_queries(24):
            client.get(address(trial))
        with django_assert_max_num_queries(14):
            client.get(address(trial))
        with django_assert_max_num_queries(20):
            client.get(address(trial, outcome="L-S1", reading="ar"))
        patient = build.neighbour(patient)


def test_the_csv_has_a_row_for_each_figure_and_is_registered(outcomes):
    """OUT-01, AUD-08: in English, with the method of each figure."""
    trial, patient, doctor = outcomes
    build.event(patient=patient, by=doctor, causality="possible")
    client = build.client(doctor)
    rows = rows_of(client.get(address(trial, format="csv")))
    first = next(row for row in rows if (row["outcome"], row["reading"]) == ("L-P1", "patients"))
    assert (first["patients"], first["no"], first["high"]) == ("1", "1", "0.975")
    assert first["method"] == "exact limits (Clopper-Pearson)"
    behind = rows_of(client.get(address(trial, outcome="L-S1", reading="ar", format="csv")))
    assert [(row["patient"], row["answer"], row["events"]) for row in behind] == [(patient.code, "yes", "1")]
    sent = AccessEvent.objects.filter(kind="exported", detail__listing="outcomes")
    assert sent.count() >= 2


@pytest.fixture
def masked():
    """The masked trial with a person in each role, and two patients infused, one in each arm."""
    from dosing.allocation.lists import generate_list

    trial = build.trial(build.COVID_MSV)
    staff = {role: build.user(role, trial=trial) for role in ROLES}
    with acting(system="test"):
        generate_list(trial=trial, by=None, seed="known")
    for _arm in range(2):
        build.enrolled(trial=trial, on=INCLUDED, investigator=staff["investigator"])
    return trial, staff


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_masked_trial_shows_the_arms_only_to_who_computes_by_arm(masked, role):
    """OUT-04, BLD-01: not to the laboratory, which knows what it prepares but must not learn how the arms do."""
    trial, staff = masked
    access = access_to(user=staff[role], slug=trial.slug)
    arms = {each.part for each in report_of(access).lines if each.split == "arm"}
    assert arms == ({"cells", "placebo"} if access.role.code in MAY_READ_ARMS else set())


def test_reading_the_arms_is_recorded_and_the_file_is_marked(masked):
    """AUD-08, BLD-01: also when the lines come from the cache."""
    trial, staff = masked
    client = build.client(staff["statistician"])
    for _cached in range(2):
        before = AccessEvent.objects.filter(kind="treatment_seen").count()
        response = client.get(address(trial))
        assert "UNBLINDED" in text_of(response)
        assert AccessEvent.objects.filter(kind="treatment_seen").count() > before
    file = client.get(address(trial, format="csv"))
    assert "UNBLINDED-outcomes.csv" in file["Content-Disposition"]
    blinded = build.client(staff["blinded_statistician"]).get(address(trial))
    assert "UNBLINDED" not in text_of(blinded)


def test_an_arm_in_the_address_lists_nobody_to_a_blinded_reader(masked):
    """BLD-01: the list behind an arm is empty without the right, whatever the address asks for."""
    trial, staff = masked
    query = {"outcome": "M-P1", "reading": "of_all", "split": "arm", "part": "cells"}
    for role, rows in (("investigator", 0), ("cell_laboratory", 0), ("statistician", 1)):
        behind = build.client(staff[role]).get(address(trial, **query)).context["behind"]
        assert len(behind.rows()) == rows


@pytest.mark.parametrize(
    "role", ["investigator", "data_monitoring_board", "cell_laboratory", "sponsor_safety"]
)
def test_no_line_and_no_list_differs_when_the_arms_are_exchanged(masked, role):
    """BLD-01, OUT-04: every reading of both outcomes and lists, beside the proof that follows each kind of page."""
    trial, staff = masked

    def read():
        access = access_to(user=staff[role], slug=trial.slug)
        readings = outcomes_of(trial.rules).readings
        return computed(access, arms=shows_arms(access)), [results_of(access, each) for each in readings]

    before = blinding.read_after(trial, blinding.as_it_is, read)
    assert before == blinding.read_after(trial, blinding.swap_arms, read)
    assert before[0].patients == 2


def test_the_lists_of_the_statistician_do_differ_when_the_arms_are_exchanged(masked):
    """BLD-01: or the test above would prove nothing."""
    trial, staff = masked
    access = access_to(user=staff["statistician"], slug=trial.slug)
    reading = next(each for each in outcomes_of(trial.rules).readings if each.key == ("M-P1", "of_all"))

    def read():
        return [(each.patient, each.arm) for each in results_of(access, reading)]

    before = blinding.read_after(trial, blinding.as_it_is, read)
    after = blinding.read_after(trial, blinding.swap_arms, read)
    assert {arm for _code, arm in before} == {"cells", "placebo"}
    assert [code for code, _arm in before] == [code for code, _arm in after]
    assert all(one[1] != other[1] for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (None, "–"),
        (0.0, "0.0"),
        (0.00505, "0.5"),
        (0.2, "20.0"),
        (0.715764, "71.6"),
        (1.0, "100.0"),
        (-0.0381, "-3.8"),
    ],
)
def test_a_share_and_its_limits_are_told_with_one_decimal_whatever_their_size(share, words):
    """Seen: 20.0 % (0.505 to 71.6 %)."""
    assert percent_words(share).replace("−", "-") == words


@pytest.mark.parametrize("kind", sorted(FIGURES))
def test_a_figure_without_limits_says_so_in_words(kind):
    """OUT-03: a curve on which nobody had the event, or a mean of one patient; seen: 100.0 % (– to – %)."""
    words = figure_words(OutcomeFigure(kind, Estimate(1.0, None, None, "")))
    assert "without" in words
    assert "–" not in words


def test_a_limit_that_is_not_reached_is_a_dash():
    """OUT-03: the upper limit of a median time."""
    words = figure_words(OutcomeFigure("median_time", Estimate(12.0, 7.0, None, "")))
    assert words == "median 12.0 days (7.0 to –)"
