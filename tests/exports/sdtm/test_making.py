"""Making an SDTM package: on the page, on the command line, in a number of queries that does not grow (PRV-04)."""

from datetime import date

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import AccessEvent
from patients.models import Patient
from tests.support import build
from tests.support.pages.exports import sent_export
from tests.support.study.bedside import NOW
from tests.support.study.graded_results import infused
from tests.support.study.tabulated import Package

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _march():
    with time_machine.travel(NOW, tick=False):
        yield


def test_the_package_is_made_on_the_page_and_on_the_command_line(tmp_path):
    """PRV-04: as every export it is registered, with its hash."""
    trial = build.trial(build.LIEGE)
    build.assessable(trial=trial)
    person = build.user("data_manager", trial=trial)
    answer = sent_export(person, trial, purpose="Submission", format="sdtm")
    package = Package.in_archive(b"".join(answer.streaming_content))
    assert {"define.xml", "acrf.csv", "reviewers_note.md", "xpt/dm.xpt", "dataset-json/dm.json"} <= set(
        package.files
    )
    assert AccessEvent.objects.filter(detail__stage="finished", detail__format="sdtm").count() == 1
    out = tmp_path / "study.zip"
    call_command("export", trial=trial.slug, format="sdtm", out=out)
    assert Package.in_archive(out.read_bytes()).rows("DM") == package.rows("DM")


def test_the_number_of_queries_does_not_depend_on_the_number_of_subjects():
    """REL-14: subjects are read some at a time."""
    trial = build.trial(build.LIEGE)
    counts = []
    for patients in (1, 3):
        while Patient.objects.filter(trial=trial).count() < patients:
            infused(trial)
        with CaptureQueriesContext(connection) as made:
            Package.of(trial)
        counts.append(len(made))
    assert counts[0] == counts[1] <= 30


def test_a_study_without_subjects_has_its_design():
    """P11-02: TA, TE, TV, TI and TS come from the protocol file."""
    trial = build.trial(build.COVID_MSV)
    package = Package.of(trial)
    assert set(package.heads) == {"TA", "TE", "TV", "TI", "TS"}
    values = {row["TSPARMCD"]: row["TSVAL"] for row in package.rows("TS")}
    assert (values["TBLIND"], values["RANDOM"], values["PLANSUB"]) == ("DOUBLE BLIND", "Y", "24")
    assert values["DCUTDTC"] == date(2026, 3, 30).isoformat()
    assert package.one("TS", TSPARMCD="AGEMAX")["TSVALNF"] == "PINF"
