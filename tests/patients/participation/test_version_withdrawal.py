"""A version that was loaded by mistake is withdrawn before any patient is on it; its text and its history stay."""

from collections.abc import Iterator

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from accounts.models import User
from patients.models import Patient
from patients.participation.protocol_amendments.amendments import move
from patients.participation.protocol_amendments.version_withdrawal import withdraw_version
from tests.support import build
from tests.support.meanwhile import Meanwhile
from tests.support.study import amended_protocol
from tests.support.study.amended_patient import captured
from trials.models import ProtocolVersion, Trial

pytestmark = pytest.mark.django_db


@pytest.fixture
def trial(walking: Trial) -> Trial:
    return walking


@pytest.fixture
def patient(trial: Trial, doctor: User) -> Patient:
    return captured(trial, by=doctor)


def first(trial: Trial) -> ProtocolVersion:
    return ProtocolVersion.objects.get(trial=trial, version="1.0")


def page(name: str) -> str:
    return reverse("patients:protocol-withdraw", args=["walk", name])


@pytest.fixture
def manager_acts(manager: User) -> Iterator[None]:
    with build.acting(user=manager, role="data_manager", origin="web"):
        yield


@pytest.mark.usefixtures("manager_acts")
class TestWithdrawing:
    def test_the_version_before_is_in_force_again(self, trial, patient, amended, manager):
        withdraw_version(version=amended, reason="A wrong limit", by=manager)
        assert Trial.objects.get().protocol == first(trial)
        assert [row.version for row in ProtocolVersion.objects.all()] == ["1.0"]
        assert build.patient(trial=trial).protocol == first(trial)

    def test_the_text_stays_with_who_withdrew_it_and_why(self, trial, patient, amended, manager):
        """AUD-01: nothing that was loaded is lost."""
        text = amended.text
        withdraw_version(version=amended, reason="A wrong limit", by=manager)
        row = ProtocolVersion.with_withdrawn.get(pk=amended.pk)
        assert (row.text, row.withdrawn_because) == (text, "A wrong limit")
        last = ProtocolVersion.history.filter(id=amended.pk).first()
        assert (last.history_user_name, str(last.history_change_reason)) == (
            manager.username,
            "A wrong limit",
        )

    def test_the_corrected_text_is_loaded_under_the_same_name(self, trial, patient, amended, manager):
        withdraw_version(version=amended, reason="A wrong limit", by=manager)
        corrected = amended_protocol.text("1.1").replace("target = 12", "target = 13", 1)
        again = build.version(corrected, effective_from=amended_protocol.IN_FORCE)
        assert again.version == "1.1"
        assert again.pk != amended.pk
        assert Trial.objects.get().protocol == again

    def test_a_version_with_a_patient_is_not_withdrawn(self, trial, patient, amended, doctor, manager):
        move(patients=[patient], to=amended, reason="Approved", by=manager)
        with pytest.raises(ValidationError, match="patients are or were on it"):
            withdraw_version(version=amended, reason="A wrong limit", by=manager)
        assert ProtocolVersion.objects.count() == 2

    def test_a_version_that_another_replaces_is_not_withdrawn_first(self, trial, amended, manager):
        with pytest.raises(ValidationError, match=r"version 1\.1 replaces it"):
            withdraw_version(version=first(trial), reason="A wrong limit", by=manager)

    def test_a_version_is_withdrawn_once_and_with_a_reason(self, trial, patient, amended, manager):
        with pytest.raises(ValidationError, match="Say why"):
            withdraw_version(version=amended, reason="  ", by=manager)
        withdraw_version(version=amended, reason="A wrong limit", by=manager)
        with pytest.raises(ValidationError, match="withdrawn already"):
            withdraw_version(version=amended, reason="Again", by=manager)

    def test_nobody_is_moved_to_a_withdrawn_version(self, trial, patient, amended, manager):
        withdraw_version(version=amended, reason="A wrong limit", by=manager)
        with pytest.raises(ValidationError, match="not a version of this trial"):
            move(patients=[Patient.objects.get(pk=patient.pk)], to=amended, reason="Approved", by=manager)

    def test_the_database_keeps_reason_and_moment_together(self, trial, amended):
        with pytest.raises(IntegrityError), transaction.atomic(), build.acting(system="test"):
            ProtocolVersion.objects.filter(pk=amended.pk).update(withdrawn_because="Only a reason")


class TestThePage:
    def test_the_manager_withdraws_with_a_reason(self, trial, patient, amended, manager):
        client = build.client(manager)
        assert "Withdraw this version" in client.get(page("1.1")).content.decode()
        answer = client.post(page("1.1"), {"reason": "A wrong limit"}, follow=True)
        html = answer.content.decode()
        assert "Version 1.1 is withdrawn." in html
        assert "A wrong limit" in html
        assert Trial.objects.get().protocol == first(trial)

    def test_without_a_reason_nothing_is_stored(self, trial, patient, amended, manager):
        answer = build.client(manager).post(page("1.1"), {"reason": " "})
        assert answer.status_code == 422
        assert ProtocolVersion.objects.count() == 2

    def test_a_version_with_patients_offers_no_button_and_says_why(self, trial, patient, amended, manager):
        client = build.client(manager)
        listed = client.get(reverse("patients:protocol", args=["walk"])).content.decode()
        assert page("1.1") in listed
        assert page("1.0") not in listed
        assert "version 1.1 replaces it" in client.get(page("1.0")).content.decode()
        assert client.post(page("1.0"), {"reason": "A wrong limit"}).status_code == 422

    def test_a_version_that_is_not_there_is_not_found(self, trial, manager):
        assert build.client(manager).post(page("9.9"), {"reason": "x"}).status_code == 404

    def test_a_reader_without_the_right_is_refused(self, trial, amended, doctor):
        assert build.client(doctor).post(page("1.1"), {"reason": "x"}).status_code == 403
        assert ProtocolVersion.objects.count() == 2


class TestTheCommand:
    def test_the_command_withdraws_and_says_what_is_in_force(self, trial, amended, capsys):
        call_command("withdraw_protocol", "walk", "1.1", reason="A wrong limit")
        assert "In force: 1.0." in capsys.readouterr().out
        last = ProtocolVersion.history.filter(id=amended.pk).first()
        assert last.history_user_name.startswith("system:withdraw_protocol for account:")

    def test_the_command_tells_why_it_refuses(self, trial, patient, amended):
        with pytest.raises(CommandError, match="replaces it"):
            call_command("withdraw_protocol", "walk", "1.0", reason="x")
        with pytest.raises(CommandError, match=r"has no version 2\.0"):
            call_command("withdraw_protocol", "walk", "2.0", reason="x")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite lets one writer in at a time")
@pytest.mark.django_db(transaction=True)
def test_a_screening_that_waits_for_a_withdrawal_uses_the_version_before() -> None:
    """Both steps lock the row of the trial: the version is read after the lock."""
    trial, amended = amended_protocol.trial(), amended_protocol.amendment()
    nurse = build.user("coordinator", trial=trial)
    with Meanwhile(lambda: withdraw_version(version=amended, reason="A wrong limit")) as other:
        other.ends_in(0.5)
        assert build.patient(trial=trial, by=nurse).protocol.version == "1.0"
