"""Two persons settle rows that differ from their history: what was found is told, nothing clinical is changed."""

import io
import json
from datetime import UTC, date, datetime

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import User
from audit import triggers
from audit.context import acting
from audit.integrity import discrepancies, replay
from audit.models import AccessEvent
from audit.sealing.verification import Tally, findings
from audit.signatures import SignatureState, sign, verify
from patients.casebook.facts import KINDS, Fact
from patients.models import Mark, Patient, Record
from patients.review import signatures, source_verification
from patients.review.marks import SeenVersion
from patients.review.undone_marks import undone_fact_words
from tests.support import build
from tests.support.study.entered_forms import BLOOD_PRESSURE, DEMOGRAPHY, at, draft
from trials.delegations.settlement import settle_trail
from trials.models import Delegation, Trial

pytestmark = pytest.mark.django_db
FOUND_SO = "Found so, without a trace in the trail; settled by {} and {}: a restore left it so"


def behind_the_trail(sql: str, *params: object) -> None:
    with triggers.lifted(), connection.cursor() as cursor:
        cursor.execute(sql, params)


def alter(record: Record, **values: str) -> None:
    cast = "::jsonb" if connection.vendor == "postgresql" else ""
    text = json.dumps({**record.values, **values})
    behind_the_trail(f'UPDATE patients_record SET "values" = %s{cast} WHERE id = %s', text, record.pk)


def differing() -> list[str]:
    return [f"{row.place} {row.problem}" for row in discrepancies.unexplained()]


def settle(by: User, second: User, **changed: object) -> int:
    given = {
        "rows": list(discrepancies.unexplained()), "reason": "a restore left it so",
        "by": by, "password": build.PASSWORD, "second": second, "second_password": build.PASSWORD,
    }  # fmt: skip
    return settle_trail(**{**given, **changed})


def test_what_was_found_is_told_and_nothing_clinical_is_changed(record, manager, administrator):
    """AUD-14, REL-07: a changed, an added and a removed row."""
    alter(record, height="181")
    behind_the_trail("INSERT INTO trials_trial (slug, recruiting, time_zone) VALUES ('added', true, 'UTC')")
    with acting(system="test"):
        gone = Trial.objects.create(slug="gone")
    behind_the_trail("DELETE FROM trials_trial WHERE id = %s", gone.pk)
    added = Trial.objects.get(slug="added")
    stored = Record.objects.values().get(pk=record.pk)
    expected = {
        f"patients_record:{record.pk} {replay.DIFFERENT}",
        f"trials_trial:{added.pk} {replay.MISSING}",
        f"trials_trial:{gone.pk} {replay.EXTRA}",
    }
    assert set(differing()) == expected

    only_mine = [row for row in discrepancies.unexplained() if row.table.name == "patients_record"]
    settle(manager, administrator, rows=only_mine)
    assert set(differing()) == expected - {f"patients_record:{record.pk} {replay.DIFFERENT}"}
    assert Record.objects.values().get(pk=record.pk) == stored
    entry = record.history.first()
    assert (entry.history_type, entry.values["height"]) == ("~", "181")
    assert entry.history_user_name == f"system:settle for {manager.username}"
    assert str(entry.history_change_reason) == FOUND_SO.format(manager.full_name, administrator.full_name)


def test_rows_that_were_added_or_removed_are_settled_too(trial, manager, administrator):
    with acting(system="test"):
        gone = build.patient(trial=trial)
    behind_the_trail("UPDATE patients_patient SET code = 'LIE-999' WHERE id = %s", gone.pk)
    with acting(system="test"):
        one = Trial.objects.create(slug="one")
    for person, role in ((manager, "data_manager"), (administrator, "administrator")):
        build.delegate(person, trial=one, role=role)
    ids = list(one.delegations.values_list("pk", flat=True))
    behind_the_trail("DELETE FROM trials_delegation WHERE id = %s", ids[0])
    build.delegate(manager, trial=one, role="data_manager")

    assert len(differing()) == 2
    settle(manager, administrator)
    assert differing() == []
    assert list(findings(Tally())) == []
    (event,) = AccessEvent.objects.filter(kind="settled")
    assert event.detail["by"] == manager.username
    assert event.detail["with"] == administrator.username
    assert event.detail["reason"] == "a restore left it so"
    assert f"patients_patient:{gone.pk}" in event.detail["rows"]


def test_affected_signatures_come_back_to_the_list_to_sign(record, doctor, manager, administrator):
    """SIG-02: of the form and of the casebook above it; another form stays signed."""
    other = draft(at(record.patient, doctor), doctor, BLOOD_PRESSURE).record
    with acting(user=doctor, role="investigator"):
        given = [
            sign(target=each, meaning="review", password=build.PASSWORD, by=doctor)
            for each in (record, record.patient, other)
        ]
    alter(record, height="181")
    assert settle(manager, administrator) == 2

    for signature in given:
        signature.refresh_from_db()
    states = [verify(signature) for signature in given]
    assert states == [SignatureState.INVALIDATED, SignatureState.INVALIDATED, SignatureState.VALID]
    assert given[0].invalidated_by == f"system:settle for {manager.full_name}"
    assert "Found so" in str(given[0].invalidated_reason)
    assert signatures.unsigned(Patient.objects.get()) == [record]
    assert list(findings(Tally())) == []


def test_a_mark_on_an_item_that_differs_is_undone(record, trial, manager, administrator):
    """The monitor compared another value with the source; the mark on the other item stays."""
    monitor = build.user("monitor", trial=trial)
    with acting(user=monitor, role="monitor"):
        seen = [SeenVersion(record.pk, record.version, ("height", "weight"))]
        source_verification.verify(patient=record.patient, seen=seen, by=monitor, role="monitor")
    record.refresh_from_db()
    alter(record, height="181")
    settle(manager, administrator)
    undone = Mark.objects.exclude(undone_at=None)

    assert [mark.item for mark in undone] == ["height"]
    assert undone[0].undone["old"] == {"height": DEMOGRAPHY["height"]}
    assert undone[0].undone["new"] == {"height": "181"}
    assert list(findings(Tally())) == []


def test_a_mark_outside_the_forms_is_undone_as_well(record, trial, manager, administrator):
    monitor, event = build.user("monitor", trial=trial), build.event(patient=record.patient)
    place = {
        "patient": record.patient,
        "target": "adverse_event",
        "target_id": event.pk,
        "kind": "verification",
    }
    with acting(user=monitor, role="monitor"):
        for item in ("grade", "term"):
            Mark.objects.create(**place, item=item, by=monitor, role="monitor")
    behind_the_trail("UPDATE safety_adverseevent SET grade = 2 WHERE id = %s", event.pk)
    settle(manager, administrator)
    undone = Mark.objects.exclude(undone_at=None)

    assert [mark.item for mark in undone] == ["grade"]
    (found,) = KINDS["adverse_event"].rows([event.pk])
    told = undone_fact_words(undone[0], Fact(KINDS["adverse_event"], found, "grade"))
    assert told.changes == (("Grade", "1", "2"),)
    assert list(findings(Tally())) == []


def test_a_row_below_a_lock_can_be_settled(record, trial, manager, administrator):
    """The lock keeps the data; the trail is told the truth about them."""
    behind_the_trail(
        "UPDATE trials_trial SET locked_at = '2026-09-14 08:00:00+00:00' WHERE id = %s", trial.pk
    )
    alter(record, height="181")
    settle(manager, administrator)

    assert differing() == []


def refused(match: str):
    return pytest.raises(ValidationError, match=match)


def test_two_persons_settle_one_of_them_no_administrator(record, manager, administrator, trial):
    alter(record, height="181")
    second_administrator = build.user("administrator", trial=trial)
    stranger = build.user("coordinator")

    with refused("name a second one"):
        settle(manager, manager)
    with refused("must not be an administrator"):
        settle(administrator, second_administrator)
    with refused("has no role in a trial"):
        settle(manager, stranger)
    with refused("Give the reason"):
        settle(manager, administrator, reason="  ")
    assert len(differing()) == 1


@pytest.mark.at(datetime(2026, 9, 15, 3, 0, tzinfo=UTC))
def test_an_administrator_is_one_until_the_last_day_at_the_site_ends(record, administrator, trial):
    """AUD-14: in Los Angeles it is still the 14th, the last day of both roles."""
    second_administrator = build.user("administrator", trial=trial)
    with acting(system="test"):
        Trial.objects.filter(pk=trial.pk).update(time_zone="America/Los_Angeles")
        Delegation.objects.filter(role="administrator").update(ends_on=date(2026, 9, 14))
    alter(record, height="181")

    with refused("must not be an administrator"):
        settle(administrator, second_administrator)


def test_a_wrong_password_is_recorded_and_settles_nothing(record, manager, administrator):
    alter(record, height="181")
    with refused("not the password"):
        settle(manager, administrator, second_password="guessed")
    (event,) = AccessEvent.objects.filter(kind="signing_failed")

    assert (event.user_name, event.detail) == (administrator.username, {"of": "settle_trail"})
    assert len(differing()) == 1


def test_after_five_wrong_passwords_no_further_one_is_tried(record, manager, administrator):
    alter(record, height="181")
    for _ in range(5):
        with refused("not the password"):
            settle(manager, administrator, password="guessed")
    with refused("Too many wrong passwords"):
        settle(manager, administrator)


def test_a_row_that_changed_since_it_was_shown_is_not_settled(record, manager, administrator):
    alter(record, height="181")
    shown = list(discrepancies.unexplained())
    alter(record, height="182")

    with pytest.raises(
        discrepancies.ChangedMeanwhile, match=f"patients_record:{record.pk} is not as it was shown"
    ):
        settle(manager, administrator, rows=shown)
    assert len(differing()) == 1


def command(*arguments: str, typed: str = "") -> str:
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.StringIO(typed))
        call_command("settle_trail", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_shows_every_row_with_what_differs_and_fails(record):
    alter(record, height="181")
    out = io.StringIO()
    with pytest.raises(CommandError, match="1 rows differ from their history"):
        call_command("settle_trail", stdout=out)

    assert f"patients_record:{record.pk} differs from its newest history row" in out.getvalue()
    assert '    values.height: "165" in the history, "181" in the row\n' in out.getvalue()
    assert "weight" not in out.getvalue()


def test_the_command_settles_with_two_passwords(record, manager, administrator):
    alter(record, height="181")
    told = command(
        "--by", manager.username, "--second", administrator.username, "--reason", "a restore left it so",
        typed=f"{build.PASSWORD}\n{build.PASSWORD}\n",
    )  # fmt: skip

    assert "1 rows settled" in told
    assert "nothing to settle" in command()


def test_the_command_names_what_it_does_not_know(record, manager):
    alter(record, height="181")
    with pytest.raises(CommandError, match="There is no user nobody"):
        command("--by", "nobody", "--second", manager.username)
    with pytest.raises(CommandError, match="no such row differs"):
        command("--row", "trials_trial:1")
