"""Second factors: required by role, lost ones removed by two people (SEC-06)."""

import pytest
from allauth.mfa.models import Authenticator
from django.core.exceptions import ImproperlyConfigured, ValidationError

from accounts.models import KeptPost
from audit.context import acting
from audit.models import AccessEvent
from tests.support import build
from tests.support.pages.signing_in import new_role_page, people_page, sign_in
from trials.delegations.factor_recovery import ask_recovery, decide_recovery
from trials.models import FactorRecovery
from trials.permissions import Permission as P
from trials.roles import KNOWING, ROLES
from trials.second_factor import check_roles

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_counted")]


@pytest.fixture
def required(settings):
    settings.SECOND_FACTOR_ROLES = ["administrator"]


def with_factor(person):
    with acting(system="test"):
        return Authenticator.objects.create(user=person, type="totp", data={"secret": "x"})


def recovery_page(trial, recovery):
    return f"{people_page(trial)}recoveries/{recovery.pk}/"


@pytest.mark.usefixtures("required")
class TestRequired:
    """The pages of a trial open only with a second factor, for the roles that need one."""

    def test_a_person_without_one_is_led_to_where_it_is_set_up(self, trial, administrator):
        browser, _ = sign_in(administrator)
        answer = browser.get(people_page(trial))
        assert answer.url == f"/accounts/factors/?needed=%2Ftrials%2F{trial.slug}%2Fpeople%2F"
        page = browser.get(answer.url).content.decode()
        assert "Your role in this trial needs a second factor" in page
        assert page.index("Passkeys and security keys") < page.index("Authenticator app"), (
            "passkeys come first"
        )

    def test_nothing_is_stored_without_one_and_what_was_typed_is_kept(self, trial, administrator):
        """ACC-05."""
        browser = build.client(administrator)
        with_factor(administrator)
        page = browser.get(new_role_page(trial)).content.decode()
        owner = page.split('name="form_owner" value="')[1].split('"')[0]
        with acting(system="test"):
            Authenticator.objects.all().delete()
        sent = {"username": "nobody77", "role": "monitor", "starts_on": "1/3/2026", "form_owner": owner}
        answer = browser.post(new_role_page(trial), sent)
        assert answer.status_code == 302
        assert KeptPost.objects.get().token in answer.url
        assert not trial.invitations.exists()

    def test_a_script_is_refused_with_a_sentence(self, trial, administrator):
        answer = build.client(administrator).get(people_page(trial), headers={"HX-Request": "true"})
        assert answer.status_code == 403
        assert "needs a second factor" in answer.content.decode()

    def test_with_one_the_pages_open(self, trial, administrator):
        browser = build.client(administrator)
        with_factor(administrator)
        assert "Who may do what in this trial" in browser.get(people_page(trial)).content.decode()

    def test_other_roles_need_none(self, trial):
        browser, _ = sign_in(build.user("monitor", trial=trial))
        assert "Who may do what in this trial" in browser.get(people_page(trial)).content.decode()

    def test_a_trial_of_others_stays_unknown(self, trial, administrator):
        """SEC-02: 404 before anything else."""
        other = build.trial(build.COVID_MSV)
        assert build.client(administrator).get(people_page(other)).status_code == 404

    def test_a_session_that_began_with_a_factor_costs_no_query(
        self, trial, administrator, django_assert_num_queries
    ):
        with_factor(administrator)
        browser = build.client(administrator)
        session = browser.session
        session["account_authentication_methods"] = [
            {"method": "password"},
            {"method": "mfa", "type": "totp"},
        ]
        session.save()
        with django_assert_num_queries(8):
            assert browser.get(people_page(trial)).status_code == 200

    @pytest.mark.parametrize("kind", ["totp", "webauthn"])
    def test_the_only_factor_is_not_removed_while_the_role_needs_it(self, trial, administrator, kind):
        """Otherwise a stolen password could add the factor of a thief."""
        browser, _ = sign_in(administrator)
        browser.post("/accounts/confirm/", {"password": build.PASSWORD})
        factor = with_factor(administrator)
        with acting(system="test"):
            reader = {"name": "Reader", "credential": {"clientExtensionResults": {}}}
            Authenticator.objects.update(type=kind, data=reader)
        page = "totp/deactivate/" if kind == "totp" else f"webauthn/keys/{factor.pk}/remove/"
        answer = browser.post(f"/accounts/factors/{page}", follow=True)
        assert "Add another before you remove it" in answer.content.decode()
        assert Authenticator.objects.filter(pk=factor.pk).exists()


def test_in_production_everybody_who_manages_or_knows_the_treatment_needs_one():
    """SEC-06: administrators, data managers, unblinded roles, inspectors, and who approves."""
    from tests.config.test_production import GOOD, manage

    told = manage(
        "shell", "-v0", "-c", "from django.conf import settings; print(','.join(settings.SECOND_FACTOR_ROLES))",
        folder=build.ROOT, **GOOD,
    )  # fmt: skip
    unblinded = set(KNOWING)
    managing = {
        code for code, role in ROLES.items() if {P.MANAGE_PEOPLE, P.LOCK, P.APPROVE} & role.permissions
    }
    assert set(told.stdout.strip().split(",")) == unblinded | managing | {"inspector"}


def test_training_needs_none_and_an_unknown_role_stops_the_start(settings):
    assert settings.SECOND_FACTOR_ROLES == []
    settings.SECOND_FACTOR_ROLES = ["administrator", "boss"]
    with pytest.raises(ImproperlyConfigured, match="SECOND_FACTOR_ROLES=boss: use none"):
        check_roles()


class TestRecovery:
    """P11-23: one person asks, another with another role decides."""

    @pytest.fixture
    def person(self, trial):
        return build.user("monitor", trial=trial)

    @pytest.fixture
    def own(self, person):
        """The browser in which the person is signed in."""
        browser, _ = sign_in(person)
        with_factor(person)
        return browser

    @pytest.fixture
    def asked(self, trial, person, own, administrator):
        """A request, made by an administrator."""
        with acting(user=administrator):
            return ask_recovery(user=person, trial=trial, reason="lost telephone", by=administrator)

    def test_asking_changes_nothing(self, trial, person, own, administrator):
        browser = build.client(administrator)
        answer = browser.post(f"{people_page(trial)}{person.pk}/factors/", {"reason": "lost"}, follow=True)
        assert "A second person decides" in answer.content.decode()
        assert Authenticator.objects.filter(user=person).exists()

    def test_the_second_person_grants_it_and_both_names_are_recorded(
        self, trial, person, own, asked, administrator, doctor
    ):
        browser = build.client(doctor)
        assert (
            "asks to remove lost second factors: lost telephone"
            in browser.get(people_page(trial)).content.decode()
        )
        assert person.full_name in browser.get(recovery_page(trial, asked)).content.decode()
        sent = {"decision": "grant", "reason": "saw her"}
        page = browser.post(recovery_page(trial, asked), sent, follow=True).content.decode()
        assert "are removed" in page
        assert not Authenticator.objects.filter(user=person).exists()
        assert own.get(people_page(trial)).status_code == 302, "open sessions end"
        told = AccessEvent.objects.get(kind="factor_changed").detail
        assert (told["by"], told["second"], told["reason"]) == (
            administrator.username,
            doctor.username,
            "lost telephone",
        )
        change = FactorRecovery.history.latest("history_id")
        assert (change.history_user_name, change.history_change_reason) == (doctor.username, "saw her")

    def test_the_second_person_refuses_and_the_factors_stay(self, trial, person, asked, doctor):
        browser = build.client(doctor)
        sent = {"decision": "refuse", "reason": "did not answer the call"}
        assert (
            "Nothing was removed"
            in browser.post(recovery_page(trial, asked), sent, follow=True).content.decode()
        )
        assert Authenticator.objects.filter(user=person).exists()
        assert browser.get(recovery_page(trial, asked)).status_code == 404, "it is decided"

    @pytest.mark.parametrize("sent", [{}, {"decision": "grant"}, {"decision": "both", "reason": "x"}])
    def test_a_decision_without_its_reason_decides_nothing(self, trial, asked, doctor, sent):
        assert build.client(doctor).post(recovery_page(trial, asked), sent).status_code == 422
        assert FactorRecovery.objects.get().decided_at is None

    def test_who_asked_and_who_lost_them_decide_nothing(self, trial, asked, person, administrator):
        assert build.client(administrator).post(recovery_page(trial, asked)).status_code == 403
        for by in (administrator, person):
            with acting(user=by), pytest.raises(ValidationError, match="Another person has to decide"):
                decide_recovery(recovery=asked, granted=True, reason="x", by=by)

    def test_it_is_decided_once(self, asked, doctor, nurse):
        with acting(user=doctor):
            decide_recovery(recovery=asked, granted=False, reason="x", by=doctor)
            with pytest.raises(ValidationError, match="decided this already"):
                decide_recovery(recovery=asked, granted=True, reason="x", by=nurse)

    def test_it_is_asked_once_and_for_somebody_who_has_a_factor(self, trial, asked, person, administrator):
        other = build.user("monitor", trial=trial)
        with acting(user=administrator):
            with pytest.raises(ValidationError, match="was asked already"):
                ask_recovery(user=person, trial=trial, reason="again", by=administrator)
            with pytest.raises(ValidationError, match="has no second factor"):
                ask_recovery(user=other, trial=trial, reason="x", by=administrator)

    def test_a_request_of_another_trial_is_not_there(self, trial, asked):
        """SEC-02."""
        other = build.trial(build.COVID_MSV)
        stranger = build.client(build.user("investigator", trial=other))
        assert stranger.get(recovery_page(other, asked)).status_code == 404
