"""Users of a trial: roles given and ended by an administrator, never by oneself."""

from datetime import date, timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError

from accounts.models import User
from audit.context import acting
from audit.models import AccessEvent
from tests.support import build
from trials import delegation
from trials.models import Delegation
from trials.roles import ROLES

pytestmark = pytest.mark.django_db


@pytest.fixture
def acts(administrator):
    with acting(user=administrator, role="administrator"):
        yield administrator


def address(trial, *parts):
    return "/".join(["/trials", trial.slug, "people", *map(str, parts), ""])


def new_person(**changed):
    sent = {
        "username": "Ines.Moreno",
        "full_name": "Inés Moreno",
        "email": "",
        "identity_verified_on": "02-Mar-2026",
        "role": "monitor",
        "starts_on": "02-Mar-2026",
        "ends_on": "",
    }
    return {**sent, **changed}


def give(user, trial, role, by, starts_on=date(2026, 3, 2), ends_on=None):
    return delegation.delegate(user=user, trial=trial, role=role, starts_on=starts_on, ends_on=ends_on, by=by)


def test_an_administrator_adds_a_person_who_must_choose_an_own_password(trial, administrator):
    """P11-17: the initial password is shown once and opens only the page that replaces it."""
    browser = build.client(administrator)
    page = browser.post(address(trial, "add"), new_person()).content.decode()
    person = User.objects.get(username="ines.moreno")
    assert person.must_change_password
    assert person.delegations.get().role == "monitor"
    shown = page.split('<code class="fs-5">')[1].split("<")[0]
    assert person.check_password(shown)
    assert len(shown) >= 20


def test_a_person_without_a_role_is_not_stored(trial, administrator):
    """ACC-01: account and role are one step; nothing is left half done."""
    browser = build.client(administrator)
    answer = browser.post(address(trial, "add"), new_person(role="inspector"))
    assert answer.status_code == 422
    assert "give a last day" in answer.content.decode()
    assert not User.objects.filter(username="ines.moreno").exists()


def test_a_user_name_is_never_given_twice(trial, administrator):
    """P11-15: not even to another person after the first has left."""
    known = build.user("monitor")
    with acting(system="test"):
        User.objects.filter(pk=known.pk).update(is_active=False)
    answer = build.client(administrator).post(
        address(trial, "add"), new_person(username=known.username.upper())
    )
    assert "Somebody has or had this user name" in answer.content.decode()


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


def test_a_person_of_another_trial_too_is_not_deactivated_from_here(trial, acts):
    """SEC-02: an administrator's reach ends at the trial."""
    person = build.user("monitor", trial=trial)
    build.delegate(person, trial=build.trial(build.COVID_MSV), role="monitor")
    with pytest.raises(ValidationError, match="that you do not manage"):
        delegation.deactivate(user=person, reason="left", by=acts)
    with pytest.raises(ValidationError, match="that you do not manage"):
        delegation.give_initial_password(user=person, reason="forgotten", by=acts)


def test_a_deactivated_person_comes_back_with_the_roles_that_still_run(trial, acts):
    """ACC-04: users are deactivated, never deleted."""
    person = build.user("monitor", trial=trial)
    delegation.deactivate(user=person, reason="parental leave", by=acts)
    assert not Delegation.objects.active().filter(user=person).exists()
    delegation.reactivate(user=person, reason="back", by=acts)
    assert Delegation.objects.active().filter(user=person).exists()


def test_a_new_initial_password_ends_the_sessions_and_is_recorded(trial, acts):
    """AUD-08: who gave whom a new password."""
    person = build.user("monitor", trial=trial)
    browser = build.client(person)
    password = delegation.give_initial_password(user=person, reason="forgotten", by=acts)
    person.refresh_from_db()
    assert person.check_password(password)
    assert browser.get(address(trial)).status_code == 302
    event = AccessEvent.objects.get(kind="password_changed")
    assert event.user_id == person.pk
    assert event.detail == {"initial password given by": acts.username}


def test_identity_cannot_be_verified_tomorrow(trial, acts):
    """21 CFR 11.100(b): identity is verified before a signature, on a day that has come."""
    person = build.user("monitor", trial=trial)
    with pytest.raises(ValidationError, match="has not come yet"):
        delegation.verify_identity(user=person, on=trial.today + timedelta(days=1), trial=trial, by=acts)


@pytest.mark.parametrize("role", [role for role in ROLES if role != "administrator"])
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


def test_an_administrator_gives_a_known_person_a_role_by_user_name(trial, administrator):
    """ACC-01: one account per person, whatever the number of trials."""
    known = build.user("monitor")
    browser = build.client(administrator)
    sent = {"username": known.username.upper(), "role": "monitor", "starts_on": "2/3/2026"}
    answer = browser.post(address(trial, "delegate"), sent)
    assert answer.url == address(trial, known.pk)
    page = browser.post(address(trial, "delegate"), sent | {"username": "nobody"}).content.decode()
    assert "Nobody has this user name" in page


def test_every_step_of_an_administrator_works_through_its_page(trial, administrator):
    """ACC-04: the whole life of an account, from the pages."""
    person = build.user("monitor", trial=trial)
    browser = build.client(administrator)
    row = person.delegations.get()
    steps = [
        ("identity", {"on": "02-Mar-2026"}, "02-Mar-2026"),
        (f"role/{row.pk}/end", {"ends_on": "31-Mar-2026", "reason": "contract"}, "31-Mar-2026"),
        ("role", {"role": "data_manager", "starts_on": "01-Apr-2026"}, "Data manager"),
        ("deactivate", {"reason": "leave"}, "Deactivated"),
        ("reactivate", {"reason": "back"}, "is active again"),
        ("factors", {"reason": "lost telephone"}, "second factors of"),
    ]
    with time_machine.travel("2026-03-02 09:00Z"):
        browser = build.client(administrator)
        for page, sent, shown in steps:
            answer = browser.post(address(trial, person.pk, page), sent, follow=True)
            assert answer.status_code == 200, page
            assert shown in answer.content.decode(), page


@pytest.mark.parametrize("number", [1, 3])
def test_the_list_of_people_costs_the_same_queries_whatever_its_length(
    trial, administrator, number, django_assert_num_queries
):
    """Listings cost what the page shows (STYLE, habit 9)."""
    for _ in range(number - 1):
        build.user("monitor", trial=trial)
    browser = build.client(administrator)
    with django_assert_num_queries(6):
        page = browser.get(address(trial)).content.decode()
    assert page.count("<tr data-href") == number
