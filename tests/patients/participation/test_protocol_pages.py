"""The pages of the protocol, and the pages of forms after an amendment: no input is lost (DAT-09)."""

from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from patients.entry.controls import CONTROLS
from patients.models import Draft, Patient, Record
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from tests.support.study import amended_protocol
from tests.support.study.amended_patient import INCLUDED, sign_again
from trials.models import ProtocolVersion, Trial
from trials.permissions import Permission
from trials.roles import ROLES

pytestmark = pytest.mark.django_db


@pytest.fixture
def trial(walking: Trial) -> Trial:
    return walking


@pytest.fixture
def patient(trial: Trial, doctor: User) -> Patient:
    patient = amended_protocol.enrolled(trial, by=doctor, on=INCLUDED)
    amended_protocol.hold(patient, "D7", by=doctor)
    amended_protocol.vitals(patient, "D7", by=doctor)
    return patient


def page(name: str, *args: Any) -> str:
    return reverse(f"patients:{name}", args=["walk", *args])


def posted(client: Client, patient: Patient, visit: str, version: ProtocolVersion, **fields: str) -> Any:
    address = page("form", patient.code, visit, "vitals")
    form_fields = {
        CONTROLS.version: "0",
        CONTROLS.protocol: str(version.pk),
        CONTROLS.state: "",
        CONTROLS.key: "k",
        CONTROLS.action: "draft",
    }
    return client.post(address, {**form_fields, **fields})


def first(patient: Patient) -> ProtocolVersion:
    return ProtocolVersion.objects.get(trial=patient.trial, version="1.0")


class TestVersions:
    def test_each_version_shows_who_loaded_it_since_when_it_holds_and_who_is_on_it(
        self, patient, amended, manager
    ):
        html = build.client(manager).get(page("protocol")).content.decode()
        for text in (
            amended.sha256,
            first(patient).sha256,
            "system:test",
            "01-Mar-2021",
            patient.code,
            "EC-21-7",
        ):
            assert text in html
        assert html.index("Version 1.1") < html.index("Version 1.0")
        assert "In force" in html

    def test_the_difference_names_every_part_and_what_it_means(self, patient, amended, manager, doctor):
        build.record(patient, "diary", {"entry": "Slept"}, visit="D7", draft=True, by=doctor)
        html = build.client(manager).get(page("protocol-difference", "1.0", "1.1")).content.decode()
        for text in (
            "Oxygen saturation", "forms.vitals.steps", "Day 14", "visits.D60", "answer MIXED", "forms.diary",
            "UAT-2021-03", "1 takes part and can be moved", "1 form is a draft", "Removed; the values stay in sight",
        ):  # fmt: skip
            assert text in html, text

    @pytest.mark.parametrize(("old", "new"), [("1.1", "1.0"), ("1.0", "1.0"), ("1.0", "9"), ("x", "1.1")])
    def test_what_is_no_step_forward_is_not_found(self, patient, amended, manager, old, new):
        assert build.client(manager).get(page("protocol-difference", old, new)).status_code == 404

    def test_the_pages_cost_the_same_for_one_patient_and_for_three(self, trial, doctor, manager, patient):
        amended_protocol.amendment()
        client = build.client(manager)
        addresses = (
            page("protocol"),
            page("protocol-difference", "1.0", "1.1"),
            page("protocol-move", "1.1"),
        )
        counts = []
        for _number in range(2):
            with CaptureQueriesContext(connection) as queries:
                statuses = [client.get(address).status_code for address in addresses]
            assert statuses == [200, 200, 200]
            counts.append(len(queries))
            with time_machine.travel(amended_protocol.NOW, tick=False):
                for _each in range(2):
                    clone(patient, trial)
        assert counts[0] == counts[1] <= 45

    def test_reading_the_pages_writes_nothing(self, patient, amended, manager):
        client = build.client(manager)
        for address in (
            page("protocol"),
            page("protocol-difference", "1.0", "1.1"),
            page("protocol-move", "1.1"),
        ):
            with CaptureQueriesContext(connection) as queries:
                client.get(address)
            written = [
                each["sql"] for each in queries if each["sql"].startswith(("INSERT", "UPDATE", "DELETE"))
            ]
            assert [sql for sql in written if "session" not in sql] == []


def clone(patient: Patient, trial: Trial) -> Patient:
    """Return another patient on the first version, in screening."""
    from audit.context import acting

    with acting(system="test"):
        found = build.patient(trial=Trial.objects.get(pk=trial.pk))
        Patient.objects.filter(pk=found.pk).update(protocol=first(patient))
        return found


class TestMoving:
    def test_a_data_manager_moves_those_who_are_ticked(self, trial, patient, amended, manager):
        other = clone(patient, trial)
        client = build.client(manager)
        html = client.get(page("protocol-move", "1.1")).content.decode()
        assert html.count('name="patient"') == 2
        assert "D14" in html
        assert "Yes, version 2.0" in html
        token = f"{patient.code}:{patient.protocol_id}"
        response = client.post(
            page("protocol-move", "1.1"), {"patient": token, "reason": "Approved"}, follow=True
        )
        assert "1 patient is on version 1.1 now." in response.content.decode()
        assert Patient.objects.get(pk=patient.pk).protocol == amended
        assert Patient.objects.get(pk=other.pk).protocol.version == "1.0"

    def test_what_is_wrong_is_reported_and_nothing_is_lost(self, patient, amended, manager):
        client, token = build.client(manager), f"{patient.code}:{patient.protocol_id}"
        response = client.post(page("protocol-move", "1.1"), {"patient": token, "reason": " "})
        assert response.status_code == 422
        assert f'value="{token}" checked' in response.content.decode()
        response = client.post(page("protocol-move", "1.1"), {"reason": "Approved"})
        assert response.status_code == 422
        assert "Approved" in response.content.decode()
        for wrong in ("NOBODY:1", patient.code, f"{patient.code}:x", f"{patient.code}:{amended.pk}"):
            response = client.post(page("protocol-move", "1.1"), {"patient": wrong, "reason": "Approved"})
            assert response.status_code == (422 if wrong.endswith(f":{amended.pk}") else 400), wrong
        assert Patient.objects.get(pk=patient.pk).protocol.version == "1.0"

    def test_two_people_move_the_same_patient_once(self, patient, amended, manager, trial):
        token = f"{patient.code}:{patient.protocol_id}"
        one, other = build.client(manager), build.client(build.user("data_manager", trial=trial))
        assert one.post(page("protocol-move", "1.1"), {"patient": token, "reason": "A"}).status_code == 302
        response = other.post(page("protocol-move", "1.1"), {"patient": token, "reason": "B"})
        assert response.status_code == 422
        assert "another user has moved them" in response.content.decode()
        assert Patient.history.filter(id=patient.pk, history_change_reason="B").count() == 0

    @pytest.mark.parametrize("role", each_engine_or_one(sorted(ROLES)))
    def test_only_a_data_manager_moves(self, trial, patient, amended, role):
        client = build.client(build.user(role, trial=trial))
        wanted = 200 if Permission.APPLY_AMENDMENT in ROLES[role].permissions else 403
        assert client.get(page("protocol-move", "1.1")).status_code == wanted
        assert (wanted == 200) == (role == "data_manager")
        assert client.get(page("protocol")).status_code == 200


class TestForms:
    def test_entry_waits_for_the_new_consent_with_a_link_to_it(self, patient, amended, doctor, manager):
        amended_protocol.move_to(patient, amended, by=manager)
        client = build.client(doctor)
        html = client.get(page("form", patient.code, "INF1", "vitals")).content.decode()
        assert "has to sign version 2.0 of the consent form" in html
        assert page("consent", patient.code) in html
        response = posted(client, patient, "INF1", amended, pulse="70")
        assert response.status_code == 422
        assert 'value="70"' in response.content.decode()
        assert not Record.objects.filter(visit__code="INF1").exists()
        assert client.post(page("visit-hold", patient.code, "INF1"), {"on": "2021-03-11"}).status_code == 422
        home = client.get(reverse("reports:home", args=["walk"]), {"show": "reconsent"}).content.decode()
        assert patient.code in home
        sign_again(patient, doctor)
        assert posted(client, patient, "INF1", amended, pulse="70").status_code == 302

    def test_a_page_opened_before_the_move_comes_back_with_all_that_was_typed(
        self, patient, amended, doctor, manager
    ):
        old = first(patient)
        amended_protocol.move_to(patient, amended, by=manager)
        sign_again(patient, doctor)
        response = posted(build.client(doctor), patient, "INF1", old, pulse="70", steps="5100", mood="MIXED")
        html = response.content.decode()
        assert response.status_code == 409
        assert 'value="70"' in html
        assert "5100" in html
        assert "Mixed" in html
        assert f'name="_protocol" value="{amended.pk}"' in html
        assert not Record.objects.filter(visit__code="INF1").exists()

    def test_a_page_of_a_visit_that_is_gone_shows_what_was_typed(self, patient, amended, doctor, manager):
        old = first(patient)
        amended_protocol.move_to(patient, amended, by=manager)
        sign_again(patient, doctor)
        response = posted(build.client(doctor), patient, "D60", old, pulse="70", steps="5100")
        assert response.status_code in (409, 422)
        assert "5100" in response.content.decode()
        assert not Record.objects.filter(visit__code="D60").exists()

    def test_what_was_being_typed_survives_the_move(self, patient, amended, doctor, manager):
        client, old = build.client(doctor), first(patient)
        address = page("form", patient.code, "INF1", "vitals")
        result = {
            CONTROLS.version: "0",
            CONTROLS.protocol: str(old.pk),
            CONTROLS.state: "",
            CONTROLS.key: "k",
        }
        assert client.post(f"{address}keep/", {**result, "pulse": "66", "steps": "5100"}).status_code == 200
        amended_protocol.move_to(patient, amended, by=manager)
        sign_again(patient, doctor)
        html = client.get(address).content.decode()
        assert 'value="66"' in html
        assert "5100" in html
        assert Draft.objects.exists()

    def test_a_form_of_an_earlier_version_says_what_editing_changes(self, patient, amended, doctor, manager):
        amended_protocol.move_to(patient, amended, by=manager)
        sign_again(patient, doctor)
        client = build.client(doctor)
        html = client.get(page("form", patient.code, "D7", "vitals"), {"change": "1"}).content.decode()
        for text in (
            "captured under version 1.0",
            "Oxygen saturation",
            "Answer again: Mood",
            "No longer asked",
            "4000",
        ):
            assert text in html, text
        response = posted(
            client, patient, "D7", amended, pulse="71", spo2="97", _version="1", _state="complete",
            _reason="transcription", _action="next",
        )  # fmt: skip
        assert response.status_code == 302
        record = Record.objects.get(visit__code="D7", form="vitals")
        assert (record.protocol, record.values) == (amended, {"pulse": "71", "spo2": "97", "steps": "4000"})

    def test_who_only_reads_sees_a_form_as_it_was_captured(self, patient, amended, doctor, manager):
        """P11-11: an old record is rendered with its own form version."""
        amended_protocol.move_to(patient, amended, by=manager)
        html = build.client(manager).get(page("form", patient.code, "D7", "vitals")).content.decode()
        assert "Mixed" in html
        assert "4000" in html
        assert "Oxygen saturation" not in html
        sign_again(patient, doctor)
        fields = {
            CONTROLS.version: "1",
            CONTROLS.state: "complete",
            CONTROLS.reason: "transcription",
            CONTROLS.action: "next",
        }
        posted(build.client(doctor), patient, "D7", amended, pulse="71", spo2="97", **fields)
        html = build.client(manager).get(page("form", patient.code, "D7", "vitals")).content.decode()
        assert "No longer asked" in html
        assert "4000" in html

    def test_the_casebook_and_every_list_open_after_the_move(self, patient, amended, doctor, manager):
        build.record(patient, "diary", {"entry": "Slept"}, visit="D7", by=doctor)
        build.record(patient, "falls", {"how": "On ice"}, visit=None, by=doctor)
        amended_protocol.move_to(patient, amended, by=manager)
        home = reverse("reports:home", args=["walk"])
        for person in (doctor, manager):
            client = build.client(person)
            for address in (
                home, reverse("reports:casebook", args=["walk", patient.code]), page("forms"), page("listing"),
                page("visit", patient.code, "D60"), page("visit", patient.code, "D7"), page("queries"),
                page("form", patient.code, "D7", "diary"), page("logs", patient.code, "falls"),
                page("log", patient.code, "falls", 1), reverse("reports:quality", args=["walk"]),
                reverse("audit:trail", args=["walk"]), f"{home}search/?q=day+60",
            ):  # fmt: skip
                assert client.get(address).status_code == 200, address
        html = build.client(doctor).get(home).content.decode()
        assert "D60" in html
        assert "D14" in html

    def test_saving_after_a_move_stays_within_the_budget(self, patient, amended, doctor, manager):
        amended_protocol.move_to(patient, amended, by=manager)
        sign_again(patient, doctor)
        client = build.client(doctor)
        posted(client, patient, "INF1", amended, pulse="70")
        result = {CONTROLS.version: "1", CONTROLS.key: "other"}
        with CaptureQueriesContext(connection) as queries:
            assert posted(client, patient, "INF1", amended, pulse="72", **result).status_code == 302
        statements = [
            each["sql"] for each in queries if not each["sql"].startswith(("SAVEPOINT", "RELEASE", "BEGIN"))
        ]
        assert len(statements) <= 13, "\n".join(statements)
