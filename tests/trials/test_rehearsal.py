"""Every page of a version is rendered on invented patients before it is stored, in a database of its own."""

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
from tests.support.protocols.shipped import ROOT
from trials import rehearsal
from trials.access import trial_page
from trials.management.commands import load_protocol
from trials.models import ProtocolVersion, Trial
from trials.permissions import Permission
from trials.roles import ROLES

# A rehearsal has its own scratch database, always on SQLite.
pytestmark = [pytest.mark.django_db, pytest.mark.long, pytest.mark.one_engine]

SMALL = (ROOT / "tests/support/protocols/small.toml").read_text(encoding="utf-8")
WALK = [
    (ROOT / f"tests/support/protocols/walk-{each}.toml").read_text(encoding="utf-8")
    for each in ("1.0", "1.1")
]


@pytest.fixture(autouse=True)
def _rehearsed(settings) -> None:
    settings.REHEARSE_PROTOCOLS = True


def test_a_file_is_stored_after_its_pages_were_rendered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "small.toml"
    file.write_text(SMALL, encoding="utf-8")
    call_command("load_protocol", file)
    said = capsys.readouterr().out
    (line,) = [each for each in said.splitlines() if each.endswith("pages rendered")]
    assert int(line.split()[0]) > 100
    assert ProtocolVersion.objects.get().version == "1.0"
    assert Patient.objects.count() == 0


def test_the_pages_of_an_amendment_are_rendered_with_the_version_before_it() -> None:
    """Difference and move need both versions."""
    alone, both = rehearsal.rehearse(WALK[1]), rehearsal.rehearse(WALK[1], before=WALK[0])
    assert (alone.faults, both.faults) == ((), ())
    assert both.pages > alone.pages


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
