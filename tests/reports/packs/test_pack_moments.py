"""The same pack of the same moment is the same file, whoever makes it and when (OUT-22)."""

from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.urls import reverse

from audit.context import acting
from audit.models import AccessEvent
from exports.models import Document
from exports.paper import typesetting
from patients.models import Patient, Query, Record
from reports.packs.registry import PACKS
from safety.models import AdverseEvent
from tests.support import build
from tests.support.pages.paper import Paper
from tests.support.study import cohort
from tests.support.study.packs import tables
from tests.support.trail_clock import trail_now
from trials.models import Trial

pytestmark = pytest.mark.django_db
POOLED = [code for code in PACKS if code != "dsmb-closed"]


@pytest.fixture(autouse=True)
def _clock_of_the_trail(db):
    """The clock of the program goes a little before that of the database, which no test sets."""
    with time_machine.travel(trail_now() + timedelta(seconds=5), tick=True):
        yield


@pytest.fixture
def trial():
    trial = build.trial(build.LIEGE)
    cohort.patients(trial, 3)
    return trial


def afternoon(trial: Trial) -> None:
    """Correct, answer, include and report, as the afternoon of a study does."""
    with acting(system="test", reason="Misread the chart"):
        AdverseEvent.objects.update(term="High fever", grade=4)
        Query.objects.update(text="Still right?")
        record = Record.objects.filter(form="demography").earliest("pk")
        record.values = {**record.values, "age": "99"}
        record.save()
        ended = Patient.objects.latest("pk")
        ended.state, ended.ended_on, ended.end_reason = "ended", trial.today, "death"
        ended.save()
    build.enrolled(trial=trial)


def written(trial, out: Path, code: str, *options: str) -> bytes:
    call_command("report", "--trial", trial.slug, "--pack", code, "--out", str(out), *options, verbosity=0)
    return out.read_bytes()


@pytest.mark.parametrize("code", POOLED)
def test_what_was_reported_before_a_change_is_reported_again_after_it(trial, tmp_path, code):
    """OUT-22, AUD-02: byte for byte, a week later, by another person."""
    moment = trail_now().isoformat()
    before = written(trial, tmp_path / "before.pdf", code, "--as-of", moment)
    afternoon(trial)
    with time_machine.travel(trail_now() + timedelta(days=7), tick=True):
        person = build.user("data_manager", trial=trial).username
        after = written(trial, tmp_path / "after.pdf", code, "--as-of", moment, "--user", person)
        now = written(trial, tmp_path / "now.pdf", code)
    assert after == before
    assert now != before


def test_the_page_and_the_command_make_the_same_file(trial, tmp_path):
    """OUT-22, CTL-03: and the register has its hash, with who had it made."""
    moment = trail_now().isoformat()
    whole = written(trial, tmp_path / "command.pdf", "status", "--as-of", moment)
    person = build.user("monitor", trial=trial)
    client = build.client(person)
    client.post(reverse("reports:packs", args=[trial.slug]), {"pack": "status", "as_of": moment})
    row = Document.objects.get()
    answer = client.get(reverse("documents:file", args=[trial.slug, row.pk]))
    assert b"".join(answer.streaming_content) == whole
    event = AccessEvent.objects.filter(kind="exported", detail__stage="finished").latest("pk")
    assert (event.user_id, event.detail["sha256"], event.detail["as_of"]) == (person.pk, row.sha256, moment)
    assert person.full_name not in Paper(whole).text


def test_each_page_says_of_which_moment_the_data_are(trial, tmp_path):
    paper = Paper(tmp_path / "now.pdf") if written(trial, tmp_path / "now.pdf", "dsmb-open") else None
    assert paper is not None
    assert all("Data as of" in page for page in paper.pages)
    assert paper.holds("Moment, to make the same report again")


def test_the_moment_that_is_printed_makes_the_same_report_again(trial, tmp_path):
    """OUT-22: of a report without a moment too, which is of the time at which it was made."""
    first = written(trial, tmp_path / "first.pdf", "dsmb-open")
    lines = "\n".join(Paper(first).pages[:1]).splitlines()
    (line,) = [each for each in lines if each.startswith("Moment, to make the same report again")]
    afternoon(trial)
    assert written(trial, tmp_path / "again.pdf", "dsmb-open", "--as-of", line.rpartition(" ")[2]) == first


def test_the_infusions_of_the_past_are_counted_although_no_history_holds_their_numbers(trial):
    """BLD-01 aside: what the room of infusions keeps at the patient is filled in from the infusions."""
    person = build.user("monitor", trial=trial)
    moment = trail_now()
    forms = tables(trial, person, "dsmb-open", moment)["Forms"]["rows"]
    afternoon(trial)
    assert tables(trial, person, "dsmb-open", moment)["Forms"]["rows"] == forms
    exposed = tables(trial, person, "dsur", moment)["Exposure, cumulative"]["rows"]
    assert [row[2:4] for row in exposed if row[0] == "All"] == [["3", "9"]]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("yesterday", "is no moment"),
        ("2999-01-01T00:00+00:00", "has not come yet"),
        ("2001-01-01T00:00+00:00", "The trial did not exist then"),
    ],
)
def test_a_moment_that_means_nothing_is_refused_beside_its_field(trial, tmp_path, typed, says):
    """OUT-22: on the page and by the command; what was typed stays, and nothing is stored."""
    client = build.client(build.user("monitor", trial=trial))
    answer = client.post(reverse("reports:packs", args=[trial.slug]), {"pack": "status", "as_of": typed})
    assert answer.status_code == 422
    assert says in answer.context["form"].errors["as_of"][0]
    assert f'value="{typed}"' in answer.content.decode()
    assert not Document.objects.exists()
    with pytest.raises(CommandError, match=says):
        written(trial, tmp_path / "never.pdf", "status", "--as-of", typed)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("typed", ["2026-03-01T14:30", "2026-03-01"])
def test_a_command_is_given_the_moment_with_its_offset(trial, tmp_path, typed):
    """OUT-22: the machine that runs it may be set to another time zone than the site."""
    with pytest.raises(CommandError, match="is no moment with an offset"):
        written(trial, tmp_path / "never.pdf", "status", "--as-of", typed)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_pack_or_trial_names_what_exists(trial, tmp_path):
    with pytest.raises(CommandError, match=r"No pack weekly\. Known: dsmb-open, dsmb-closed, status"):
        written(trial, tmp_path / "never.pdf", "weekly")
    with pytest.raises(CommandError, match=rf"Known: {trial.slug}"):
        call_command("report", "--trial", "other", "--pack", "status", "--out", str(tmp_path / "never.pdf"))
    client = build.client(build.user("monitor", trial=trial))
    answer = client.post(reverse("reports:packs", args=[trial.slug]), {"pack": "weekly"})
    assert answer.status_code == 400
    assert not Document.objects.exists()


def test_a_pack_that_fails_leaves_no_file(trial, tmp_path, monkeypatch):
    """CTL-03: neither under its name nor beside it, and nothing in the register says that it was made."""
    monkeypatch.setattr(typesetting, "LONGEST_SECONDS", 0.001)
    with pytest.raises(CommandError, match="took too long"):
        written(trial, tmp_path / "never.pdf", "status")
    assert list(tmp_path.iterdir()) == []
    assert not AccessEvent.objects.filter(kind="exported", detail__stage="finished").exists()
