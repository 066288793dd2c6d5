"""Nobody signs with an account that others opened: signing waits for the person (SIG-01, ACC-02, 21 CFR 11.200)."""

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import password_keys, signing_suspension
from accounts.models import SigningSuspension, User
from audit import signatures
from audit.context import acting
from audit.models import AccessEvent, Signature
from patients.models import EligibilityDecision
from tests.support import build
from tests.support.pages.mailed import links, recipients
from tests.support.pages.signing_in import OWN_PASSWORD, people_page, sign_in
from trials.delegations.delegation import ask_new_password
from trials.delegations.factor_recovery import ask_recovery, decide_recovery

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_counted")]
CHOSEN = {"password1": OWN_PASSWORD, "password2": OWN_PASSWORD}
Cause = SigningSuspension.Cause


@pytest.fixture
def mailing(settings):
    settings.SENDS_MAIL = True


@pytest.fixture
def person(trial):
    return build.user("investigator", trial=trial, email="own@hospital.example")


def intercepted(person, trial, by):
    """The administrator asks for a new password and reads the mail; return the browser in which they sign in."""
    browser = build.client(by)
    browser.post(f"{people_page(trial)}{person.pk}/password/", {"reason": "forgotten"})
    Client().post(links()[-1], CHOSEN)
    return sign_in(person, OWN_PASSWORD)[0]


def refused(person, record, password=OWN_PASSWORD):
    with acting(user=person, role="investigator"), pytest.raises(ValidationError, match="cannot sign yet"):
        signatures.sign(target=record, meaning="review", password=password, by=person)
    return True


def signs(person, record, password=OWN_PASSWORD):
    person = User.objects.get(pk=person.pk)
    with acting(user=person, role="investigator"):
        return signatures.sign(target=record, meaning="review", password=password, by=person)


def factor(person, at=None):
    with acting(system="test"):
        made = Authenticator.objects.create(user=person, type="totp", data={"secret": "x"})
        if at is not None:
            Authenticator.objects.filter(pk=made.pk).update(created_at=at)
    return made


def shown_code(person):
    with acting(user=person):
        return signing_suspension.new_confirmation_code(user=person)


@pytest.mark.usefixtures("mailing")
class TestAnAdministratorAlone:
    """The attack: everything that one administrator can do, with the mails of others in hand."""

    def test_who_reads_the_mail_and_signs_in_as_the_investigator_signs_nothing(
        self, trial, person, administrator, record
    ):
        """SIG-01, ACC-02: on the page of the forms, on that of eligibility, and in the verb."""
        patient = build.assessable(trial=trial)
        browser = intercepted(person, trial, administrator)
        page = reverse("patients:sign", args=[trial.slug, record.patient.code])
        sent = {
            "chosen": [f"{record.pk}:{record.version}"], "reviewed": ["SCR"], "meaning": "review",
            "password": OWN_PASSWORD,
        }  # fmt: skip
        answer = browser.post(page, sent)
        assert answer.status_code == 422
        assert "You cannot sign yet" in answer.content.decode()
        assert refused(person, record)
        assert refused(person, patient)
        assert not EligibilityDecision.objects.exists()
        assert not Signature.objects.filter(signer_id=person.pk).exists()
        assert AccessEvent.objects.filter(kind="signing_suspended", user_id=person.pk).count() == 3

    def test_a_helper_that_the_administrator_invites_confirms_nobody(self, trial, person, administrator):
        """ACC-02: whoever is invited is to be confirmed first, by somebody who is."""
        intercepted(person, trial, administrator)
        typed = {
            "full_name": "Helping Hand", "email": "mine@elsewhere.example", "identity_verified_on": "1/3/2026",
            "role": "coordinator", "starts_on": "15/9/2026",
        }  # fmt: skip
        build.client(administrator).post(f"{people_page(trial)}add/", typed)
        Client().post(links()[-1], CHOSEN)
        helper = User.objects.get(full_name="Helping Hand")
        browser, _answer = sign_in(helper, OWN_PASSWORD)
        browser.post(f"/trials/invitations/{trial.invitations.get().pk}/", {"answer": "accept"})
        assert helper.signing_suspended
        code = shown_code(person)
        answer = browser.post(f"{people_page(trial)}{person.pk}/confirm/", {"code": code})
        assert answer.status_code == 422
        assert "Confirm first who you are yourself" in answer.content.decode()
        assert person.signing_suspended

    def test_the_administrator_is_not_the_second_person_either(self, trial, person, administrator):
        intercepted(person, trial, administrator)
        code = shown_code(person)
        page = f"{people_page(trial)}{person.pk}/confirm/"
        assert build.client(administrator).post(page, {"code": code}).status_code == 403
        with (
            acting(user=administrator),
            pytest.raises(ValidationError, match="Another person has to confirm"),
        ):
            signing_suspension.confirm_identity(user=person, code=code, by=administrator)

    def test_a_second_factor_that_is_set_up_afterwards_proves_nothing(
        self, trial, person, administrator, record
    ):
        """SIG-01: nor one that is older than a second reset, while the first is open."""
        intercepted(person, trial, administrator)
        late = factor(person)
        with acting(user=person):
            assert signing_suspension.confirm_by_factor(user=person, used=[late.pk]) == 0
        with acting(user=administrator):
            key = ask_new_password(user=person, trial=trial, reason="again", by=administrator)
            password_keys.choose_password(key=key, password="yet another long one")
        with acting(user=person):
            assert signing_suspension.confirm_by_factor(user=person, used=[late.pk]) == 0
        assert refused(person, record, "yet another long one")

    def test_a_new_account_signs_nothing_although_its_identity_was_typed_in(
        self, trial, administrator, record
    ):
        """ACC-02: the day of an identity check is what the administrator says."""
        typed = {
            "full_name": "Doctor Made Up", "email": "mine@elsewhere.example", "identity_verified_on": "1/3/2026",
            "role": "investigator", "starts_on": "15/9/2026",
        }  # fmt: skip
        build.client(administrator).post(f"{people_page(trial)}add/", typed)
        Client().post(links()[-1], CHOSEN)
        made = User.objects.get(full_name="Doctor Made Up")
        assert SigningSuspension.objects.get(user=made).cause == Cause.FIRST_PASSWORD
        assert refused(made, record)

    def test_every_entry_names_the_administrator_and_none_the_investigator(
        self, trial, person, administrator, doctor
    ):
        """AUD-02: the filter on the administrator finds the link, the choice names who asked for it."""
        intercepted(person, trial, administrator)
        link, changed = (AccessEvent.objects.get(kind=kind) for kind in ("password_link", "password_changed"))
        assert (link.user_id, link.detail["person"]) == (administrator.pk, person.username)
        assert changed.user_name == f"system:password-key for {person.username}"
        assert (changed.detail["person"], changed.detail["by"]) == (person.username, administrator.username)
        change = User.history.filter(id=person.pk).latest("history_id")
        assert change.history_user_name == f"system:password-key for {person.username}"
        page = build.client(doctor).get(f"/trials/{trial.slug}/trail/?user={administrator.username}")
        assert "Link for a password made" in page.content.decode()
        assert person.username in page.content.decode()

    def test_the_person_is_told_by_mail_and_at_each_sign_in(self, trial, person, administrator):
        """SEC-06: by whom, and what to do."""
        browser = intercepted(person, trial, administrator)
        assert recipients() == [["own@hospital.example"], ["own@hospital.example"]]
        assert f"{administrator.full_name} asked for it" in mail.outbox[-1].body
        told = f"that {administrator.full_name} asked for"
        assert told in browser.get("/accounts/profile/").content.decode()
        for _time in range(2):
            browser, _answer = sign_in(person, OWN_PASSWORD)
            assert told in browser.get(people_page(trial)).content.decode()


class TestConfirmation:
    """The person comes back: with a factor of before, or before a second person."""

    @pytest.fixture
    def reset(self, trial, person, administrator):
        with acting(user=administrator):
            key = ask_new_password(user=person, trial=trial, reason="forgotten", by=administrator)
        password_keys.choose_password(key=key, password=OWN_PASSWORD)
        return person

    def test_a_factor_that_is_older_confirms_the_person_at_sign_in(self, person, reset, record):
        old = factor(person, timezone.now() - timedelta(days=9))
        told = signing_suspension.confirm_at_sign_in(
            user=person, steps=[{"method": "password"}, {"method": "mfa", "id": old.pk, "type": "totp"}]
        )
        assert "Your second factor has confirmed who you are: you can sign." in told
        row = SigningSuspension.objects.get(user=person)
        assert (row.way, row.ended_by, bool(row.ended_at)) == ("factor", None, True)
        assert signs(person, record).signer_id == person.pk

    def test_a_password_alone_confirms_nothing(self, person, reset, record):
        factor(person, timezone.now() - timedelta(days=9))
        told = signing_suspension.confirm_at_sign_in(user=person, steps=[{"method": "password"}])
        assert len(told) == 1
        assert refused(person, record)

    def test_a_second_person_types_the_code_that_the_person_shows(self, trial, person, reset, doctor, record):
        own = sign_in(person, OWN_PASSWORD)[0]
        shown = own.post("/accounts/identity/").context["code"]
        other = build.client(doctor)
        assert "Confirm who this is" in other.get(f"{people_page(trial)}{person.pk}/").content.decode()
        answer = other.post(f"{people_page(trial)}{person.pk}/confirm/", {"code": shown}, follow=True)
        assert "can sign" in answer.content.decode()
        row = SigningSuspension.objects.get(user=person)
        assert (row.way, row.ended_by) == ("person", doctor)
        last = SigningSuspension.history.latest("history_id")
        assert last.history_user_name == doctor.username
        assert signs(person, record).signer_id == person.pk

    @pytest.mark.parametrize("typed", ["12345678", "", "0000 0000"])
    def test_another_code_confirms_nobody(self, trial, person, reset, doctor, typed):
        shown_code(person)
        answer = build.client(doctor).post(f"{people_page(trial)}{person.pk}/confirm/", {"code": typed})
        assert answer.status_code == 422
        assert person.signing_suspended

    def test_a_code_works_for_a_quarter_of_an_hour(self, person, reset, doctor):
        code = shown_code(person)
        with acting(system="test"):
            SigningSuspension.objects.update(code_until=timezone.now() - timedelta(seconds=1))
        with acting(user=doctor), pytest.raises(ValidationError, match="not the code"):
            signing_suspension.confirm_identity(user=person, code=code, by=doctor)

    def test_nobody_confirms_themselves(self, person, reset):
        code = shown_code(person)
        with acting(user=person), pytest.raises(ValidationError, match="yourself"):
            signing_suspension.confirm_identity(user=person, code=code, by=person)

    def test_removed_factors_suspend_signing_and_name_who_decided(
        self, trial, person, administrator, doctor, record
    ):
        """SEC-06, AUD-02."""
        factor(person)
        with acting(user=administrator):
            asked = ask_recovery(user=person, trial=trial, reason="lost", by=administrator)
        with acting(user=doctor):
            decide_recovery(recovery=asked, granted=True, reason="saw her", by=doctor)
        row = SigningSuspension.objects.get(user=person)
        assert (row.cause, row.asked_by) == (Cause.FACTORS, administrator)
        event = AccessEvent.objects.get(kind="factor_changed")
        assert (event.user_id, event.detail["person"]) == (doctor.pk, person.username)
        assert refused(person, record, build.PASSWORD)

    def test_who_may_not_sign_hands_over_nothing_either(self, trial, person, reset, administrator):
        other = build.user("monitor", trial=trial)
        with acting(user=administrator):
            key = ask_new_password(user=other, trial=trial, reason="forgotten", by=administrator)
        with acting(user=person), pytest.raises(ValidationError, match="who you are yourself"):
            password_keys.new_second_half(key=key, by=person)

    def test_an_own_new_password_suspends_nothing(self, person):
        browser = build.client(person)
        sent = {"oldpassword": build.PASSWORD, "password1": OWN_PASSWORD, "password2": OWN_PASSWORD}
        browser.post("/accounts/password/", sent)
        assert User.objects.get(pk=person.pk).check_password(OWN_PASSWORD)
        assert not person.signing_suspended

    def test_the_operator_makes_the_first_people_who_then_confirm_others(self, trial, capsys):
        """The root of trust: a command, named in the trail; a reset by command is one by others."""
        call_command(
            "add_person", username="p.investigator", full_name="Principal", trial=trial.slug,
            role="principal_investigator", reason="start of the trial",
        )  # fmt: skip
        Client().post(capsys.readouterr().out.split("http://127.0.0.1:8000")[1].strip(), CHOSEN)
        first = User.objects.get(username="p.investigator")
        assert first.has_usable_password()
        assert not first.signing_suspended
        call_command("password_link", username="p.investigator", reason="lost")
        Client().post(capsys.readouterr().out.split("http://127.0.0.1:8000")[1].strip(), CHOSEN)
        assert first.signing_suspended

    def test_without_anything_to_confirm_there_is_no_code(self, person):
        answer = build.client(person).post("/accounts/identity/", follow=True)
        assert "there is nothing to confirm" in answer.content.decode()
