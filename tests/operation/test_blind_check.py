"""`manage.py blind_check` proves the blind on a copy, and finds what differs (BLD-01 to BLD-03)."""

import sqlite3
from itertools import count
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from audit.context import acting
from demo.rehearsal.pages import addresses_of
from dosing.models import AllocationSlot
from operation.blinding import checking
from operation.blinding.checking import BLINDED, check_trial
from operation.blinding.readings import crawl
from operation.blinding.throw_away import throw_away_copy
from tests.support import build
from tests.support.study.bedside import INCLUDED, NOW
from tests.support.study.masked_trial import give, prepare, weigh
from trials.models import Trial
from trials.permissions import Permission
from trials.roles import ROLES

pytestmark = [pytest.mark.django_db, pytest.mark.long, pytest.mark.at(NOW)]


@pytest.fixture
def world() -> SimpleNamespace:
    """A masked trial with one patient treated: tests/dosing/test_blinding.py reads a larger one."""
    trial = build.trial(build.COVID_MSV)
    doctor, nurse = build.user("investigator", trial=trial), build.user("coordinator", trial=trial)
    patient = build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
    weigh(patient, nurse)
    prepare(patient, build.user("cell_laboratory", trial=trial))
    give(patient, nurse)
    return SimpleNamespace(trial=trial)


@pytest.fixture(autouse=True)
def a_few_pages(monkeypatch):
    """Read few pages, without following links: tests/dosing/test_blinding.py follows them all."""

    def some(trial, *, codes):
        return [
            each
            for each in addresses_of(trial, codes=codes)
            if "/visits/" not in each
            and any(part in each for part in ("/allocation/", "infusion", "/kits/", "known"))
        ]

    def crawled(client, start, *, within, also, show):
        return crawl(client, [start, *also], show=show)

    monkeypatch.setattr(checking, "addresses_of", some)
    monkeypatch.setattr(checking, "walk", crawled)


@pytest.fixture
def machine_that_slows_down(monkeypatch):
    """Let each step of a report take longer than the one before: the progress that is stored once a second is more."""
    seconds = (number * number / 1000 for number in count())
    monkeypatch.setattr("exports.recorder.time", SimpleNamespace(monotonic=lambda: next(seconds)))


def test_a_blinded_role_is_shown_the_same_in_both_arms(world, machine_that_slows_down):
    """BLD-01: pages, refusals, export, documents, calendar, mails, and the statements behind each page.

    Seen: under load the statements behind report packs differed from reading to reading, and proved nothing.
    """
    (result,) = check_trial(world.trial, patients=1, roles=("coordinator",))
    assert result.differing == {}
    assert result.unstable == ()
    assert result.pages > 20
    assert result.bytes > 100_000


def test_an_unblinded_role_is_told_apart(world):
    """Proves that the check finds a difference, and says where."""
    (result,) = check_trial(world.trial, patients=1, roles=("statistician",))
    assert {f"/trials/{world.trial.slug}/allocation/", "POST exports"} <= set(result.differing)


def test_every_role_without_the_right_to_know_is_checked():
    assert set(BLINDED) == {
        code
        for code, role in ROLES.items()
        if not {Permission.SEE_TREATMENT, Permission.SEE_CLOSED_REPORT} & role.permissions
    }


def test_it_refuses_in_production(settings):
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="never in production"):
        call_command("blind_check")


def test_an_open_trial_is_nothing_to_check():
    build.trial(build.LIEGE)
    with pytest.raises(CommandError, match="no masked trial"):
        call_command("blind_check", trial=build.LIEGE)


class TestTheCopy:
    """Nothing that the check does reaches the database."""

    pytestmark = pytest.mark.django_db(transaction=True)

    @pytest.fixture(autouse=True)
    def _in_a_file(self, tmp_path, monkeypatch):
        """Copy the database of the test into a file: the one in memory cannot be copied by its name."""
        self.trial = build.trial(build.COVID_MSV)
        by = build.user("investigator", trial=self.trial)
        build.eligible(trial=self.trial, investigator=by)
        opened = connections["default"]
        if opened.vendor == "sqlite":
            file = tmp_path / "real.sqlite3"
            with sqlite3.connect(file) as copy:
                opened.connection.backup(copy)
            copy.close()
            monkeypatch.setitem(opened.settings_dict, "NAME", str(file))
            # The connection in memory stays open for the other tests.
            monkeypatch.setattr(opened, "connection", None)
        yield
        opened.close()

    def test_what_is_written_in_the_copy_is_gone(self, tmp_path):
        slots = AllocationSlot.objects.count()
        with throw_away_copy():
            with acting(system="test"):
                Trial.objects.update(recruiting=False)
            assert AllocationSlot.objects.count() == slots
            assert not Trial.objects.get(pk=self.trial.pk).recruiting
        assert Trial.objects.get(pk=self.trial.pk).recruiting
        assert not list(tmp_path.glob("blind-check-*"))

    def test_the_command_prints_what_it_compared(self, capsys):
        """Its exit code is 0 only if nothing differs."""
        call_command("blind_check", trial=self.trial.slug, role="monitor", patients=1)
        told = capsys.readouterr().out
        assert f"{self.trial} as monitor: " in told
        assert "0 differ, 0 cannot be compared." in told
        assert (
            Trial.objects.get(pk=self.trial.pk).delegations.filter(user__username__startswith="blind").count()
            == 0
        )
