"""As a statistician would: the registered outcomes of both trials rebuilt from the archive, from SDTM and from ADaM.

Each number is compared with the page of outcomes. Nothing is cleaned: what needs cleaning code is mended in the export.
"""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from django.db import transaction

from audit.context import acting
from demo.patients import Populator
from demo.people import make_people
from demo.ranges import example_laboratory
from demo.stories import CHILLS, FAILURE, FEVER, HEADACHE, PNEUMONIA, THROMBOSIS, Story
from exports.adam.expected import expected_rows
from exports.adam.readings import parameters
from exports.exporting import export
from outcomes.computing import report_of
from protocol.expressions.outcomes import outcomes_of
from tests.exports.rebuilding import covid_msv, liege
from tests.exports.rebuilding.rebuilt import Numbers
from tests.exports.rebuilding.sources import Finding, Person, annotated, from_archive, from_sdtm
from tests.support import build
from trials.access import access_to
from trials.models import Trial

NOW = datetime(2026, 9, 15, 13, 0, tzinfo=UTC)
STORIES = (
    Story(112, ends="completed", events=(FEVER, HEADACHE)),
    Story(86, entered_until=58, events=(PNEUMONIA,)),
    Story(61, ends="death", end_day=12, events=(FAILURE,)),
    Story(40, events=(CHILLS, THROMBOSIS)),
    Story(24, events=(PNEUMONIA,)),
    Story(9, infusions=1, entered_until=2),
)
VISITS = {
    "SCREENING": "SCR", "INFUSION, DAY 0": "INF1", "DAY 1": "D1", "DAY 2": "D2", "DAY 3": "D3", "DAY 7": "D7",
    "DAY 14": "D14", "DAY 28": "D28", "DAY 60": "D60", "DAY 90": "D90", "DAY 180, END OF FOLLOW-UP": "D180",
}  # fmt: skip
NORMAL = {
    "chest_imaging.ct_findings__NORMAL": Finding("FA", "OCCUR", "NORMAL", "CHEST CT"),
    "chest_imaging.xray_findings__NORMAL": Finding("FA", "OCCUR", "NORMAL", "CHEST X-RAY"),
}
HERE = Path(__file__).parent
Key = tuple[str, str, str]
pytestmark = [pytest.mark.django_db, pytest.mark.long]


@dataclass(frozen=True)
class Study:
    """A trial with its exports unpacked, and the numbers of the page of outcomes by reading, visit and part."""

    trial: Trial
    folder: Path
    page: dict[Key, dict[str, float | None]]

    @property
    def is_liege(self) -> bool:
        return self.trial.slug == build.LIEGE

    def people(self, source: str) -> list[Person]:
        """Read the patients from `csv` or `sdtm`."""
        items = () if self.is_liege else (*covid_msv.ITEMS, *NORMAL)
        if source == "csv":
            return from_archive(self.folder / source, items)
        found = annotated(self.folder / source, items)
        return from_sdtm(self.folder / source, found if self.is_liege else found | NORMAL, VISITS)


def filled(slug: str) -> Trial:
    """Return a trial with patients who died, stopped, were dosed and had events, stored by the ordinary verbs."""
    trial = build.trial(slug)
    with acting(system="test"):
        people = make_people([trial], build.PASSWORD)
        example_laboratory(trial)
    populator = Populator(trial, people, build.PASSWORD, seed=20)
    for story in STORIES:
        populator.create(story)
    return trial


def shown(trial: Trial) -> dict[Key, dict[str, float | None]]:
    """Return the numbers that the page of outcomes shows to somebody who may know the arms."""
    report = report_of(access_to(user=build.user("statistician", trial=trial), slug=trial.slug))
    found: dict[Key, dict[str, float | None]] = {}
    for parameter in parameters(outcomes_of(trial.rules).readings):
        lines = report.of(*parameter.compiled.key)
        for row in expected_rows(parameter, lines, trial.rules):
            _code, outcome, reading, visit, _split, part, number, _window, value, _method = row
            numbers = found.setdefault((f"{outcome} {reading}", visit, part), {})
            numbers[number] = None if value is None else float(value)
    return found


@pytest.fixture(scope="module", params=[build.LIEGE, build.COVID_MSV])
def study(request, django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[Study]:
    """Each trial with its archive, SDTM data sets and analysis data sets, made once."""
    folder = tmp_path_factory.mktemp("exports")
    with django_db_blocker.unblock(), time_machine.travel(NOW, tick=False), transaction.atomic():
        trial = filled(request.param)
        for code in ("csv", "sdtm", "adam"):
            packed = folder / f"{code}.zip"
            with packed.open("wb") as file, acting(system="test"):
                file.writelines(
                    export(
                        trial=trial, purpose="rebuilding", sees_treatment=True, by=None, label="test", format_code=code
                    )
                )  # fmt: skip
            with zipfile.ZipFile(packed) as archive:
                archive.extractall(folder / code)
        yield Study(trial, folder, shown(trial))
        transaction.set_rollback(True)


def differing(study: Study, numbers: dict[Key, Numbers]) -> list[object]:
    """Return the rebuilt numbers that the page does not show."""
    arms = {arm.code: arm.code.upper() for arm in study.trial.rules.arms}
    return [
        (key, name, value, expected)
        for key, found in numbers.items()
        for name, value in found.items()
        if (expected := study.page[key[0], key[1], arms.get(key[2], key[2])].get(name)) is None
        or abs(expected - value) > 1e-9
    ]


@pytest.mark.parametrize("source", ["csv", "sdtm"])
def test_the_registered_outcomes_are_rebuilt_without_cleaning_code(study, source):
    """Every reading of both trials, in Python from the archive with its reader script, and from SDTM."""
    people = study.people(source)
    numbers = liege.liege(people) if study.is_liege else covid_msv.covid_msv(people)
    assert {key[0] for key in numbers} == {key[0] for key in study.page}
    assert differing(study, numbers) == []
    known = [found for found in numbers.values() if found["yes"] and found["undetermined"]]
    assert len(known) > (0 if study.is_liege else 10)


def by_python(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the script of an archive by a bare Python, which finds no package."""
    command = [sys.executable, "-I", "-S", "outcomes.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_script_for_python_computes_every_number_of_the_page(study):
    """From the analysis data sets alone: counts, estimates, limits and tests, by group and by arm."""
    done = by_python(study.folder / "adam")
    assert (done.stderr, done.returncode) == ("", 0), done.stdout
    numbers = sum(len(each) for each in study.page.values())
    assert done.stdout.splitlines()[-1] == f"{numbers} numbers, 0 differ"


def test_the_script_for_python_tells_a_number_that_differs(study, tmp_path):
    """One answer changed in the data set."""
    folder = shutil.copytree(study.folder / "adam", tmp_path / "adam")
    path = folder / "csv" / "adout.csv"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join((*lines[:1], *lines[2:])), encoding="utf-8", newline="")
    done = by_python(folder)
    assert done.returncode == 1
    assert any(line.startswith("differs") and " patients " in line for line in done.stdout.splitlines())


def r(*command: str, folder: Path) -> str:
    """Run a script of R and return what it printed. Skips where R is not installed."""
    program = shutil.which("Rscript")
    if program is None:
        pytest.skip("R is not installed: Rscript")
    done = subprocess.run(
        [program, "--vanilla", *command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (done.stderr, done.returncode) == ("", 0), done.stdout
    return done.stdout


def test_the_script_for_r_computes_every_number_of_the_page(study):
    """R with its base packages."""
    told = r("outcomes.R", folder=study.folder / "adam")
    numbers = sum(len(each) for each in study.page.values())
    assert told.splitlines()[-1].split() == [str(numbers), "numbers,", "0", "differ"]


@pytest.mark.parametrize("source", ["csv", "sdtm"])
def test_the_registered_outcomes_are_rebuilt_in_r_too(study, source):
    """From the archive with its reader script, and from the transport files of SDTM."""
    which = "liege" if study.is_liege else "msv"
    told = r(str(HERE / "rebuilt.R"), source, source, which, folder=study.folder)
    numbers: dict[Key, Numbers] = {}
    for line in told.splitlines():
        reading, visit, part, number, value = line.split("\t")
        numbers.setdefault((reading, visit, part), {})[number] = float(value)
    assert {key[0] for key in numbers} == {key[0] for key in study.page}
    assert differing(study, numbers) == []
