"""Who may have which report pack, and which of them show the arms (OUT-23, BLD-01)."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from audit.context import acting
from audit.models import AccessEvent
from dosing.allocation.lists import generate_list
from dosing.allocation.randomisation import permuted_blocks
from exports.documents import make
from exports.models import Document
from reports.packs.registry import PACKS
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from tests.support.pages.paper import Paper
from tests.support.study.packs import tables
from tests.support.trail_clock import trail_now
from trials.models import Trial
from trials.roles import ROLES

pytestmark = pytest.mark.django_db
CLOSED = {"data_monitoring_board", "statistician", "inspector"}
WITHOUT_TRAIL = {"cell_laboratory", "pharmacist", "data_monitoring_board"}


@pytest.fixture
def masked():
    """A masked trial with a patient of each arm."""
    trial = build.trial(build.COVID_MSV)
    doctor = build.user("investigator", trial=trial)
    ratio = {"cells": 1, "placebo": 1}
    for seed in map(str, range(99)):
        begin = permuted_blocks(seed=seed, stratum="", size=2, block_sizes=[2, 4], ratio=ratio)[:2]
        if {each.arm for each in begin} == set(ratio):
            break
    with acting(system="test"):
        generate_list(trial=trial, by=None, seed=seed)
    for _each in range(2):
        build.enrolled(trial=trial, investigator=doctor)
    return trial


def page(trial) -> str:
    return reverse("reports:packs", args=[trial.slug])


def asked(person, trial, code: str, as_of: str = "") -> Document:
    """Ask for a pack on the page and return its document, which is made at once in tests."""
    answer = build.client(person).post(page(trial), {"pack": code, "as_of": as_of})
    assert answer.status_code == 302, answer.content.decode()
    return Document.objects.get(pk=answer["Location"].rstrip("/").rpartition("/")[2])


def taken(person, row: Document) -> tuple[int, str, bytes]:
    """Return status, name and content of the file that a person downloads."""
    answer = build.client(person).get(reverse("documents:file", args=[row.trial.slug, row.pk]))
    if answer.status_code != 200:
        return answer.status_code, "", b""
    return 200, answer["Content-Disposition"], b"".join(answer.streaming_content)


def opened(trial) -> None:
    """Open the treatment of the trial, as the planned unblinding does."""
    with acting(system="test"):
        row = Trial.objects.get(pk=trial.pk)
        row.opened_to = ["investigator", "sponsor_representative"]
        row.save()


@pytest.mark.parametrize("role", each_engine_or_one(sorted(ROLES)))
def test_the_page_offers_what_the_server_allows(masked, role):
    """SEC-01: a pack that is not offered is refused."""
    person = build.user(role, trial=masked)
    client = build.client(person)
    text = client.get(page(masked)).content.decode()
    offered = {code for code in PACKS if f'value="{code}"' in text}
    expected = set(PACKS)
    if role not in CLOSED:
        expected -= {"dsmb-closed"}
    if role in WITHOUT_TRAIL:
        expected -= {"status", "monitoring"}
    assert offered == expected
    for code in sorted(set(PACKS) - expected):
        assert client.post(page(masked), {"pack": code}).status_code == 403
    assert not Document.objects.exists()


def test_the_closed_report_says_unblinded_on_each_page_and_in_its_name(masked):
    """BLD-01, OUT-23: the board takes its own; nobody blinded learns that it exists."""
    board = build.user("data_monitoring_board", trial=masked)
    row = asked(board, masked, "dsmb-closed")
    assert (row.state, str(row.error)) == ("ready", "")
    status, name, data = taken(board, row)
    assert (status, "UNBLINDED-" in name) == (200, True)
    paper = Paper(data)
    assert all("UNBLINDED" in each for each in paper.pages)
    arms = [arm.title.in_language("en") for arm in masked.rules.arms]
    text = " ".join(" ".join(paper.pages).split())
    assert all(f"{arm} (n = 1)" in text for arm in arms)
    event = AccessEvent.objects.get(kind="exported", detail__stage="finished")
    assert (event.detail["pack"], event.detail["treatment"], event.see) == (
        "dsmb-closed",
        True,
        "see_treatment",
    )
    assert event.detail["sha256"] == row.sha256
    manager = build.user("data_manager", trial=masked)
    assert taken(manager, row)[0] == 404
    assert str(row.pk) not in build.client(manager).get(page(masked)).content.decode()


def test_who_loses_the_right_before_the_pack_is_made_gets_none(masked, settings):
    """SEC-01: the worker asks again."""
    settings.TASKS = {"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}}
    board = build.user("data_monitoring_board", trial=masked)
    row = asked(board, masked, "dsmb-closed")
    with acting(system="test"):
        board.delegations.update(role="monitor")
    make(str(row.pk))
    row.refresh_from_db()
    assert (row.state, row.file) == ("failed", "")


@pytest.mark.parametrize("code", [code for code in PACKS if code != "dsmb-closed"])
def test_a_pooled_pack_is_the_same_for_the_statistician_who_knows_the_arms(masked, code):
    """OUT-23: before the planned unblinding the final tables are pooled for everybody."""
    knowing, blinded = (build.user(role, trial=masked) for role in ("statistician", "blinded_statistician"))
    moment = trail_now().isoformat()
    made = [asked(person, masked, code, as_of=moment) for person in (knowing, blinded)]
    assert [row.treatment for row in made] == [False, False]
    assert made[0].sha256 == made[1].sha256
    assert "UNBLINDED" not in taken(knowing, made[0])[1]


def test_after_the_planned_unblinding_the_final_tables_are_by_arm_for_whom_it_opened(masked):
    """OUT-23, BLD-04."""
    sponsor, monitor = (build.user(role, trial=masked) for role in ("sponsor_representative", "monitor"))
    title = "Participants at each step"
    assert len(tables(masked, sponsor, "final")[title]["columns"]) == 2
    opened(masked)
    assert len(tables(masked, sponsor, "final")[title]["columns"]) == 4
    assert len(tables(masked, monitor, "final")[title]["columns"]) == 2
    assert len(tables(masked, sponsor, "dsmb-open")[title]["columns"]) == 2
    row = asked(sponsor, masked, "final")
    assert row.treatment
    assert taken(sponsor, row)[1].count("UNBLINDED") == 1
    assert taken(monitor, row)[0] == 404


def test_after_the_planned_unblinding_the_laboratory_has_no_tables_by_arm(masked):
    """OUT-04, BLD-04: it knows what it prepared, and the unblinding does not open the results to it."""
    opened(masked)
    for role in ("cell_laboratory", "pharmacist", "sponsor_safety"):
        person = build.user(role, trial=masked)
        assert len(tables(masked, person, "final")["Participants at each step"]["columns"]) == 2
        assert not asked(person, masked, "dsur").treatment
    statistician = build.user("statistician", trial=masked)
    assert len(tables(masked, statistician, "final")["Participants at each step"]["columns"]) == 4


class TestCommand:
    def test_without_a_person_the_blind_is_kept_and_the_closed_report_refused(self, masked, tmp_path):
        """BLD-01."""
        made = tmp_path / "open.pdf"
        call_command("report", "--trial", masked.slug, "--pack", "final", "--out", str(made), verbosity=0)
        assert "UNBLINDED" not in Paper(made).text
        with pytest.raises(CommandError, match="Without --user nobody may not have the pack dsmb-closed"):
            self.written(masked, tmp_path / "UNBLINDED-closed.pdf", "dsmb-closed")

    def test_the_closed_report_needs_its_mark_in_the_name(self, masked, tmp_path):
        board = build.user("data_monitoring_board", trial=masked)
        with pytest.raises(CommandError, match="its name has to say UNBLINDED"):
            self.written(masked, tmp_path / "closed.pdf", "dsmb-closed", "--user", board.username)
        assert list(tmp_path.iterdir()) == []
        self.written(masked, tmp_path / "UNBLINDED-closed.pdf", "dsmb-closed", "--user", board.username)
        assert "UNBLINDED" in Paper(tmp_path / "UNBLINDED-closed.pdf").text

    def test_a_person_without_the_right_is_refused(self, masked, tmp_path):
        nurse = build.user("coordinator", trial=masked)
        with pytest.raises(CommandError, match=f"{nurse.username} may not have the pack dsmb-closed"):
            self.written(masked, tmp_path / "UNBLINDED.pdf", "dsmb-closed", "--user", nurse.username)

    @staticmethod
    def written(trial, out: Path, code: str, *options: str) -> None:
        call_command(
            "report", "--trial", trial.slug, "--pack", code, "--out", str(out), *options, verbosity=0
        )
