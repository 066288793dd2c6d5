"""Users of a trial: roles given and ended by an administrator, never by oneself."""

from datetime import date, timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError

from accounts.models import User
from audit.context import acting
from audit.models import AccessEvent
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from tests.support.pages.entry_pages import words
from tests.support.pages.mailed import links, recipients
from trials.delegations import delegation
from trials.delegations.factor_recovery import ask_recovery
from trials.models import Delegation
from trials.roles import ROLES

pytestmark = pytest.mark.django_db


@pytest.fixture
def acts(administrator):
    with acting(user=administrator, role="administrator"):
        yield administrator


def address(trial, *parts):
    return "/".join(["/trials", trial.slug, "people", *map(str, parts), ""])


def give(user, trial, role, by, starts_on=date(2026, 3, 2), ends_on=None):
    return delegation.delegate(
        user=user, trial=trial, role=role, starts_on=starts_on, ends_on=ends_on, by=by, reason="late"
    )


def test_nobody_gives_a_role_to_themselves(trial, acts):
    """ACC-02: rights are granted by somebody else."""
    with pytest.raises(ValidationError, match="You cannot change your own rights"):
        give(acts, trial, "investigator", by=acts)


def test_an_administrator_never_holds_a_clinical_role_beside_it(trial, acts):
    """ACC-02: segregation of duties, kept by one role in a trial at a time."""
    other = build.user("administrator", trial=trial)
    with pytest.raises(ValidationError, match="is Administrator in this trial"):
        give(other, trial, "coordinator", by=acts)


def test_a_person_takes_another_role_after_the_first_has_ended(trial, acts):
    """ACC-01: the delegation log keeps both."""
    person = build.user("coordinator")
    give(person, trial, "coordinator", by=acts, ends_on=date(2026, 3, 31))
    give(person, trial, "data_manager", by=acts, starts_on=date(2026, 4, 1))
    assert list(person.delegations.order_by("starts_on").values_list("role", flat=True)) == [
        "coordinator",
        "data_manager",
    ]


def test_roles_that_share_a_single_day_are_refused(trial, acts):
    """ACC-02: the last day is included."""
    person = build.user("coordinator")
    give(person, trial, "coordinator", by=acts, ends_on=date(2026, 3, 31))
    with pytest.raises(ValidationError, match="on some of these days"):
        give(person, trial, "data_manager", by=acts, starts_on=date(2026, 3, 31))


def test_an_inspector_needs_a_last_day(trial, acts):
    """ACC-07: inspection access is time-boxed."""
    with pytest.raises(ValidationError, match="limited time"):
        give(build.user("inspector"), trial, "inspector", by=acts)


def test_the_log_says_who_gave_the_role_and_the_trail_who_ended_it_and_why(trial, acts):
    """AUD-02, ACC-04: the delegation log is audited."""
    row = give(build.user("monitor"), trial, "monitor", by=acts)
    delegation.end_delegation(delegation=row, ends_on=date(2026, 6, 30), reason="contract ended", by=acts)
    assert row.granted_by == acts
    change = Delegation.history.filter(id=row.pk).latest("history_id")
    assert (change.history_user_name, change.history_change_reason) == (acts.username, "contract ended")


def test_a_role_ended_yesterday_gives_no_access_today(trial, administrator):
    """ACC-04: access ends at the next request."""
    person = build.user("monitor", trial=trial)
    browser = build.client(person)
    assert browser.get(address(trial)).status_code == 200
    yesterday = trial.today - timedelta(days=1)
    row = person.delegations.get()
    with acting(user=administrator):
        delegation.end_delegation(delegation=row, ends_on=yesterday, reason="left", by=administrator)
    assert browser.get(address(trial)).status_code == 404


def test_nobody_ends_their_own_role(trial, acts):
    """ACC-02: the last administrator does not lock the trial by a slip."""
    with pytest.raises(ValidationError, match="Ask another administrator"):
        delegation.end_delegation(
            delegation=acts.delegations.get(), ends_on=date(2026, 3, 2), reason="slip", by=acts
        )


PAST, TODAY, LATER = (-30, -1), (-1, 30), (1, 30)


@pytest.mark.parametrize("days", [PAST, TODAY, LATER], ids=["ended", "runs", "begins tomorrow"])
def test_a_person_who_ever_had_or_will_have_a_role_in_another_trial_is_not_changed_from_here(
    trial, acts, days
):
    """SEC-02: an administrator's reach ends at the trial, and what is done today reaches a role of tomorrow."""
    person = build.user("monitor", trial=trial)
    first, last = (trial.today + timedelta(days=each) for each in days)
    build.delegate(person, trial=build.trial(build.COVID_MSV), role="monitor", starts_on=first, ends_on=last)
    for verb in (delegation.deactivate, delegation.reactivate):
        with pytest.raises(ValidationError, match="that you do not manage"):
            verb(user=person, reason="left", by=acts)
    for verb in (delegation.ask_new_password, ask_recovery):
        with pytest.raises(ValidationError, match="that you do not manage"):
            verb(user=person, trial=trial, reason="forgotten", by=acts)


def test_a_deactivated_person_comes_back_with_the_roles_that_still_run(trial, acts):
    """ACC-04: users are deactivated, never deleted."""
    person = build.user("monitor", trial=trial)
    delegation.deactivate(user=person, reason="parental leave", by=acts)
    assert not Delegation.objects.active().filter(user=person).exists()
    delegation.reactivate(user=person, reason="back", by=acts)
    assert Delegation.objects.active().filter(user=person).exists()


def test_an_administrator_makes_a_link_and_the_password_works_until_it_is_used(
    trial, administrator, settings
):
    """P11-19: to the person's own address; the page shows neither password nor link."""
    settings.SENDS_MAIL = True
    person = build.user("monitor", trial=trial, email="own@hospital.example")
    own = build.client(person)
    page = build.client(administrator).post(
        address(trial, person.pk, "password"), {"reason": "forgotten"}, follow=True
    )
    assert "can choose another password" in page.content.decode()
    assert recipients() == [["own@hospital.example"]]
    assert links()[0].split("/")[-2] not in page.content.decode()
    assert own.get(address(trial)).status_code == 200
    event = AccessEvent.objects.get(kind="password_link")
    assert (event.user_id, event.detail["person"], event.detail["reason"]) == (
        administrator.pk, person.username, "forgotten",
    )  # fmt: skip


def test_a_deactivated_person_gets_no_link(trial, acts):
    person = build.user("monitor", trial=trial)
    delegation.deactivate(user=person, reason="left", by=acts)
    with pytest.raises(ValidationError, match="is deactivated"):
        delegation.ask_new_password(user=person, trial=trial, reason="x", by=acts)


def test_identity_cannot_be_verified_tomorrow(trial, acts):
    """21 CFR 11.100(b): identity is verified before a signature, on a day that has come."""
    person = build.user("monitor", trial=trial)
    with pytest.raises(ValidationError, match="has not come yet"):
        delegation.verify_identity(user=person, on=trial.today + timedelta(days=1), trial=trial, by=acts)


@pytest.mark.parametrize("role", each_engine_or_one([role for role in ROLES if role != "administrator"]))
def test_only_administrators_change_people(trial, role):
    """ACC-02: a missing right on a visible page is a 403."""
    person = build.user("monitor", trial=trial)
    browser = build.client(build.user(role, trial=trial))
    for page in ("add", "delegate", f"{person.pk}/deactivate", f"{person.pk}/password", f"{person.pk}/role"):
        assert browser.post(address(trial, page), {"reason": "x"}).status_code == 403


def test_people_of_another_trial_do_not_exist_here(trial, administrator):
    """SEC-02: a foreign person is a 404, as a missing one is."""
    stranger = build.user("monitor", trial=build.trial(build.COVID_MSV))
    browser = build.client(administrator)
    for page in ("", "/deactivate", "/password", "/identity", "/role"):
        assert browser.get(address(trial, f"{stranger.pk}{page}")).status_code == 404


def test_a_role_of_another_trial_cannot_be_ended_through_this_one(trial, administrator):
    """SEC-02: ids in the path are checked against the trial."""
    person = build.user("monitor", trial=trial)
    foreign = build.delegate(person, trial=build.trial(build.COVID_MSV), role="monitor")
    browser = build.client(administrator)
    assert browser.get(address(trial, person.pk, "role", foreign.pk, "end")).status_code == 404


def test_every_step_of_an_administrator_works_through_its_page(trial, administrator):
    """ACC-04: the whole life of an account, from the pages."""
    person = build.user("monitor", trial=trial)
    browser = build.client(administrator)
    row = person.delegations.get()
    with acting(system="test"):
        Authenticator.objects.create(user=person, type="totp", data={"secret": "x"})
    steps = [
        ("identity", {"on": "02-Mar-2026"}, "02-Mar-2026"),
        (f"role/{row.pk}/end", {"ends_on": "31-Mar-2026", "reason": "contract"}, "31-Mar-2026"),
        ("role", {"role": "data_manager", "starts_on": "01-Apr-2026"}, "Data manager"),
        ("deactivate", {"reason": "leave"}, "Deactivated"),
        ("reactivate", {"reason": "back"}, "is active again"),
        ("password", {"reason": "forgotten"}, "First half of the code"),
        ("factors", {"reason": "lost telephone"}, "second factors of"),
    ]
    with time_machine.travel("2026-03-02 09:00Z"):
        browser = build.client(administrator)
        for page, sent, shown in steps:
            answer = browser.post(address(trial, person.pk, page), sent, follow=True)
            assert answer.status_code == 200, page
            assert shown in answer.content.decode(), page


def test_who_reviews_the_accounts_sees_who_never_used_one_and_who_left(trial, administrator):
    """P11-22: role and days, the last sign-in at the site, accounts without one, and those that were deactivated."""
    used, never = (
        build.user("monitor", trial=trial, full_name=f"{name} Monitor") for name in ("Used", "Never")
    )
    gone = build.user("coordinator", trial=trial, full_name="Gone Nurse")
    with acting(system="test"):
        User.objects.filter(pk=used.pk).update(last_login="2026-03-02T09:00Z")
        User.objects.filter(pk=gone.pk).update(is_active=False)
    shown = words(build.client(administrator).get(address(trial)))
    told = {
        person: shown.split(f"{person.full_name} {person.username} ")[1] for person in (used, never, gone)
    }
    assert told[used].startswith("Monitor 01-Jan-2020 – 01-Jan-2020 No 02-Mar-2026 10:00")
    assert told[never].startswith("Monitor 01-Jan-2020 – 01-Jan-2020 No Never Active")
    assert told[gone].startswith("Study coordinator 01-Jan-2020 – 01-Jan-2020 No Never Deactivated")


@pytest.mark.parametrize("number", [1, 3])
def test_the_list_of_people_costs_the_same_queries_whatever_its_length(
    trial, administrator, number, django_assert_num_queries
):
    """Listings cost what the page shows (STYLE, habit 9)."""
    for _ in range(number - 1):
        build.user("monitor", trial=trial)
    browser = build.client(administrator)
    with django_assert_num_queries(8):
        page = browser.get(address(trial)).content.decode()
    assert page.count("<tr data-href") == number
