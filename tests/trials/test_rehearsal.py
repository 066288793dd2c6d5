"""Every page of a version is rendered on invented patients before it is stored, in a database of its own."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from config import urls
from demo.rehearsal.pages import Rendering
from patients.models import Patient
from tests.support import build
from tests.support.database import migrated
from tests.support.protocols.shipped import ROOT
from trials.access import trial_page
from trials.management.commands import load_protocol
from trials.models import ProtocolVersion, Trial
from trials.permissions import Permission
from trials.roles import ROLES
from trials.versions import rehearsal

# A rehearsal has its own scratch database, always on SQLite.
pytestmark = [pytest.mark.django_db, pytest.mark.long, pytest.mark.one_engine]

SMALL = (ROOT / "tests/support/protocols/small.toml").read_text(encoding="utf-8")
AMENDED = (
    SMALL.replace('version = "1.0"', 'version = "1.1"', 1)
    + """
[amendment]
replaces = "1.0"
reconsent = true
summary = { en = "Nothing but its number" }
"""
)


@pytest.fixture(autouse=True)
def _rehearsed(settings) -> None:
    settings.REHEARSE_PROTOCOLS = True


@pytest.fixture
def from_a_copy(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function after which a rehearsal finds its database migrated, and spends nothing on migrating it."""

    def start() -> None:
        environment = rehearsal._environment

        def filled(folder: Path) -> dict[str, str]:
            migrated.fill(str(folder / "rehearsal.sqlite3"), migrated.image())
            return environment(folder)

        monkeypatch.setattr(rehearsal, "_environment", filled)

    return start


def rendered(said: str) -> int:
    """Return how many pages the command says to have rendered."""
    (line,) = [each for each in said.splitlines() if each.endswith("pages rendered")]
    return int(line.split()[0])


def test_a_file_and_its_amendment_are_stored_after_their_pages_were_rendered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], from_a_copy: Callable[[], None]
) -> None:
    """An amendment is rehearsed with the version before it: difference and move need both.

    The first rehearsal migrates its database as at a hospital.
    """
    file = tmp_path / "small.toml"
    file.write_text(SMALL, encoding="utf-8")
    call_command("load_protocol", file)
    alone = rendered(capsys.readouterr().out)
    assert alone > 100
    file.write_text(AMENDED, encoding="utf-8")
    from_a_copy()
    call_command("load_protocol", file, "--effective-from", "2026-09-15")
    assert rendered(capsys.readouterr().out) > alone
    assert list(ProtocolVersion.objects.order_by("pk").values_list("version", flat=True)) == ["1.0", "1.1"]
    assert Patient.objects.count() == 0


def test_nothing_is_stored_when_a_page_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = "/trials/x-1/patients/ (coordinator): KeyError: 'height'"
    found = rehearsal.RehearsalResult(pages=180, faults=(fault,), notes=("inclusion: nobody is eligible",))
    monkeypatch.setattr(load_protocol, "rehearse", lambda text, before: found)
    file = tmp_path / "small.toml"
    file.write_text(SMALL, encoding="utf-8")
    with pytest.raises(CommandError, match="1 of 180 pages failed: nothing was stored"):
        call_command("load_protocol", file)
    said = capsys.readouterr()
    assert fault in said.err
    assert "not rehearsed: inclusion: nobody is eligible" in said.out
    assert Trial.objects.count() == 0


def test_a_rehearsal_without_a_result_stores_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "LONGEST_SECONDS", 0.01)
    file = tmp_path / "small.toml"
    file.write_text(SMALL, encoding="utf-8")
    with pytest.raises(
        CommandError, match="The rehearsal gave no result, nothing was stored: it took longer"
    ):
        call_command("load_protocol", file)
    assert Trial.objects.count() == 0


def test_a_file_with_mistakes_is_not_rehearsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_protocol, "rehearse", lambda text, before: pytest.fail("was rehearsed"))
    file = tmp_path / "small.toml"
    file.write_text(SMALL.replace('unit = "cm"', 'unit = "ell"'), encoding="utf-8")
    with pytest.raises(CommandError, match="has mistakes"):
        call_command("load_protocol", file)


def test_the_rehearsal_refuses_a_database_that_holds_a_trial(tmp_path: Path) -> None:
    build.trial()
    file = tmp_path / "small.toml"
    file.write_text(SMALL, encoding="utf-8")
    with pytest.raises(CommandError, match="database of its own"):
        call_command("rehearse_protocol", file)


@trial_page(see=Permission.SEE_TRIAL)
def failing(request: HttpRequest) -> HttpResponse:
    """A page that fails for whatever it reads."""
    raise KeyError("height")


urlpatterns = [path("trials/<slug:slug>/failing/", failing, name="failing"), *urls.urlpatterns]


@override_settings(ROOT_URLCONF=__name__)
def test_a_page_that_fails_is_named_with_its_reader(trial: Trial) -> None:
    people = {role: build.user(role, trial=trial) for role in ROLES}
    rendering = Rendering(trial, people)
    rendering.run()
    assert [(fault.address, fault.error) for fault in rendering.faults] == [
        (f"/trials/{trial.slug}/failing/", "KeyError: 'height'")
    ] * 3
    assert rendering.count > 3
