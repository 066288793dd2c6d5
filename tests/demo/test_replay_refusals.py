"""What a replay refuses: production, a trial in use, accounts of people, each mistake by line and column."""

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from demo.replay.times import ALLOWED_DAY
from patients.models import Patient, Record, Visit
from tests.support import build
from tests.support.protocols.replayed import LANZONI, LIEGE
from trials.models import Delegation, Trial

pytestmark = pytest.mark.django_db
COLUMNS = "patient,screened,consented,included,body.age,body.sex,body.weight,body.height"
RIGHT = f"{COLUMNS}\nA1,2020-05-04,2020-05-04,2020-05-04,61,M,82,178\n"


@pytest.fixture
def trial() -> Trial:
    return build.version(LIEGE).trial


def mistakes(trial: Trial, folder: Path, table: str, *options: str, **files: str) -> list[str]:
    """Replay a table that is refused; return its mistakes, each without the folder. files: by option, their text."""
    paths = []
    for name, text in {"table": table, **files}.items():
        path = folder / f"{name}.csv"
        path.write_text(text, encoding="utf-8")
        paths += [str(path)] if name == "table" else [f"--{name}", str(path)]
    said = io.StringIO()
    with pytest.raises(CommandError, match=r"mistakes in table\.csv: no patient was stored"):
        call_command("replay", *paths, "--trial", trial.slug, *options, stdout=io.StringIO(), stderr=said)
    return [line.replace(f"{folder}/", "") for line in said.getvalue().splitlines()]


def refusal(*arguments: str) -> str:
    with pytest.raises(CommandError) as refused:
        call_command("replay", *arguments, stdout=io.StringIO())
    return str(refused.value)


@pytest.fixture
def right(tmp_path: Path) -> str:
    """Return the path of a table without mistakes."""
    path = tmp_path / "right.csv"
    path.write_text(RIGHT, encoding="utf-8")
    return str(path)


def test_production_replays_nothing(trial, right, settings):
    """P11-06: not even with everything else in order."""
    settings.PRODUCTION = True
    said = refusal(right, "--trial", trial.slug, "--reason", "to try it")
    assert said == "Production replays no table: use a training or a scratch database"
    assert not Patient.objects.exists()
    assert not User.objects.exists()


def test_a_database_with_accounts_of_people_takes_no_table(trial, right):
    """The training accounts have a password that everybody knows."""
    build.user("coordinator", trial=trial)
    assert "has accounts of people" in refusal(right, "--trial", trial.slug)
    assert not Patient.objects.exists()


def test_the_same_table_is_not_replayed_twice(trial, right):
    call_command("replay", right, "--trial", trial.slug, stdout=io.StringIO())
    assert f"{trial.slug} has patients" in refusal(right, "--trial", trial.slug)
    assert Patient.objects.count() == 1


def test_an_unknown_trial_is_answered_with_the_known_ones(trial, right):
    assert refusal(right, "--trial", "leige") == f"No trial leige. Known: {trial.slug}"


def test_every_mistake_is_listed_at_once_and_nothing_is_stored(trial, tmp_path):
    """P11-06, DAT-10: cells that cannot be read, and what the steps of a patient refuse."""
    table = (
        f"{COLUMNS},died,D28.on\n"
        "A1,2020-05-04,2020-05-04,2020-05-04,61,X,82,178,,\n"
        "A2,2020-05-04,2020-05-04,2020-13-04,sixty,M,82,178,,\n"
        "A3,2020-05-04,2020-05-04,2020-05-04,17,M,82,178,,\n"
        "A4,2020-05-04,2020-05-04,2020-05-04,61,M,82,178,2020-05-01,\n"
        "A5,2020-05-04,2020-05-04,2020-05-04,61,M,82,178,,2020-05-01\n"
        "A1,2020-05-04,2020-05-04,2020-05-04,61,M,82,178,,\n"
    )
    assert mistakes(trial, tmp_path, table) == [
        "table.csv line 2 body.sex: “X” cannot be chosen here. Allowed: F, M, ?ND, ?UNK, ?NA.",
        "table.csv line 3 body.age: “sixty” is not a number: type it like 1234.5.",
        f"table.csv line 3 included: “2020-13-04” does not exist: allowed is {ALLOWED_DAY}.",
        "table.csv line 4 included: This criterion does not allow inclusion: I1.",
        "table.csv line 5 died: The study cannot end before the inclusion.",
        "table.csv line 6 D28.on: This day is before the screening.",
        "table.csv line 7 patient: Patient “A1” stands in an earlier line: one line each.",
    ]
    for model in (Patient, Record, Visit, User, Delegation):
        assert not model.objects.exists()


def test_a_misspelt_column_is_told_with_the_names_close_to_it(trial, tmp_path):
    table = RIGHT.replace("body.height", "body.hight").replace("consented", "consent")
    said = mistakes(trial, tmp_path, table)
    assert said[0].startswith(
        "table.csv line 1 body.hight: No column has this name. Close names: body.height, "
    )
    assert said[1].startswith("table.csv line 1 consent: No column has this name. Close names: consented, ")
    assert (
        said[2]
        == "table.csv line 1 consented: The column is missing: add it, or state it for every line: --set consented=…"
    )
    assert len(said) == 3


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("D28.body.sex", "D28 does not ask the form body: its forms are status."),
        (
            "status.alive",
            "The screening does not ask this form: name the visit (D28.status.alive, D90.status.alive).",
        ),
        ("infusion.4.started", "The protocol has 3 infusions: infusion.1.started is the first."),
        ("arm", "The protocol does not randomise: clear the cell."),
    ],
)
def test_a_column_that_the_protocol_does_not_have_is_told_with_those_it_has(trial, tmp_path, column, said):
    line = 2 if column == "arm" else 1
    table = RIGHT.replace("\n", f",{column}\n", 1).replace("178\n", "178,Y\n")
    assert mistakes(trial, tmp_path, table) == [f"table.csv line {line} {column}: {said}"]


def test_mistakes_of_further_files_name_the_file(trial, tmp_path):
    """An unknown patient, a visit that the protocol lacks, one stated twice, and an event with unknown codes."""
    table = RIGHT.replace("\n", ",D28.status.alive,D28.status.contact_on\n", 1).replace("178\n", "178,Y,28\n")
    visits = "patient,visit,on\nA2,D28,2020-06-01\nA1,D29,2020-06-01\nA1,D28,2020-06-01\n"
    events = (
        "patient,term,onset,grade,seriousness,outcome,action_taken,causality\n"
        "A1,Fever,2020-05-40,6,very,cured,none,maybe\n"
    )
    said = mistakes(trial, tmp_path, table, visits=visits, events=events)
    assert [line.partition(": ")[0] for line in said] == [
        "events.csv line 2 causality", "events.csv line 2 grade", "events.csv line 2 ongoing",
        "events.csv line 2 onset", "events.csv line 2 outcome", "events.csv line 2 seriousness",
        "visits.csv line 2 patient",
        "visits.csv line 3 visit", "visits.csv line 4 visit",
    ]  # fmt: skip
    assert said[1] == "events.csv line 2 grade: “6” is not offered: allowed is 1, 2, 3, 4, 5."
    assert said[6] == "visits.csv line 2 patient: table.csv has no patient “A2”."
    assert said[8] == "visits.csv line 4 visit: D28 of patient “A1” is stated elsewhere too: state it once."


def test_a_number_of_a_study_day_needs_the_start_of_the_count(trial, tmp_path):
    """DAT-05: no day comes from the clock of the machine."""
    said = mistakes(trial, tmp_path, RIGHT.replace("2020-05-04", "0"))
    assert said[0] == (
        "table.csv line 2 consented: A number of a study day needs the day from which it counts: --start 2020-04-25."
    )
    assert len(said) == 3


def test_an_infusion_needs_its_volume_and_its_duration(trial, tmp_path):
    table = RIGHT.replace("\n", ",infusion.1.started\n", 1).replace("178\n", "178,2020-05-05\n")
    assert [line.partition(": ")[0] for line in mistakes(trial, tmp_path, table)] == [
        "table.csv line 1 infusion.1.interrupted", "table.csv line 1 infusion.1.minutes",
        "table.csv line 1 infusion.1.volume_ml",
    ]  # fmt: skip


def test_a_day_that_has_not_come_is_refused_by_its_step(trial, tmp_path):
    """A table cannot tell the future: the steps compare with the clock of the server, as always."""
    said = mistakes(trial, tmp_path, RIGHT.replace("2020-05-04,61", "2050-05-04,61"))
    assert said == ["table.csv line 2 included: This day has not come yet. Check the year."]


def test_arms_that_the_protocol_could_not_have_drawn_are_refused(tmp_path):
    """RND-01: three to one is no ratio of one to one, however the places are dealt."""
    masked = build.version(LANZONI).trial
    lines = [f"A{number},cells,2020-05-04,2020-05-04,2020-05-04,61,M,82,178" for number in range(1, 7)]
    table = "\n".join([COLUMNS.replace("patient", "patient,arm"), *lines]) + "\n"
    (said,) = mistakes(masked, tmp_path, table)
    assert said.startswith(
        "table.csv line 1 arm: Line 4: from the first place of the stratum to here the arms"
    )


def test_arms_are_stated_for_all_included_patients_or_for_none(tmp_path):
    masked = build.version(LANZONI).trial
    lines = [
        f"A{number},{arm},2020-05-04,2020-05-04,2020-05-04,61,M,82,178"
        for number, arm in ((1, "cells"), (2, ""))
    ]
    table = "\n".join([COLUMNS.replace("patient", "patient,arm"), *lines]) + "\n"
    assert "table.csv line 3 arm: Other patients have an arm: state it for all, or for none." in mistakes(
        masked, tmp_path, table
    )


def test_what_is_stated_for_every_line_must_be_a_column(trial, tmp_path):
    said = mistakes(trial, tmp_path, RIGHT, "--set", "event.colour=red", "--set", "body.hight=178")
    assert said[0] == "--set line 1 event.colour: The file of adverse events has no such column."
    assert said[1].startswith(
        "table.csv line 1 body.hight: No column has this name. Close names: body.height, "
    )
    assert len(said) == 2


def test_nothing_of_a_patient_who_was_not_included_is_dropped_in_silence(trial, tmp_path):
    """DAT-01: visits, events and infusions of the time after the inclusion are mistakes."""
    table = (
        f"{COLUMNS},D28.status.alive,infusion.1.started\n"
        "A1,2020-05-04,2020-05-04,,61,M,82,178,Y,2020-05-05\n"
        "A2,2020-05-04,2020-05-04,,61,M,82,178,,\n"
        "A3,2020-05-04,2020-05-04,,61,M,82,178,Y,\n"
    )
    events = (
        "patient,term,onset,end,grade,seriousness,outcome,action_taken\n"
        "A2,Fever,2020-05-04,2020-05-05,1,none_of_these,recovered,none\n"
    )
    options = [
        part
        for name in ("minutes=60", "volume_ml=100", "interrupted=N")
        for part in ("--set", f"infusion.1.{name}")
    ]
    only = "is not included: only the screening is replayed. Leave it out."
    later = "The patient is not included: state the day of inclusion, or clear the cell."
    assert mistakes(trial, tmp_path, table, *options, events=events) == [
        f"events.csv line 2 term: Patient “A2” {only}",
        f"table.csv line 2 infusion.1.started: {later}",
        f"table.csv line 4 D28.status.alive: Patient “A3” {only}",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("patient,screened\nA1\n", "table.csv line 2: The line has 1 cells, the names of the columns are 2."),
        (
            "screened\n2020-05-04\n",
            "table.csv line 1 patient: The column is missing: it names the patient of each line.",
        ),
        ("patient,a,a\nA1,,\n", "table.csv line 1 a: 2 columns have this name: a name stands once."),
        ("patient\n", "table.csv line 1: The file has no line below the names of the columns."),
        ('patient\n"A1\n', "table.csv line 2: This line cannot be read as CSV: unexpected end of data."),
    ],
)
def test_a_file_of_the_wrong_shape_is_told(trial, tmp_path, text, said):
    assert said in mistakes(trial, tmp_path, text)
