"""`check_protocol` and `load_protocol`: a version is stored once, complete, and never changed (DAT-09)."""

import hashlib
from datetime import date, timedelta
from pathlib import Path

import pytest
import time_machine
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import Error

from audit.management.operator import system_account
from protocol.checking.mistakes import ProtocolMistakes
from tests.support import build
from tests.support.protocols.shipped import COVID_MSV, LIEGE, ROOT, THIRD, path_of
from trials.models import ProtocolVersion, Trial
from trials.versions.loading import TooLate, UnconfirmedDoubts, VersionTaken, load_protocol

SMALL = (ROOT / "tests/support/protocols/small.toml").read_text(encoding="utf-8")


AMENDMENT = '[amendment]\nreplaces = "1.0"\nreconsent = false\nsummary = { en = "More patients" }\n[[arms]]'


def amended(text: str = SMALL, version: str = "1.1") -> str:
    text = text.replace('version = "1.0"', f'version = "{version}"', 1).replace("target = 10", "target = 12")
    return text.replace("[[arms]]", AMENDMENT, 1)


@pytest.mark.django_db
@pytest.mark.parametrize("slug", [LIEGE, COVID_MSV, THIRD])
def test_a_protocol_without_mistakes_is_summed_up_in_a_line(
    slug: str, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("check_protocol", path_of(slug))
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{slug}.toml: ")
    assert line.endswith("no mistakes")


def test_every_mistake_is_printed_with_its_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(
        SMALL.replace('unit = "cm"', 'unit = "ell"').replace("> 100.0", "> 200 / 2"), encoding="utf-8"
    )
    with pytest.raises(SystemExit) as ended:
        call_command("check_protocol", file)
    assert ended.value.code == 1
    assert capsys.readouterr().out.splitlines() == [
        (
            "definitions.heavy: column 19: whole numbers are not divided, as CEL would drop the rest: "
            "write one of them with .0"
        ),
        "forms.body.height.unit: unknown unit 'ell'",
    ]


def test_a_file_that_is_not_there_or_not_text_is_reported(tmp_path: Path) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    for command in ("check_protocol", "load_protocol"):
        with pytest.raises(CommandError, match="No such file"):
            call_command(command, tmp_path / "none.toml")
        with pytest.raises(CommandError, match="not UTF-8"):
            call_command(command, binary)


@pytest.mark.django_db
def test_a_loaded_file_is_stored_byte_for_byte_with_its_hash(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("load_protocol", path_of(THIRD))
    version = ProtocolVersion.objects.get()
    stored = path_of(THIRD).read_bytes()
    assert version.text.encode() == stored
    assert version.sha256 == hashlib.sha256(stored).hexdigest()
    assert version.trial.protocol == version
    assert version.rules.trial.id == "KNEE-7"
    assert version.sha256 in capsys.readouterr().out


@pytest.mark.django_db
def test_the_trail_names_the_command_that_loaded_it() -> None:
    """AUD-10: what a program does is attributed to it."""
    call_command("load_protocol", path_of(THIRD))
    (row,) = ProtocolVersion.history.all()
    assert row.history_user_name == f"system:load_protocol for account:{system_account()}"


@pytest.mark.django_db
def test_loading_the_same_file_again_changes_nothing() -> None:
    for _ in range(2):
        call_command("load_protocol", path_of(THIRD))
    assert (Trial.objects.count(), ProtocolVersion.objects.count()) == (1, 1)
    assert ProtocolVersion.history.count() == 1


@pytest.mark.django_db
def test_another_text_under_a_stored_version_is_refused() -> None:
    load_protocol(text=SMALL, system="test")
    with pytest.raises(VersionTaken, match="stored with another text"):
        load_protocol(text=SMALL.replace("target = 10", "target = 11"), system="test")
    assert ProtocolVersion.objects.get().text == SMALL


@pytest.mark.django_db
def test_the_command_reports_a_version_that_exists_and_a_file_with_mistakes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "small.toml"
    file.write_text(SMALL, encoding="utf-8")
    call_command("load_protocol", file)
    file.write_text(SMALL.replace("target = 10", "target = 11"), encoding="utf-8")
    with pytest.raises(CommandError, match="give the amendment a new version"):
        call_command("load_protocol", file)
    file.write_text(SMALL.replace('unit = "cm"', 'unit = "ell"'), encoding="utf-8")
    with pytest.raises(CommandError, match="nothing was stored"):
        call_command("load_protocol", file)
    assert "forms.body.height.unit: unknown unit 'ell'" in capsys.readouterr().err
    assert ProtocolVersion.objects.count() == 1


@pytest.mark.django_db
def test_a_protocol_with_mistakes_stores_nothing() -> None:
    with pytest.raises(ProtocolMistakes):
        load_protocol(text=SMALL.replace('unit = "cm"', 'unit = "ell"'), system="test")
    assert Trial.objects.count() == 0


@pytest.mark.django_db
def test_nobody_loads_a_protocol_unnamed() -> None:
    """AUD-02: a write that nobody answers for is refused."""
    with pytest.raises(Error):
        load_protocol(text=SMALL)


@pytest.mark.django_db
def test_a_person_can_load_a_protocol() -> None:
    person = build.user("administrator")
    load_protocol(text=SMALL, by=person)
    assert ProtocolVersion.history.get().history_user_name == person.username


@pytest.mark.django_db
def test_an_amendment_is_a_new_version_in_force_from_its_day() -> None:
    """A version that begins later waits; loading it again on its day puts it in force."""
    with time_machine.travel("2025-03-10 12:00+00:00"):
        first = load_protocol(text=SMALL, system="test")
        later = load_protocol(text=amended(), system="test", effective_from=date(2025, 3, 20))
        assert Trial.objects.get().protocol == first
    with time_machine.travel("2025-03-20 12:00+00:00"):
        assert load_protocol(text=amended(), system="test") == later
    trial = Trial.objects.get()
    assert trial.protocol == later
    assert (later.effective_from, trial.rules.trial.target) == (date(2025, 3, 20), 12)
    assert [version.version for version in trial.versions.order_by("pk")] == ["1.0", "1.1"]


@pytest.mark.django_db
def test_loading_an_old_version_again_does_not_bring_it_back() -> None:
    with time_machine.travel("2025-03-10 12:00+00:00"):
        load_protocol(text=SMALL, system="test", effective_from=date(2025, 3, 1))
        later = load_protocol(text=amended(), system="test")
        load_protocol(text=SMALL, system="test")
    assert Trial.objects.get().protocol == later


@pytest.mark.django_db
def test_today_is_the_day_at_the_site() -> None:
    """At 23:30 UTC on the 10th it is the 11th in Brussels."""
    with time_machine.travel("2025-03-10 23:30+00:00"):
        version = load_protocol(text=SMALL, system="test")
    assert version.effective_from == date(2025, 3, 10) + timedelta(days=1)


@pytest.mark.django_db
def test_two_trials_live_side_by_side() -> None:
    """A third trial is a file: nothing else is needed for it."""
    for slug in (LIEGE, COVID_MSV, THIRD):
        call_command("load_protocol", path_of(slug))
    assert set(Trial.objects.values_list("slug", flat=True)) == {LIEGE, COVID_MSV, THIRD}


def checked(file: Path, text: str, capsys: pytest.CaptureFixture[str], **options: object) -> list[str]:
    """Return what `check_protocol` prints about a text that cannot be loaded."""
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        call_command("check_protocol", file, **options)
    assert ended.value.code == 1
    return capsys.readouterr().out.splitlines()


@pytest.mark.django_db
def test_a_file_is_compared_with_the_stored_versions_before_it_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """DAT-09: whoever writes an amendment learns its mistakes from the check, not from the loading."""
    load_protocol(text=SMALL, system="test", effective_from=date(2026, 3, 1))
    file = tmp_path / "small.toml"
    assert checked(file, SMALL.replace("target = 10", "target = 11"), capsys) == [
        "Version 1.0 of X-1 is stored with another text: give the amendment a new version."
    ]
    without = SMALL.replace('version = "1.0"', 'version = "1.1"', 1)
    (line,) = checked(file, without, capsys)
    assert line.startswith("amendment: is missing: version 1.0 is stored")
    text = amended().replace("Europe/Brussels", "Europe/Madrid").replace("X-{number:02d}", "Y-{number:02d}")
    assert checked(
        file, text.replace('name = "mg", type = "decimal"', 'name = "mg", type = "integer"'), capsys
    ) == [
        "trial.site.time_zone: is Europe/Brussels in version 1.0: stored days are days there",
        "trial.subject_code: is 'X-{number:02d}' in version 1.0: two patients could get one code",
        (
            "forms.notes.doses.mg.type: is decimal in version 1.0, whose answers stay: "
            "give the changed question another name"
        ),
    ]
    (line,) = checked(file, amended(), capsys, effective_from=date(2026, 2, 1))
    assert line.startswith(
        "Version 1.0 is in force from 2026-03-01: its amendment cannot be in force before."
    )
    assert ProtocolVersion.objects.count() == 1


@pytest.mark.django_db
def test_an_amendment_may_not_change_the_time_zone_of_the_site() -> None:
    """DAT-09: days that were stored would move."""
    load_protocol(text=SMALL, system="test")
    with pytest.raises(ProtocolMistakes, match=r"trial\.site\.time_zone: is Europe/Brussels in version 1\.0"):
        load_protocol(text=amended().replace("Europe/Brussels", "Europe/Madrid"), system="test")


@pytest.mark.django_db
def test_the_stored_file_itself_has_nothing_to_be_compared_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load_protocol(text=SMALL, system="test")
    file = tmp_path / "small.toml"
    file.write_text(SMALL, encoding="utf-8")
    call_command("check_protocol", file)
    assert capsys.readouterr().out.endswith("no mistakes\n")


@pytest.mark.django_db
def test_a_doubt_is_listed_and_keeps_the_file_from_being_stored_until_a_person_confirms_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    doubtful = SMALL.replace('logs = ["notes"]', "")
    told = "forms.notes: is never asked: no visit, no unscheduled visit and no log has this form"
    file = tmp_path / "small.toml"
    assert checked(file, doubtful, capsys)[0] == f"doubt: {told}"
    with pytest.raises(CommandError, match="has doubts: nothing was stored"):
        call_command("load_protocol", file)
    with pytest.raises(UnconfirmedDoubts, match="is never asked"):
        load_protocol(text=doubtful, system="test")
    assert Trial.objects.count() == 0
    confirmed = '\n[[confirmed]]\nkey = "forms.notes"\nreason = "Later"\nby = "A. Martin"\non = 2021-02-18\n'
    assert load_protocol(text=doubtful + confirmed, system="test").rules.confirmed[0].key == "forms.notes"


@pytest.mark.django_db
def test_a_version_is_not_in_force_after_every_trial_has_ended() -> None:
    with pytest.raises(TooLate, match="the year lies before 2101"):
        load_protocol(text=SMALL, system="test", effective_from=date(9999, 12, 31))


@pytest.mark.django_db
def test_a_stored_version_goes_on_when_a_later_release_finds_a_mistake_in_it() -> None:
    """The check is for what is loaded: a running trial keeps the rules that it has."""
    version = load_protocol(text=SMALL, system="test")
    with build.acting(system="test"):
        old = ProtocolVersion.objects.create(
            trial=version.trial,
            version="0.9",
            text=SMALL.replace('unit = "cm"', 'unit = "ell"'),
            sha256="0" * 64,
            effective_from=date(2020, 1, 1),
        )
    assert old.rules.item("body.height").unit == "ell"
