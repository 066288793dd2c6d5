"""Who may know the treatment: a second person confirms such a role, and nobody goes back to a blinded one."""

from datetime import timedelta

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import SigningSuspension
from accounts.signing_suspension import suspend_signing
from audit.context import acting
from audit.models import AccessEvent
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from trials.delegations import delegation as log
from trials.delegations.treatment_roles import KNOWING
from trials.models import Delegation
from trials.permissions import Permission as P
from trials.roles import ROLES

pytestmark = pytest.mark.django_db


@pytest.fixture
def trial():
    return build.trial(build.COVID_MSV)


@pytest.fixture
def administrator(trial):
    return build.user("administrator", trial=trial, full_name="Alone Admin")


@pytest.fixture
def second(trial):
    return build.user("data_manager", trial=trial)


def give(administrator, person, role, trial):
    """Give a role through the page of an administrator."""
    sent = {"role": role, "starts_on": "t", "ends_on": "", "reason": ""}
    if ROLES[role].time_boxed:
        sent["ends_on"] = "t"
    address = reverse("accounts:add-role", args=[trial.slug, person.pk])
    return build.client(administrator).post(address, sent)


def known_person(trial):
    """Return a person who had a blinded role in the trial until yesterday."""
    person = build.user("monitor", full_name="Helping Hand")
    build.delegate(person, trial=trial, role="monitor", ends_on=trial.today - timedelta(days=1))
    return person


def reads_the_list(person, trial) -> int:
    return build.client(person).get(reverse("dosing:allocation", args=[trial.slug])).status_code


def reads_the_treatment(person, trial, role) -> int:
    """Return the status of the page for which the role may know the treatment: the board reads the arms as totals."""
    page = "dosing:allocation" if P.SEE_TREATMENT in ROLES[role].permissions else "reports:closed-report"
    return build.client(person).get(reverse(page, args=[trial.slug])).status_code


def confirm(by, row):
    address = reverse("accounts:confirm-role", args=[row.trial.slug, row.user_id, row.pk])
    return build.client(by).post(address)


@pytest.mark.parametrize("role", sorted(KNOWING))
def test_the_role_is_in_force_only_when_a_second_person_has_confirmed_it(trial, administrator, second, role):
    """BLD-01, ACC-02: before, the trial is not there for the person."""
    person = known_person(trial)
    assert give(administrator, person, role, trial).status_code == 302
    row = Delegation.objects.get(user=person, role=role)
    assert reads_the_treatment(person, trial, role) == 404
    page = build.client(second).get(reverse("accounts:people", args=[trial.slug])).content.decode()
    assert reverse("accounts:confirm-role", args=[trial.slug, person.pk, row.pk]) in page
    assert confirm(second, row).status_code == 302
    assert reads_the_treatment(person, trial, role) == 200
    row.refresh_from_db()
    assert (row.awaits_second, row.confirmed_by) == (False, second)


def test_neither_the_administrator_nor_the_person_confirms_it(trial, administrator, second):
    """ACC-02: the form bypassed; an administrator has no right to, and who holds one needs another person."""
    person = known_person(trial)
    give(administrator, person, "statistician", trial)
    row = Delegation.objects.get(user=person, role="statistician")
    assert confirm(administrator, row).status_code == 403
    with acting(system="test"):
        Delegation.objects.filter(pk=row.pk).update(granted_by=second)
    answer = confirm(second, row)
    assert answer.status_code == 422
    assert "Another person has to confirm" in answer.content.decode()
    assert reads_the_list(person, trial) == 404


def test_who_is_not_known_well_enough_confirms_nothing(trial, administrator, second):
    """SIG-01: a helper whom the administrator has just invited."""
    person = known_person(trial)
    give(administrator, person, "statistician", trial)
    with acting(system="test"):
        suspend_signing(user=second, cause=SigningSuspension.Cause.FIRST_PASSWORD, asked_by=administrator)
    answer = confirm(second, Delegation.objects.get(user=person, role="statistician"))
    assert answer.status_code == 422
    assert "Confirm first who you are yourself" in answer.content.decode()
    assert reads_the_list(person, trial) == 404


def test_a_role_is_confirmed_once(trial, administrator, second):
    person = known_person(trial)
    give(administrator, person, "statistician", trial)
    row = Delegation.objects.get(user=person, role="statistician")
    confirm(second, row)
    assert confirm(second, row).status_code == 404


def test_the_sponsor_is_told_of_the_gift_and_of_the_confirmation(
    trial, administrator, second, settings, django_capture_on_commit_callbacks
):
    settings.SENDS_MAIL = True
    person = known_person(trial)
    with django_capture_on_commit_callbacks(execute=True):
        give(administrator, person, "statistician", trial)
        confirm(second, Delegation.objects.get(user=person, role="statistician"))
    told = [each.body for each in mail.outbox]
    assert any("has a new role in the trial: Statistician (unblinded)" in body for body in told)
    assert any(f"{second.full_name} confirmed it as the second person" in body for body in told)


@pytest.mark.parametrize("role", each_engine_or_one(sorted(set(ROLES) - KNOWING)))
def test_a_blinded_role_needs_no_second_person(trial, administrator, role):
    person = known_person(trial)
    assert give(administrator, person, role, trial).status_code == 302
    assert not Delegation.objects.get(user=person, role=role, ends_on=None).awaits_second


def test_in_an_open_trial_nothing_waits(administrator):
    trial = build.trial(build.LIEGE)
    chief = build.user("administrator", trial=trial)
    person = known_person(trial)
    assert give(chief, person, "statistician", trial).status_code == 302
    assert not Delegation.objects.get(user=person, role="statistician").awaits_second


@pytest.mark.parametrize("before", sorted(KNOWING))
def test_who_knew_the_treatment_cannot_get_a_blinded_role(trial, administrator, before):
    """BLD-01: refused with a sentence beside the role, and recorded."""
    person = build.user(before)
    build.delegate(
        person, trial=trial, role=before, ends_on=trial.today - timedelta(days=1),
        starts_on=trial.today - timedelta(days=90),
    )  # fmt: skip
    answer = give(administrator, person, "monitor", trial)
    assert answer.status_code == 422
    assert "they cannot get a blinded role" in answer.content.decode()
    assert not person.delegations.filter(role="monitor").exists()
    event = AccessEvent.objects.get(kind="role_refused")
    assert (event.trial_id, event.detail["person"], event.user_id) == (
        trial.pk, person.username, administrator.pk,
    )  # fmt: skip


def test_a_role_that_never_took_effect_is_no_knowledge(trial, administrator):
    person = known_person(trial)
    give(administrator, person, "statistician", trial)
    with acting(system="test"):
        row = Delegation.objects.get(user=person, role="statistician")
        Delegation.objects.filter(pk=row.pk).update(
            starts_on=trial.today - timedelta(days=1), ends_on=trial.today - timedelta(days=1)
        )
    assert give(administrator, person, "monitor", trial).status_code == 302


def test_another_trial_is_not_concerned(trial):
    other = build.twin(build.COVID_MSV)
    chief = build.user("administrator", trial=other)
    person = build.user("statistician", trial=trial)
    with acting(user=chief, role="administrator"):
        given = log.delegate(
            user=person, trial=other, role="monitor", starts_on=other.today, ends_on=None, by=chief
        )
    assert given.role == "monitor"


def test_an_account_that_others_opened_reads_no_treatment(trial, administrator):
    """ACC-02: a reset of the password by an administrator, until it is confirmed who signs in."""
    person = build.user("statistician", trial=trial)
    assert reads_the_list(person, trial) == 200
    with acting(system="test"):
        suspend_signing(user=person, cause=SigningSuspension.Cause.PASSWORD, asked_by=administrator)
    client = build.client(person)
    for page in ("dosing:allocation", "reports:home", "dosing:listing"):
        answer = client.get(reverse(page, args=[trial.slug]))
        assert (answer.status_code, answer["Location"]) == (302, reverse("account_confirmation"))
    script = client.get(reverse("reports:home", args=[trial.slug]), headers={"HX-Request": "true"})
    assert script.status_code == 403
    with acting(system="test"):
        SigningSuspension.objects.update(ended_at=timezone.now(), way="factor")
    assert reads_the_list(person, trial) == 200


def test_a_blinded_person_with_a_new_password_goes_on_reading(trial, administrator):
    """Only signing waits: nothing that unblinds is open to them."""
    nurse = build.user("coordinator", trial=trial)
    with acting(system="test"):
        suspend_signing(user=nurse, cause=SigningSuspension.Cause.PASSWORD, asked_by=administrator)
    home = build.client(nurse).get(reverse("reports:home", args=[trial.slug]))
    assert (home.status_code, home.wsgi_request.access.role.code) == (200, "coordinator")


def test_in_production_the_setting_cannot_take_the_second_factor_away(trial, settings):
    """SEC-06: with an empty setting, who knows the treatment is led to where a factor is set up."""
    person = build.user("statistician", trial=trial)
    settings.SECOND_FACTOR_ROLES = []
    assert reads_the_list(person, trial) == 200
    settings.PRODUCTION = True
    answer = build.client(person).get(reverse("dosing:allocation", args=[trial.slug]))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("mfa_index"))
    nurse = build.client(build.user("coordinator", trial=trial))
    assert nurse.get(reverse("reports:home", args=[trial.slug])).status_code == 200


def test_a_confirmation_by_who_gave_the_role_cannot_be_stored(trial, administrator):
    """In the database, on every path."""

    person = known_person(trial)
    give(administrator, person, "statistician", trial)
    for by in (administrator, person):
        with pytest.raises(IntegrityError), transaction.atomic(), acting(system="test"):
            Delegation.objects.filter(user=person, role="statistician").update(
                awaits_second=False, confirmed_by=by, confirmed_at=timezone.now()
            )


def test_the_verb_refuses_without_a_page(trial, administrator):
    person = build.user("cell_laboratory", trial=trial)
    with (
        acting(user=administrator, role="administrator"),
        pytest.raises(ValidationError, match="role"),
    ):
        log.delegate(
            user=person,
            trial=trial,
            role="coordinator",
            starts_on=trial.today,
            ends_on=None,
            by=administrator,
        )
