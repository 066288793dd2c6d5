"""What a role must have read, confirmed with the password before anything is entered or signed."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured, ValidationError

from accounts.models import KeptPost
from audit.context import acting
from audit.models import Signature
from protocol.document.people import RoleCode
from tests.support import build
from tests.support.pages.entry_pages import words
from trials import training
from trials.models import TrainingConfirmation
from trials.roles import ROLES

pytestmark = pytest.mark.django_db
DOCUMENTS = ("gcp", "protocol", "entry_guide")


@pytest.fixture
def required(settings):
    settings.TRAINING_REQUIRED = True


def page(trial, end=""):
    return f"/trials/{trial.slug}/training/{end}"


def versions(trial):
    return {each.id: each.version for each in trial.rules.training}


def read(browser, trial, *documents):
    for each in documents:
        sent = {"version": versions(trial)[each], "password": build.PASSWORD}
        answer = browser.post(page(trial, f"{each}/"), sent, follow=True)
        assert "Confirmed" in answer.content.decode()


@pytest.mark.usefixtures("required")
def test_nobody_enters_before_the_documents_are_read(trial, nurse):
    """What was typed is kept, and the way back is shown."""
    browser, screen = build.client(nurse), f"/trials/{trial.slug}/patients/screen/"
    assert browser.get(f"/trials/{trial.slug}/").status_code == 200
    answer = browser.get(screen)
    assert answer.url == f"{page(trial)}?needed=%2Ftrials%2F{trial.slug}%2Fpatients%2Fscreen%2F"
    assert screen in browser.get(answer.url).content.decode()
    read(browser, trial, *DOCUMENTS)
    assert browser.get(screen).status_code == 200


@pytest.mark.usefixtures("required")
def test_what_was_typed_is_kept(trial, nurse, record, settings):
    """ACC-05."""
    browser = build.client(nurse)
    settings.TRAINING_REQUIRED = False
    address = f"/trials/{trial.slug}/patients/{record.patient.code}/visits/SCR/vitals/"
    owner = browser.get(address).content.decode().split('name="form_owner" value="')[1].split('"')[0]
    settings.TRAINING_REQUIRED = True
    answer = browser.post(address, {"heart_rate": "80", "form_owner": owner})
    assert answer.status_code == 302
    assert KeptPost.objects.get().token in answer.url


@pytest.mark.usefixtures("required")
def test_an_investigator_signs_nothing_before(trial, doctor, record):
    sign = f"/trials/{trial.slug}/patients/{record.patient.code}/sign/"
    browser = build.client(doctor)
    assert browser.post(sign, {}).url.startswith(page(trial))
    read(browser, trial, *DOCUMENTS)
    assert browser.post(sign, {}).status_code == 422


def test_elsewhere_than_in_production_the_page_shows_what_would_be_asked(trial, nurse):
    browser = build.client(nurse)
    assert browser.get(f"/trials/{trial.slug}/patients/screen/").status_code == 200
    assert "Good clinical practice" in browser.get(page(trial)).content.decode()


def test_a_confirmation_is_a_signature_and_a_second_click_is_the_same(trial, nurse):
    """SIG-01."""
    browser = build.client(nurse)
    read(browser, trial, "gcp", "gcp")
    row = TrainingConfirmation.objects.get()
    assert (row.user, row.document, row.version) == (nurse, "gcp", versions(trial)["gcp"])
    assert Signature.objects.get(target_type="trials.trainingconfirmation").signer_id == nurse.pk


@pytest.mark.parametrize("sent", [{"password": "wrong"}, {"version": "0.9"}])
def test_a_wrong_password_or_another_version_confirms_nothing(trial, nurse, sent):
    typed = {"version": versions(trial)["gcp"], "password": build.PASSWORD, **sent}
    assert build.client(nurse).post(page(trial, "gcp/"), typed).status_code == 422
    assert not TrainingConfirmation.objects.exists()


@pytest.mark.usefixtures("required")
def test_a_new_version_asks_again(trial, nurse, monkeypatch):
    browser = build.client(nurse)
    read(browser, trial, *DOCUMENTS)
    newer = tuple(
        each.model_copy(update={"version": "1.1"}) if each.id == "protocol" else each
        for each in trial.rules.training
    )
    monkeypatch.setattr(training, "documents_of", lambda _trial: newer)
    assert browser.get(f"/trials/{trial.slug}/patients/screen/").url.startswith(page(trial))


def test_who_is_not_asked_may_confirm_a_document_too_and_there_is_no_other(trial):
    statistician = build.client(build.user("statistician", trial=trial))
    assert "Your role has nothing to read" in statistician.get(page(trial)).content.decode()
    read(statistician, trial, "gcp")
    assert statistician.get(page(trial, "nothing/")).status_code == 404


def test_an_inspector_reads_who_confirmed_what(trial, nurse):
    """ACC-07."""
    read(build.client(nurse), trial, "gcp")
    shown = words(build.client(build.user("inspector", trial=trial)).get(page(trial)))
    line = shown.split(nurse.full_name)[1]
    assert "Good clinical practice (ICH E6(R3)): 15-Sep-2026" in line
    assert "Protocol of the trial (1.0): not confirmed" in line


def test_the_installation_names_further_documents(trial, nurse, settings, tmp_path: Path):
    settings.TRAINING_FILE = tmp_path / "training.toml"
    settings.TRAINING_FILE.write_text(
        '[[training]]\nid = "house"\ntitle = { en = "House rules" }\nversion = "3"\nroles = ["coordinator"]\n'
    )
    assert "House rules" in build.client(nurse).get(page(trial)).content.decode()
    settings.TRAINING_FILE = tmp_path / "wrong.toml"
    settings.TRAINING_FILE.write_text('[[training]]\nid = "house"\nroles = ["boss"]\n')
    with pytest.raises(ImproperlyConfigured, match="cannot be used"):
        training.check_file()


def test_who_may_not_sign_confirms_nothing(trial, nurse):
    """SIG-01: signing is suspended."""
    from accounts.signing_suspension import suspend_signing

    with acting(system="test"):
        suspend_signing(user=nurse, cause="password", asked_by=None)
    with acting(user=nurse), pytest.raises(ValidationError, match="cannot sign yet"):
        training.confirm_training(
            trial=trial, document="gcp", version=versions(trial)["gcp"],
            password=build.PASSWORD, by=nurse,
        )  # fmt: skip
    assert not TrainingConfirmation.objects.exists()


def test_a_protocol_file_knows_every_role():
    assert set(RoleCode.__args__) == set(ROLES)
