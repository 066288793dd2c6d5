"""Questions of inspectors about people and their access, asked on the pages and compared with the database."""

from datetime import date, timedelta

import pytest
from django.core.management import call_command
from django.test import Client

from audit.context import acting
from audit.models import AccessEvent
from patients.models import Record
from tests.support import build
from tests.support.pages.clicking import ClickingReader
from tests.support.pages.mailed import links
from tests.support.pages.signing_in import OWN_PASSWORD, people_page, sign_in
from trials.delegations import delegation
from trials.delegations.delegation_approval import approve_delegation
from trials.models import Delegation, ProtocolVersion, Trial
from trials.roles import ROLES
from trials.versions.version_approval import approve_version

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_counted")]
MOST_CLICKS = 3


@pytest.fixture
def chief(trial):
    return build.user("principal_investigator", trial=trial, full_name="Prof. Anne Chief")


@pytest.fixture
def inspector(trial, chief):
    person = build.user("inspector", trial=trial, full_name="Ines Inspector")
    return lambda: ClickingReader(person, trial.slug)


def mail_of_administrator(person, trial, administrator):
    """The administrator lets a person choose another password; the person does."""
    build.client(administrator).post(f"{people_page(trial)}{person.pk}/password/", {"reason": "forgotten"})
    Client().post(links()[-1], {"password1": OWN_PASSWORD, "password2": OWN_PASSWORD})


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
def test_14_who_had_access_with_which_rights_between_two_dates(trial, inspector, administrator, chief):
    """ACC-03: held against delegations with recorded dates, and deactivations."""
    late, gone = (
        build.user("monitor", full_name="Late Monitor"),
        build.user("coordinator", trial=trial, full_name="Gone Nurse"),
    )
    with acting(user=administrator, role="administrator"):
        delegation.delegate(
            user=late, trial=trial, role="monitor", starts_on=date(2026, 1, 1), ends_on=None, by=administrator,
            reason="The paper log was found late",
        )  # fmt: skip
        delegation.deactivate(user=gone, reason="left", by=administrator)
    with acting(user=chief, role="principal_investigator"):
        approve_delegation(
            delegation=gone.delegations.get(), tasks=["data_entry"], password=build.PASSWORD, by=chief
        )
    reader = inspector().click("People and roles").click("Access in force")
    reader.filtered(since="01/06/2026", until="15/09/2026")
    assert reader.clicks <= MOST_CLICKS
    stored = Delegation.objects.filter(trial=trial, starts_on__lte=date(2026, 9, 15)).exclude(
        ends_on__lt=date(2026, 6, 1)
    )
    for row in stored:
        line = reader.text.split(f"{row.user.full_name} {row.user.username} ")[1]
        assert line.startswith(str(ROLES[row.role].title))
    assert f"{len(stored)} roles between 01-Jun-2026 and 15-Sep-2026" in reader.text
    late_line = reader.text.split("Late Monitor")[1]
    assert "recorded later The paper log was found late" in late_line
    gone_line = reader.text.split("Gone Nurse")[1]
    assert f"Deactivated 15-Sep-2026 11:00 by {administrator.full_name}: left" in gone_line
    assert "enter consents, visits and forms" in gone_line
    assert "screen patients" not in gone_line.split("Not of the site")[0].split("Deactivated")[0]
    assert "Prof. Anne Chief, 15-Sep-2026" in gone_line


def test_15_how_the_rights_of_one_person_changed(trial, inspector, administrator, settings):
    """AUD-02: held against the history of delegations and user."""
    settings.SENDS_MAIL = True
    person = build.user("coordinator", trial=trial, full_name="Nina Nurse", email="own@hospital.example")
    with acting(user=administrator, role="administrator"):
        delegation.end_delegation(
            delegation=person.delegations.get(),
            ends_on=date(2026, 12, 31),
            reason="contract",
            by=administrator,
        )
        delegation.deactivate(user=person, reason="leave", by=administrator)
        delegation.reactivate(user=person, reason="back", by=administrator)
    mail_of_administrator(person, trial, administrator)
    reader = inspector().click("People and roles").click("Nina Nurse")
    assert reader.clicks <= MOST_CLICKS
    told = reader.text.split("How the rights changed")[1]
    rows = reader.markup.split('aria-labelledby="changes"')[1].count('<th scope="row"')
    about = (
        Delegation.history.filter(user_id=person.pk).count()
        + type(person).history.filter(id=person.pk).count()
    )
    assert rows >= about + 2
    for row in (*Delegation.history.filter(user_id=person.pk), *type(person).history.filter(id=person.pk)):
        if row.history_change_reason:
            assert row.history_change_reason in told
    assert "Until: 31-Dec-2026" in told
    assert "Holder of a link for a password, for Nina Nurse" in told
    assert "Suspension of signing" in told


def test_16_what_the_administrator_did(trial, inspector, administrator, settings):
    """AUD-02: held against every row and event whose actor it was; a reset is theirs, not the investigator's."""
    settings.SENDS_MAIL = True
    doctor = build.user("investigator", trial=trial, full_name="Doctor Reset", email="own@hospital.example")
    mail_of_administrator(doctor, trial, administrator)
    with acting(user=administrator, role="administrator"):
        delegation.verify_identity(user=doctor, on=date(2026, 9, 1), trial=trial, by=administrator)
    reader = (
        inspector().click("People and roles").click(administrator.full_name).click("What this person did")
    )
    assert reader.clicks <= MOST_CLICKS
    assert AccessEvent.objects.filter(user_id=administrator.pk, kind="password_link").count() == 1
    assert not AccessEvent.objects.filter(user_id=doctor.pk, kind="password_link").exists()
    assert "Link for a password made" in reader.text
    assert doctor.username in reader.text
    assert "Identity verified on" in reader.text


def test_17_what_the_operator_did_by_command_and_who_it_was(trial, inspector, tmp_path):
    """AUD-10: held against rows of origin command with a named person."""
    operator = build.user("data_manager", trial=trial, full_name="Olga Operator")
    text = build.protocol_text(build.LIEGE).replace('version = "1.0"', 'version = "1.1"', 1)
    amendment = (
        '[amendment]\nreplaces = "1.0"\nreconsent = false\nsummary = { en = "x", fr = "x" }\n\n[trial]'
    )
    file = tmp_path / "amended.toml"
    file.write_text(text.replace("[trial]", amendment, 1), encoding="utf-8")
    call_command("load_protocol", file, user=operator.username, reason="Amendment 1")
    call_command(
        "add_person", username="new.person", full_name="New Person", trial=trial.slug, role="monitor",
        reason="A monitor for the site",
    )  # fmt: skip
    reader = inspector().click("Audit trail").filtered(origin="command")
    assert reader.clicks <= MOST_CLICKS
    rows = [
        *ProtocolVersion.history.filter(history_origin="command", trial_id=trial.pk),
        *Delegation.history.filter(history_origin="command", history_trial=trial.pk),
    ]
    assert len(rows) >= 2
    assert "Loading of the protocol, for Olga Operator" in reader.text
    assert "First account, for the account " in reader.text
    for row in rows:
        assert row.history_change_reason in reader.text


def test_20_which_protocol_versions_exist_from_when_approved_and_loaded_by_whom(
    trial, inspector, chief, manager
):
    """DAT-09, VAL-02: held against versions and approvals."""
    text = build.protocol_text(build.LIEGE).replace('version = "1.0"', 'version = "1.1"', 1)
    amendment = (
        '[amendment]\nreplaces = "1.0"\nreconsent = false\nsummary = { en = "x", fr = "x" }\n\n[trial]'
    )
    with acting(user=manager, role="data_manager"):
        from trials.versions.loading import load_protocol

        later = load_protocol(
            text=text.replace("[trial]", amendment, 1), effective_from=trial.today + timedelta(days=9),
            reason="Amendment 1",
        )  # fmt: skip
    with acting(user=chief, role="principal_investigator"):
        approve_version(version=later, password=build.PASSWORD, by=chief)
    reader = inspector().click("Protocol")
    assert reader.clicks <= MOST_CLICKS
    for row in ProtocolVersion.objects.filter(trial=trial):
        section = reader.text.split(f"Version {row.version} ")[1]
        assert row.sha256 in section
        assert (f"{chief.full_name}, 15-Sep-2026" in section.split("SHA-256")[0]) is (
            row.approved_at is not None
        )
    newest = reader.text.split("Version 1.1 ")[1].split("SHA-256")[0]
    assert "24-Sep-2026" in newest
    assert manager.full_name in newest
    assert "Amendment 1" in newest


def test_36_the_sponsor_cannot_change_what_is_the_investigators(trial, inspector, record):
    """ACC-06: attempts as data manager, administrator and sponsor are refused, and each refusal is in the trail."""
    before = Record.objects.get(pk=record.pk).values
    form = f"/trials/{trial.slug}/patients/{record.patient.code}/visits/SCR/demography/"
    tried = 0
    for role in ("data_manager", "administrator", "sponsor_representative", "sponsor_safety"):
        browser = build.client(build.user(role, trial=trial))
        for address in (form, f"/trials/{trial.slug}/patients/{record.patient.code}/sign/"):
            assert browser.post(address, {"weight": "99"}).status_code == 403
            tried += 1
    assert Record.objects.get(pk=record.pk).values == before
    assert AccessEvent.objects.filter(kind="denied", trial_id=trial.pk).count() == tried
    reader = inspector().click("Audit trail").filtered(kind="access")
    assert reader.clicks <= MOST_CLICKS
    assert reader.markup.count("Refused: permission missing</td>") == tried


def test_37_which_sign_ins_failed_and_which_pages_were_denied(trial, inspector, nurse):
    """AUD-08: held against the access events."""
    for _time in range(2):
        sign_in(nurse, "wrong")
    build.client(nurse).get(f"/trials/{trial.slug}/exports/")
    failed = AccessEvent.objects.filter(kind="sign_in_failed", user_id=nurse.pk).count()
    denied = AccessEvent.objects.get(kind="denied")
    assert (failed, denied.user_id) == (2, nurse.pk)
    reader = inspector().click("Audit trail").filtered(kind="access", user=nurse.username)
    assert reader.clicks <= MOST_CLICKS
    assert reader.markup.count("Sign-in failed</td>") == failed
    assert f"/trials/{trial.slug}/exports/" in reader.markup
    assert Trial.objects.get().pk == denied.trial_id
