"""The numbers of the report packs, worked out by hand (OUT-21)."""

import re
from datetime import timedelta

import pytest

from audit.context import acting
from dosing.allocation.slots import arm_of
from dosing.models import Infusion
from patients.models import Patient, PrescreeningRow, Query, Record, Visit
from patients.queries.threads import raise_query
from reports.home.recruitment import plan_of
from reports.packs.registry import PACKS
from tests.support import build
from tests.support.pages.every_page import patient_with_pages
from tests.support.study import cohort
from tests.support.study.packs import chapters, rows, tables

pytestmark = pytest.mark.django_db
ISO, WRITTEN = re.compile(r"\b\d{4}-\d\d-\d\d"), re.compile(r"\b\d\d-[A-Z][a-z]{2}-\d{4}\b")


@pytest.fixture
def person(trial):
    return build.user("sponsor_representative", trial=trial)


def considered(trial, people: int, outcome: str, reason: str, by) -> None:
    number = PrescreeningRow.objects.filter(trial=trial).count() + 1
    with acting(user=by, role="coordinator"):
        PrescreeningRow.objects.create(
            trial=trial, number=number, considered_on=trial.today, people=people, outcome=outcome, reason=reason,
            recorded_by=by,
        )  # fmt: skip


def given(patient: Patient, number: int, **facts) -> None:
    """Record an infusion of half an hour as given."""
    start = cohort.at(patient.enrolled_on, 10)
    clock = f"{start:%Y-%m-%dT%H:%M}+00:00[Europe/Brussels]"
    with acting(system="test"):
        Infusion.objects.update_or_create(
            patient=patient,
            number=number,
            defaults={
                "state": "given", "started": clock, "started_at": start, "ended": clock,
                "ended_at": start + timedelta(minutes=30), "weight_kg": 70, **facts,
            },
        )  # fmt: skip


def aged(trial, age: str, **more: str) -> Patient:
    """Return an included patient of an age, whose visit of screening was held."""
    patient = build.enrolled(trial=trial, demography={"age": age, **more})
    with acting(system="test"):
        Visit.objects.filter(patient=patient, code="SCR").update(state="held", held_on=patient.enrolled_on)
    return patient


def test_the_flow_begins_at_the_pre_screening_log_and_counts_each_step(trial, person):
    """OUT-21: six considered and not screened, four screened, one failed, two included, one of them died."""
    nurse = build.user("coordinator", trial=trial)
    considered(trial, 4, "not_approached", "criteria", nurse)
    considered(trial, 2, "declined", "burden", nurse)
    build.patient(trial=trial)
    failed = build.patient(trial=trial)
    first, second = build.enrolled(trial=trial), build.enrolled(trial=trial)
    given(first, 1)
    with acting(system="test"):
        Patient.objects.filter(pk=failed.pk).update(
            state="screen_failed", failed_on=failed.screened_on, failure_reason="Consent refused"
        )
        Patient.objects.filter(pk=second.pk).update(state="ended", ended_on=trial.today, end_reason="death")
    found = tables(trial, person, "final")
    steps = {step: cells[0] for step, cells in rows(found["Participants at each step"]).items()}
    assert steps == {
        "Considered": "10", "Not screened": "6", "Screened": "4", "Screen failures": "1", "In screening": "1",
        "Included": "2 (100.0 %)", "With an infusion": "1 (50.0 %)", "With every planned infusion": "0 (0.0 %)",
        "Completed": "0 (0.0 %)", "Death": "1 (50.0 %)", "Withdrawal": "0 (0.0 %)", "Lost to follow-up": "0 (0.0 %)",
        "Still in the study": "1 (50.0 %)",
    }  # fmt: skip
    assert found["Considered and not screened"]["rows"] == [
        ["Not approached", "A criterion was clearly not met", "4"],
        ["Declined", "Too many visits or examinations", "2"],
    ]
    assert found["Reasons of the screen failures"]["rows"] == [["Consent refused", "1"]]


def test_recruitment_is_counted_by_month_up_to_the_moment(trial, person):
    build.enrolled(trial=trial)
    table = tables(trial, person, "status")["Recruitment by month"]
    assert [sum(int(row[place]) for row in table["rows"]) for place in (1, 2)] == [1, 1]
    assert table["rows"][-1][3] == "1"


def test_the_months_end_with_the_plan_once_the_target_is_reached(trial, person):
    """OUT-21: a trial that is long over is no longer counted month by month to the day of printing."""
    target, ends = trial.rules.trial.target, plan_of(trial.rules.trial, None)[1]
    first = build.enrolled(trial=trial)
    with acting(system="test"):
        Patient.objects.filter(pk=first.pk).update(screened_on=ends, enrolled_on=ends)
    assert len(tables(trial, person, "status")["Recruitment by month"]["rows"]) > 1
    for _each in range(target - 1):
        patient = build.enrolled(trial=trial)
        with acting(system="test"):
            Patient.objects.filter(pk=patient.pk).update(screened_on=ends, enrolled_on=ends)
    (row,) = tables(trial, person, "status")["Recruitment by month"]["rows"]
    assert row[1:] == [str(target)] * 3 + [f"{target}.0"]


def test_the_baseline_table_has_mean_and_quartiles_of_the_last_value_before_the_infusion(trial, person):
    """OUT-21: ages 40, 50, 60, 70, so that the standard deviation is the root of 500/3; then one age is not known."""
    for age in ("40", "50", "60", "70"):
        aged(trial, age)
    with acting(system="test"):
        record = Record.objects.filter(form="demography").earliest("pk")
        record.values = {**record.values, "sex": "F"}
        record.save()
    table = tables(trial, person, "final")["Characteristics at baseline"]
    assert table["columns"][:2] == ["Characteristic", "All patients (n = 4)"]
    lines = [row[:2] for row in table["rows"]]
    assert lines[:4] == [
        ["Age at consent (years)", "4"],
        ["mean (SD)", "55.0 (12.9)"],
        ["median (quartiles)", "55.0 (45.0 to 65.0)"],
        ["range", "40 to 70"],
    ]
    assert lines[4:7] == [["Sex at birth", "4"], ["Female", "1 (25.0 %)"], ["Male", "3 (75.0 %)"]]
    with acting(system="test"):
        record = Record.objects.filter(form="demography").earliest("pk")
        record.values = {**record.values, "age": {"missing": "UNK"}}
        record.save()
    lines = [row[:2] for row in tables(trial, person, "final")["Characteristics at baseline"]["rows"]]
    assert lines[:2] == [["Age at consent (years)", "3"], ["mean (SD)", "60.0 (10.0)"]]
    assert lines[4] == ["missing", "1"]


def test_the_baseline_keeps_the_decimals_that_were_recorded(trial, person):
    """OUT-21: a range as recorded, mean and quartiles with one decimal more; of 24.25 and 27.5."""
    for index in ("24.25", "27.5"):
        aged(trial, "40")
        with acting(system="test"):
            record = Record.objects.filter(form="demography").latest("pk")
            record.values = {**record.values, "bmi": index}
            record.save()
    lines = [row[:2] for row in tables(trial, person, "final")["Characteristics at baseline"]["rows"]]
    at = next(place for place, line in enumerate(lines) if line[0].startswith("Body mass index"))
    assert lines[at + 1 : at + 4] == [
        ["mean (SD)", "25.875 (2.298)"],
        ["median (quartiles)", "25.875 (24.250 to 27.500)"],
        ["range", "24.25 to 27.50"],
    ]


def test_a_value_after_the_infusion_is_no_baseline(trial, person):
    patient = aged(trial, "40")
    given(patient, 1)
    with acting(system="test"):
        after = Visit.objects.filter(patient=patient).exclude(code="SCR").earliest("position")
        Visit.objects.filter(pk=after.pk).update(
            state="held", held_on=patient.enrolled_on + timedelta(days=1)
        )
        Record.objects.create(
            patient=patient, visit=after, protocol=patient.protocol, form="demography", state="complete",
            values={"age": "99"},
        )  # fmt: skip
    lines = [row[:2] for row in tables(trial, person, "final")["Characteristics at baseline"]["rows"]]
    assert lines[0] == ["Age at consent (years)", "1"]
    assert lines[2] == ["median (quartiles)", "40.0 (40.0 to 40.0)"]


def test_exposure_counts_infusions_by_number_and_by_patient(trial, person):
    first, second = build.enrolled(trial=trial), build.enrolled(trial=trial)
    given(first, 1)
    given(first, 2, interrupted="Y", interruption_reason="Cough")
    given(second, 1)
    found = tables(trial, person, "dsmb-open")
    by_number = {tuple(row[:2]): row[2] for row in found["Infusions"]["rows"]}
    assert by_number["Infusion 1", "given"] == "2 (100.0 %)"
    assert by_number["Infusion 2", "given"] == "1 (50.0 %)"
    assert by_number["Infusion 2", "interrupted"] == "1 (50.0 %)"
    assert by_number["Infusion 1", "minutes, median (quartiles)"] == "30 (30 to 30)"
    by_patient = {step: cells[0] for step, cells in rows(found["Infusions by patient"]).items()}
    assert by_patient == {"0": "0 (0.0 %)", "1": "1 (50.0 %)", "2": "1 (50.0 %)", "Infusions given": "3"}


def test_events_are_counted_by_class_term_and_worst_grade(trial, person):
    """OUT-21, SAF-14: a patient counts once in a line, with the worst grade there; events in error count nowhere."""
    doctor = build.user("investigator", trial=trial)
    ill, other = (build.enrolled(trial=trial, investigator=doctor) for _each in range(2))
    build.event(patient=ill, by=doctor, term="Fever", grade=1)
    build.event(patient=ill, by=doctor, term="fever", grade=3)
    build.event(patient=other, by=doctor, term="Fever", grade=2)
    wrong = build.event(patient=other, by=doctor, term="Chills", grade=2)
    with acting(system="test"):
        type(wrong).objects.filter(pk=wrong.pk).update(in_error_reason="Another patient")
    found = tables(trial, person, "dsmb-open")
    assert found["Adverse events by class"]["rows"][0][:3] == ["All events", "2 (100.0 %)", "3"]
    by_term = {row[1]: row[2:4] for row in found["Adverse events by organ class and term"]["rows"]}
    assert by_term[""] == ["2 (100.0 %)", "3"]
    assert [cells for term, cells in by_term.items() if term.casefold() in ("fever", "pyrexia")] == [
        ["2 (100.0 %)", "3"]
    ]
    worst = found["Patients by worst grade: All patients"]
    assert worst["columns"][2:] == [f"Grade {grade}" for grade in range(1, 6)]
    assert worst["rows"][0][2:] == ["0 (0.0 %)", "1 (50.0 %)", "1 (50.0 %)", "0 (0.0 %)", "0 (0.0 %)"]


def test_the_list_of_serious_events_names_no_arm_and_no_person(trial, person):
    doctor = build.user("investigator", trial=trial, full_name="Ada Doctor")
    patient = build.enrolled(trial=trial, investigator=doctor)
    build.event(
        patient=patient, by=doctor, term="Sepsis", grade=4, seriousness=frozenset({"hospitalisation"}),
        aware=build.moment(f"{trial.today:%d-%b-%Y} 00:05"), serious_aware=None,
    )  # fmt: skip
    (line,) = tables(trial, person, "dsmb-open")["Line listing of serious adverse events"]["rows"]
    assert (line[0], line[2], line[4], line[8]) == (patient.code, "Sepsis", "4", "not yet")
    assert line[5] == "Hospitalisation or its prolongation"
    assert not any("Ada" in cell for cell in line)
    waiting = tables(trial, person, "status")["Events not reported to the sponsor"]["rows"]
    assert [row[:3] for row in waiting] == [[patient.code, "1", "Sepsis"]]


def test_missing_data_counts_the_forms_that_held_visits_ask_for(trial, person):
    cohort.patients(trial, 2)
    found = tables(trial, person, "dsmb-open")
    by_visit = {row[0].partition(" ")[0]: row[1:] for row in found["Forms by visit"]["rows"]}
    required = sum(entry.when == "required" for entry in trial.rules.visits[0].forms)
    assert int(by_visit["SCR"][0]) == 2 * required
    for name in ("Forms", "Forms by visit"):
        for row in found[name]["rows"]:
            complete = int(row[2].split(" ")[0])
            assert int(row[1]) == complete + int(row[3]) + int(row[4])
    # The first patient of the cohort has a draft at the last visit.
    assert sum(int(row[3]) for row in found["Forms by visit"]["rows"]) == 1


def test_the_monitoring_pack_lists_what_to_do(trial, person):
    patient = build.enrolled(trial=trial)
    monitor = build.user("monitor", trial=trial)
    with acting(user=monitor):
        raise_query(
            record=Record.objects.get(patient=patient, form="demography"), item="height", text="Was it measured?",
            origin=Query.Origin.MONITOR, by=monitor, role="monitor",
        )  # fmt: skip
    found = tables(trial, person, "monitoring")
    (asked,) = found["Queries not closed"]["rows"]
    assert asked[:4] == [patient.code, "SCR · Demography", "height", "Was it measured?"]
    (consent,) = found["Consents"]["rows"]
    assert (consent[0], consent[2], consent[4]) == (patient.code, "Patient", "–")
    (verified,) = found["Source data verification"]["rows"]
    assert verified[0] == patient.code
    assert int(verified[3]) == len(verified[4].split("; "))


def test_days_and_moments_are_written_as_on_every_page():
    """OUT-21: a serious event that was reported, deviations, consents, queries; nobody reads 2026-08-15 09:20+02:00."""
    patient = patient_with_pages()
    person = build.user("statistician", trial=patient.trial)
    cells = [
        f"{code} {title}: {cell}"
        for code in PACKS
        for title, table in tables(patient.trial, person, code).items()
        for line in table["rows"]
        for cell in line
    ]
    assert sum(bool(WRITTEN.search(cell)) for cell in cells) > 5
    assert not any(ISO.search(cell) for cell in cells), [cell for cell in cells if ISO.search(cell)]


def test_the_closed_report_has_a_column_for_each_arm():
    """BLD-01: the numbers of an arm are those of its patients."""
    trial = build.trial(build.COVID_MSV)
    doctor, board = build.user("investigator", trial=trial), build.user("data_monitoring_board", trial=trial)
    patients = [build.enrolled(trial=trial, investigator=doctor) for _each in range(3)]
    build.event(patient=patients[0], by=doctor, grade=3)
    titles = [arm_of(each).title.in_language("en") for each in patients]
    found = tables(trial, board, "dsmb-closed")
    arms = [arm.title.in_language("en") for arm in trial.rules.arms]
    columns = [*(f"{arm} (n = {titles.count(arm)})" for arm in arms), "All patients (n = 3)"]
    assert found["Participants at each step"]["columns"][1:] == columns
    first = found["Adverse events by class"]["rows"][0]
    of_arm = dict(zip(arms, first[2::2], strict=False))
    assert of_arm[titles[0]] == "1"
    assert sum(int(number) for number in of_arm.values()) == 1
    assert f"Patients by worst grade: {titles[0]}" in found


@pytest.mark.parametrize("code", [code for code in PACKS if code != "dsmb-closed"])
@pytest.mark.parametrize("slug", [build.LIEGE, build.COVID_MSV])
def test_every_table_says_where_its_numbers_come_from_and_something_true_without_a_patient(code, slug):
    """OUT-21: an empty trial has packs too."""
    trial = build.trial(slug)
    for part in chapters(trial, build.user("sponsor_representative", trial=trial), code):
        assert part["tables"] or part["figures"] or part["title"] == "Figures"
        for table in part["tables"]:
            assert len(table["how"]) > 20
            assert table["rows"] or table["empty"]
            assert all(cell != "" or place for row in table["rows"] for place, cell in enumerate(row))
