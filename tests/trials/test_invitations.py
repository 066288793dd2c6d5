"""People are invited and accept; nobody is shown a password, or learns who has an account elsewhere (ACC-01)."""

from datetime import timedelta

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.models import PasswordKey, User
from audit.context import acting
from tests.support import build
from tests.support.pages.mailed import links, recipients
from tests.support.pages.signing_in import OWN_PASSWORD, sign_in
from trials.delegations import invitations
from trials.models import Delegation, Invitation

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("nothing_counted"),
    pytest.mark.at("2026-03-02T09:00Z"),
]
CHOSEN = {"password1": OWN_PASSWORD, "password2": OWN_PASSWORD}


@pytest.fixture
def browser(administrator):
    return build.client(administrator)


@pytest.fixture
def mailing(settings):
    settings.SENDS_MAIL = True


def address(trial, *parts):
    return "/".join(["/trials", trial.slug, "people", *map(str, parts), ""])


def new_person(**changed):
    sent = {
        "full_name": "Inés Moreno",
        "email": "ines@hospital.example",
        "identity_verified_on": "02-Mar-2026",
        "role": "monitor",
        "starts_on": "02-Mar-2026",
        "ends_on": "",
    }
    return {**sent, **changed}


def known(username, **changed):
    return {"username": username, "role": "monitor", "starts_on": "02-Mar-2026", **changed}


def half_of(answer):
    return answer.content.decode().split('<code class="fs-5">')[1].split("<")[0]


def offered(person, answer="accept", browser=None):
    """Answer the invitation of a person as the page does."""
    browser = browser or build.client(person)
    pk = Invitation.objects.filter(username=person.username, state="open").latest("pk").pk
    return browser.post(f"/trials/invitations/{pk}/", {"answer": answer}, follow=True)


@pytest.mark.usefixtures("mailing")
def test_a_new_person_chooses_a_password_with_the_link_in_the_mail_and_accepts(trial, browser):
    """P11-19, ACC-01: from the invitation to the first page, without anybody else seeing a password."""
    page = browser.post(address(trial, "add"), new_person(), follow=True).content.decode()
    assert "Inés Moreno is invited." in page
    person = User.objects.get(full_name="Inés Moreno")
    assert not person.has_usable_password()
    assert recipients() == [["ines@hospital.example"]]
    assert person.username in mail.outbox[0].body
    assert not Delegation.objects.filter(user=person).exists()

    own = Client()
    own.post(links()[0], CHOSEN)
    _, answer = sign_in(person, OWN_PASSWORD, own)
    assert "You are invited" in own.get(answer.url).content.decode()
    assert offered(person, browser=own).redirect_chain[-1][0] == f"/trials/{trial.slug}/"
    given = person.delegations.get()
    assert (given.role, given.trial, given.granted_by) == (
        "monitor",
        trial,
        Invitation.objects.get().invited_by,
    )


@pytest.mark.usefixtures("mailing")
def test_no_answer_to_an_administrator_holds_a_password_or_a_link(trial, browser):
    """P11-19."""
    shown = browser.post(address(trial, "add"), new_person(), follow=True).content.decode()
    secret = links()[0].split("/")[-2]
    shown += browser.get(address(trial)).content.decode()
    assert secret not in shown
    assert "fs-5" not in shown


def test_without_mail_two_people_of_different_roles_hand_over_a_code(trial, browser, doctor):
    """P11-19: neither could choose the password alone."""
    first = half_of(browser.post(address(trial, "add"), new_person(email="")))
    person = User.objects.get(full_name="Inés Moreno")
    key = PasswordKey.objects.get(user=person)
    second_person = build.client(doctor)
    assert "Second half" in second_person.get(address(trial)).content.decode()
    second = half_of(second_person.post(address(trial, "codes", key.pk)))
    sent = {"first_half": first, "second_half": second, **CHOSEN}
    assert Client().post("/accounts/key/", sent).status_code == 302
    assert User.objects.get(pk=person.pk).check_password(OWN_PASSWORD)
    told = PasswordKey.objects.get(pk=key.pk)
    assert (told.made_by, told.second_by) == (browser_user(browser), doctor)


def browser_user(browser):
    return User.objects.get(pk=browser.session["_auth_user_id"])


@pytest.mark.parametrize("role", ["administrator", "monitor", "statistician", "cell_laboratory", "inspector"])
def test_another_administrator_or_somebody_from_outside_is_no_second_person(trial, browser, role):
    browser.post(address(trial, "add"), new_person(email=""))
    key = PasswordKey.objects.get()
    other = build.client(build.user(role, trial=trial))
    assert other.post(address(trial, "codes", key.pk)).status_code == 403


def test_a_code_of_another_trial_is_not_there(trial, browser):
    """SEC-02."""
    browser.post(address(trial, "add"), new_person(email=""))
    other = build.trial(build.COVID_MSV)
    stranger = build.client(build.user("investigator", trial=other))
    assert stranger.get(address(other, "codes", PasswordKey.objects.get().pk)).status_code == 404


@pytest.mark.usefixtures("mailing")
def test_the_answer_is_the_same_whether_somebody_has_the_user_name_or_not(trial, browser):
    """Nobody learns who has an account elsewhere: pages, list, trail and status are the same."""
    elsewhere = build.user("monitor", trial=build.trial(build.COVID_MSV), email="own@elsewhere.example")
    seen = []
    for username in (elsewhere.username, "nobody77"):
        answer = browser.post(address(trial, "delegate"), known(username))
        pages = [
            answer.content,
            *(browser.get(page).content for page in (answer.url, f"/trials/{trial.slug}/trail/")),
        ]
        pk = str(Invitation.objects.latest("pk").pk)
        page = b"".join(pages).decode().replace(username, "NAME").replace(pk, "PK")
        seen.append(
            (answer.status_code, answer.url, "NAME finds the invitation" in page, elsewhere.full_name in page)
        )
    assert seen[0] == seen[1]
    assert seen[0][2:] == (True, False)
    assert recipients() == [["own@elsewhere.example"]], (
        "the mail goes to the address of the account, not to a typed one"
    )


def test_a_known_person_accepts_after_signing_in(trial, browser):
    """ACC-01: one account per person, whatever the number of trials."""
    elsewhere = build.user("monitor", trial=build.trial(build.COVID_MSV))
    browser.post(address(trial, "delegate"), known(elsewhere.username.upper()))
    assert not Delegation.objects.filter(user=elsewhere, trial=trial).exists()
    page = build.client(elsewhere).get("/trials/").content.decode()
    assert "You are invited" in page
    assert "You accepted the role" in offered(elsewhere).content.decode()
    assert Delegation.objects.get(user=elsewhere, trial=trial).role == "monitor"


def test_who_declines_gets_no_role_and_the_list_says_so(trial, browser):
    elsewhere = build.user("monitor", trial=build.trial(build.COVID_MSV))
    browser.post(address(trial, "delegate"), known(elsewhere.username))
    offered(elsewhere, "decline")
    assert not Delegation.objects.filter(user=elsewhere, trial=trial).exists()
    assert "Declined" in browser.get(address(trial)).content.decode()


def test_nobody_answers_the_invitation_of_another_person(trial, browser):
    """SEC-02."""
    browser.post(address(trial, "delegate"), known("nobody77"))
    pk = Invitation.objects.get().pk
    stranger = build.client(build.user("monitor", trial=trial))
    assert stranger.post(f"/trials/invitations/{pk}/", {"answer": "accept"}).status_code == 404
    assert stranger.get(f"/trials/invitations/{pk}/").status_code == 405
    assert Client().post(f"/trials/invitations/{pk}/").status_code == 302


def test_a_role_begins_on_the_day_of_the_acceptance_at_the_earliest(trial, administrator):
    """ACC-01: nobody acted in a role that they had not accepted."""
    person = build.user("monitor")
    with acting(user=administrator):
        invite(trial, person.username, administrator, starts_on=trial.today - timedelta(days=30))
        given = invitations.accept(invitation=Invitation.objects.get(), user=person)
    assert given.starts_on == trial.today


def invite(trial, username, by, **changed):
    days = {"role": "monitor", "starts_on": trial.today, "ends_on": None, **changed}
    return invitations.invite_known(
        username=username, trial=trial, by=by, installation="http://testserver/", **days
    )


def test_an_invitation_whose_last_day_is_over_gives_no_role(trial, administrator):
    person = build.user("monitor")
    with acting(user=administrator):
        past = {"starts_on": trial.today - timedelta(days=9), "ends_on": trial.today - timedelta(days=1)}
        row = invite(trial, person.username, administrator, **past)
        with pytest.raises(ValidationError, match="last day of this role is over"):
            invitations.accept(invitation=row, user=person)


def test_a_withdrawn_invitation_is_accepted_by_nobody_and_its_link_ends(trial, browser, mailing):
    browser.post(address(trial, "add"), new_person())
    row = Invitation.objects.get()
    page = browser.get(address(trial, "invitations", row.pk, "withdraw")).content.decode()
    assert "Withdraw the invitation of Inés Moreno" in page
    browser.post(address(trial, "invitations", row.pk, "withdraw"))
    assert Client().get(links()[0]).status_code == 410
    person = User.objects.get(username=row.username)
    with acting(user=person), pytest.raises(ValidationError, match="has ended"):
        invitations.accept(invitation=row, user=person)
    assert browser.get(address(trial, "invitations", row.pk, "withdraw")).status_code == 404


def test_a_new_link_replaces_the_first_one_until_a_password_is_chosen(trial, browser, mailing):
    browser.post(address(trial, "add"), new_person())
    row = Invitation.objects.get()
    browser.post(address(trial, "invitations", row.pk, "renew"))
    first, second = links()
    assert [Client().get(each).status_code for each in (first, second)] == [410, 200]
    Client().post(second, CHOSEN)
    answer = browser.post(address(trial, "invitations", row.pk, "renew"))
    assert answer.status_code == 422
    assert "This person has a password" in answer.content.decode()


def test_a_known_person_gets_no_link_for_a_password_with_an_invitation(trial, browser, mailing):
    """An administrator cannot reach an account by inviting its owner."""
    elsewhere = build.user("monitor", trial=build.trial(build.COVID_MSV), email="own@elsewhere.example")
    browser.post(address(trial, "delegate"), known(elsewhere.username))
    answer = browser.post(address(trial, "invitations", Invitation.objects.get().pk, "renew"))
    assert answer.status_code == 422
    assert links() == []
    assert not PasswordKey.objects.exists()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"full_name": "Iné\u200bs"}, "nobody can see (U+200B)"),
        ({"full_name": "Inés \u202eoneroM"}, "nobody can see (U+202E)"),
        ({"full_name": "Inés\x07"}, "nobody can see (U+0007)"),
        ({"full_name": "12 34"}, "A name has letters"),
        ({"email": "ines at hospital"}, "Enter a valid email address"),
        ({"role": "inspector"}, "give a last day"),
        ({"ends_on": "01-Mar-2026"}, "must not be before the first day"),
        ({"identity_verified_on": "03-Mar-2026"}, "has not come yet"),
    ],
)
def test_what_is_refused_stands_beside_its_field_and_stores_nobody(trial, browser, changed, sentence):
    """P11-21."""
    before = User.objects.count()
    answer = browser.post(address(trial, "add"), new_person(**changed))
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert (User.objects.count(), Invitation.objects.count(), PasswordKey.objects.count()) == (before, 0, 0)


@pytest.mark.parametrize(
    ("username", "sentence"),
    [("ines moreno", "without blanks"), ("ines\u202e", "without blanks"), ("<b>", "without blanks")],
)
def test_a_user_name_with_other_signs_is_refused(trial, browser, username, sentence):
    """P11-21."""
    answer = browser.post(address(trial, "delegate"), known(username))
    assert answer.status_code == 422
    assert sentence in answer.content.decode()


def test_nobody_invites_themselves_a_person_of_the_trial_or_one_person_twice(
    trial, browser, administrator, doctor
):
    """ACC-02."""
    browser.post(address(trial, "delegate"), known("nobody77"))
    for username, sentence in (
        (administrator.username, "your own rights"),
        (doctor.username, "is or was in this trial"),
        ("nobody77", "is invited already"),
    ):
        assert sentence in browser.post(address(trial, "delegate"), known(username)).content.decode()


def test_the_user_name_is_made_by_the_system_and_tells_nothing_of_others(trial, browser):
    """P11-15: always with a number, whether or not somebody has the name without."""
    names = []
    for full_name in ("Inés Moreno", "Inés Moreno", "Anne-Marie van den Berg", "王小明"):
        browser.post(address(trial, "add"), new_person(full_name=full_name))
        names.append(User.objects.latest("pk").username)
    stems = [name.rstrip("0123456789") for name in names]
    assert stems == ["ines.moreno", "ines.moreno", "anne.berg", "person"]
    assert len(set(names)) == 4
    assert all(name != stem for name, stem in zip(names, stems, strict=True))


def test_a_user_name_to_which_a_role_was_offered_by_a_guess_is_given_to_nobody(
    trial, administrator, monkeypatch
):
    """Otherwise a new person would find the invitation of another trial in the account."""
    drawn = iter(["ines.moreno11", "ines.moreno12"])
    monkeypatch.setattr(type(User.objects), "free_username", lambda self, full_name: next(drawn))
    with acting(user=administrator):
        invite(build.trial(build.COVID_MSV), "ines.moreno11", administrator)
    build.client(administrator).post(address(trial, "add"), new_person())
    assert User.objects.get(full_name="Inés Moreno").username == "ines.moreno12"


@pytest.mark.parametrize("number", [1, 3])
def test_a_list_of_invitations_costs_the_same_queries_whatever_its_length(
    trial, browser, administrator, number, django_assert_num_queries
):
    for each in range(number):
        browser.post(address(trial, "add"), new_person(full_name=f"Inés Moreno {each}", email=""))
    with django_assert_num_queries(9):
        assert browser.get(address(trial)).content.decode().count("New link") == number
