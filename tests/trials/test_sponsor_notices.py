"""The sponsor that the protocol file names is told of new rights and of accounts that others opened."""

from datetime import timedelta

import pytest
from django.core import mail

from accounts.models import SigningSuspension
from accounts.signing_suspension import suspend_signing
from audit.context import acting
from audit.models import AccessEvent
from tests.support import build
from trials.delegations import delegation
from trials.sponsor_notices import tell_sponsor

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def mails(settings):
    settings.SENDS_MAIL = True


@pytest.fixture
def commits(django_capture_on_commit_callbacks):
    return lambda: django_capture_on_commit_callbacks(execute=True)


def address(trial) -> str:
    return trial.rules.trial.contacts.sponsor.email


def to(recipient: str) -> list[str]:
    return [each.body for each in mail.outbox if each.to == [recipient]]


def test_a_new_role_is_told_to_the_contact_of_the_protocol_file(trial, administrator, commits):
    """ACC-02: who has it, which, and who gave it; that it was sent is in the trail."""
    person = build.user("monitor", full_name="Mona Monitor")
    with acting(user=administrator, role="administrator"), commits():
        delegation.delegate(
            user=person, trial=trial, role="monitor", starts_on=trial.today, ends_on=None, by=administrator
        )
    (body,) = to(address(trial))
    assert (
        f"Mona Monitor has a new role in the trial: Monitor. It was given by {administrator.full_name}."
        in body
    )
    event = AccessEvent.objects.get(kind="sponsor_told")
    assert (event.trial_id, event.detail["to"], event.detail["written"]) == (trial.pk, address(trial), True)


def test_a_role_that_was_refused_is_told_to_nobody(trial, administrator, commits):
    person = build.user("monitor", trial=trial)
    with pytest.raises(delegation.ValidationError), commits():
        delegation.delegate(
            user=person,
            trial=trial,
            role="data_manager",
            starts_on=trial.today,
            ends_on=None,
            by=administrator,
        )
    assert to(address(trial)) == []


def test_an_account_that_others_opened_is_told_for_each_trial_of_the_person(trial, administrator, commits):
    """SIG-01: a reset by the administrator reaches the sponsor, not only the person."""
    doctor = build.user("investigator", trial=trial, full_name="Doctor Reset")
    with acting(user=administrator), commits():
        suspend_signing(user=doctor, cause=SigningSuspension.Cause.PASSWORD, asked_by=administrator)
    (body,) = to(address(trial))
    assert "The account of Doctor Reset (Investigator) was opened anew" in body
    assert administrator.full_name in body
    newcomer = build.user("monitor", trial=trial)
    with acting(user=administrator), commits():
        suspend_signing(user=newcomer, cause=SigningSuspension.Cause.FIRST_PASSWORD, asked_by=administrator)
    assert len(to(address(trial))) == 1


def test_an_unblinding_is_told_to_the_safety_of_the_sponsor_by_the_subject_code(commits):
    """BLD-01: nothing of the arm."""
    trial = build.trial(build.COVID_MSV)
    with commits():
        tell_sponsor(
            trial=trial, what="unblinded", subject="VLL-001", by=build.user("investigator", trial=trial)
        )
    (body,) = to(trial.rules.trial.contacts.sponsor_safety.email)
    assert "The treatment of patient VLL-001 was unblinded" in body
    assert to(address(trial)) == []


def test_a_mail_server_that_refuses_does_not_stop_the_role_and_is_in_the_trail(
    trial, administrator, commits, settings
):
    settings.EMAIL_BACKEND = "tests.trials.test_sponsor_notices.Refusing"
    person = build.user("monitor", full_name="Mona Monitor")
    with acting(user=administrator, role="administrator"), commits():
        delegation.delegate(
            user=person,
            trial=trial,
            role="monitor",
            starts_on=trial.today + timedelta(days=1),
            ends_on=None,
            by=administrator,
        )
    assert person.delegations.count() == 1
    event = AccessEvent.objects.get(kind="sponsor_told")
    assert (event.detail["written"], event.detail["message"]) == (False, "refused")


class Refusing:
    """A mail server that takes nothing."""

    def __init__(self, **options):
        self.options = options

    def send_messages(self, messages):
        raise ConnectionRefusedError("refused")


def test_without_a_mail_server_nothing_is_sent(trial, administrator, commits, settings):
    settings.SENDS_MAIL = False
    person = build.user("monitor")
    with acting(user=administrator, role="administrator"), commits():
        delegation.delegate(
            user=person, trial=trial, role="monitor", starts_on=trial.today, ends_on=None, by=administrator
        )
    assert to(address(trial)) == []
