"""An investigator signs forms, visits and casebooks after reading the changes; a later change invalidates them."""

import json
import re
from datetime import date
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import connection
from django.urls import reverse

from accounts.models import User
from audit import signatures
from audit.context import acting
from audit.models import Signature
from audit.signatures import SignatureState
from patients.casebook.casebook import Casebook
from patients.entry import saving
from patients.models import Consent, Patient, Record, Visit
from patients.participation import visits
from patients.queries import threads
from patients.review import signatures as signing
from safety.models import AdverseEvent
from tests.support import build
from tests.support.study.entered_forms import DEMOGRAPHY
from tests.support.trail_clock import trail_now
from trials.models import Trial

pytestmark = pytest.mark.django_db


@pytest.fixture
def record(record: Record, patient: Patient) -> Record:
    """Return the demography form of a patient whose screening visit was held."""
    held(patient)
    return record


def held(patient: Patient) -> Visit:
    visit = patient.visits.get(code="SCR")
    visit.patient = patient
    with acting(system="test"):
        visits.hold_visit(visit=visit, on=patient.screened_on, by=build.user("coordinator"))
    return visit


def seen(patient: Patient) -> dict[int, int]:
    return {record.pk: record.version for record in Record.objects.filter(patient=patient)}


def sign_visit(record: Record, doctor: User, **more: Any) -> Signature:
    fields = {"seen": seen(record.patient), "meaning": "review", "password": build.PASSWORD, **more}
    visit = Visit.objects.get(pk=record.visit_id)
    with acting(user=doctor, role="investigator"):
        return signing.sign_visit(visit=visit, by=doctor, **fields)


def sign_casebook(patient: Patient, doctor: User, **more: Any) -> Signature:
    fields = {"seen": seen(patient), "meaning": "approval", "password": build.PASSWORD, **more}
    with acting(user=doctor, role="investigator"):
        return signing.sign_casebook(patient=patient, by=doctor, **fields)


def amended(record: Record, weight: str = "80") -> None:
    nurse = build.user("coordinator", trial=record.patient.trial, full_name="Nora Nurse")
    row = Record.objects.get(pk=record.pk)
    opened = Casebook.open(user=nurse, trial=record.patient.trial, code=record.patient.code)
    values = {**DEMOGRAPHY, "weight": weight}
    with acting(user=nurse, role="coordinator"):
        saving.amend(
            saving.Entry(place=opened.place("demography", "SCR"), values=values, base_version=row.version),
            reason="read again",
            by=nurse,
        )


def test_a_signature_on_a_visit_signs_every_form_of_it(record, doctor):
    signature = sign_visit(record, doctor)
    assert signature.target_type == "patients.visit"
    assert signatures.verify(signature) == SignatureState.VALID
    assert Signature.objects.filter(target_type="patients.record", target_id=record.pk).count() == 1
    assert {s.signer_id for s in Signature.objects.all()} == {doctor.pk}
    row = signature.history.get()
    assert (row.history_type, row.history_user_id, row.history_role) == ("+", doctor.pk, "investigator")


def test_a_signature_on_a_casebook_covers_forms_visits_consents_events_and_infusions(record, doctor):
    build.event(patient=record.patient)
    signature = sign_casebook(record.patient, doctor)
    content = record.patient.signed_content()
    assert signatures.verify(signature) == SignatureState.VALID
    assert [visit["code"] for visit in content["visits"] if visit["forms"]] == ["SCR"]
    assert {"consents", "visits", "logs", "adverse_events", "infusions"} <= content.keys()
    assert (len(content["consents"]), len(content["adverse_events"])) == (1, 1)


def by_save(record: Record) -> None:
    row = Record.objects.get(pk=record.pk)
    row.values = {**row.values, "weight": "81"}
    row.save()


def by_update(record: Record) -> None:
    Record.objects.filter(pk=record.pk).update(values={"weight": "81"})


def by_bulk_update(record: Record) -> None:
    row = Record.objects.get(pk=record.pk)
    row.values = {"weight": "81"}
    Record.objects.bulk_update([row], ["values"])


def by_raw_sql(record: Record) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            'UPDATE patients_record SET "values" = %s WHERE id = %s',
            [json.dumps({"weight": "81"}), record.pk],
        )


def by_insert(record: Record) -> None:
    Record.objects.create(
        patient=record.patient,
        visit=record.visit,
        protocol=record.protocol,
        form="vitals",
        state="draft",
        values={},
    )


@pytest.mark.parametrize("write", [by_save, by_update, by_bulk_update, by_raw_sql, by_insert])
def test_any_change_of_a_form_invalidates_the_visit_and_the_casebook(write, record, doctor):
    """SIG-02, AUD-09: on every write path, in the name of the person who changed it."""
    visit, casebook = sign_visit(record, doctor), sign_casebook(record.patient, doctor)
    nurse = build.user("coordinator")
    with acting(user=nurse, role="coordinator", reason="read again"):
        write(record)
    for signature in (visit, casebook):
        signature.refresh_from_db()
        assert signatures.verify(signature) == SignatureState.INVALIDATED
        assert (signature.invalidated_by, signature.invalidated_reason) == (nurse.full_name, "read again")
        assert signature.history.order_by("history_id").last().history_user_id == nurse.pk


def of_visit(record: Record) -> None:
    Visit.objects.filter(pk=record.visit_id).update(held_on=date(2026, 1, 1))


def of_consent(record: Record) -> None:
    Consent.objects.filter(patient=record.patient).update(version="9")


def of_event(record: Record) -> None:
    AdverseEvent.objects.filter(patient=record.patient).update(grade=4)


def of_patient(record: Record) -> None:
    Patient.objects.filter(pk=record.patient_id).update(group="B")


@pytest.mark.parametrize("write", [of_visit, of_consent, of_event, of_patient])
def test_any_change_of_what_the_casebook_holds_invalidates_it(write, record, doctor):
    build.event(patient=record.patient)
    casebook = sign_casebook(record.patient, doctor)
    with acting(system="test"):
        write(record)
    casebook.refresh_from_db()
    assert signatures.verify(casebook) == SignatureState.INVALIDATED


def test_marks_locks_and_planning_leave_the_signatures(record, doctor):
    visit, casebook = sign_visit(record, doctor), sign_casebook(record.patient, doctor)
    with acting(system="test"):
        Record.objects.filter(pk=record.pk).update(verified_at=record.created_at, locked_at=record.created_at)
        Visit.objects.filter(pk=record.visit_id).update(planned_on=date(2026, 1, 1))
        Patient.objects.filter(pk=record.patient_id).update(locked_at=record.created_at)
    for signature in (visit, casebook):
        signature.refresh_from_db()
        assert signatures.verify(signature) == SignatureState.VALID


def test_after_a_change_only_what_was_changed_waits_again(record, doctor, patient):
    """SIG-02: the other forms of the casebook stay signed."""
    build.record(patient, "pregnancy_test", {"childbearing_potential": "N"}, draft=True)
    with acting(system="test"):
        Record.objects.filter(form="pregnancy_test").update(state="complete")
    sign_casebook(patient, doctor)
    assert signing.unsigned(patient) == []
    amended(record)
    assert [row.form for row in signing.unsigned(patient)] == ["demography"]


def test_of_several_signatures_the_last_one_counts(record, doctor, patient):
    """SIG-04: what was changed before it was read then."""

    def changes() -> list[tuple[str, str, str]]:
        row = Record.objects.get(pk=record.pk)
        found = signing.changes_since_signature([row])[row.pk]
        return [(each.old, each.new, each.who) for each in found if each.label == "Weight at screening"]

    # A signature is dated by our clock, a change by that of the trail.
    with time_machine.travel(trail_now()):
        sign_visit(record, doctor)
        amended(record)
        assert changes() == [("70 kg", "80 kg", "Nora Nurse")]
        with acting(user=doctor, role="investigator"):
            rows = [Record.objects.get(pk=record.pk)]
            signing.sign_records(records=rows, meaning="review", password=build.PASSWORD, by=doctor)
        assert changes() == []
        amended(record, "81")
        assert changes() == [("80 kg", "81 kg", "Nora Nurse")]
    other = build.patient(trial=patient.trial)
    build.consent(other)
    unsigned = build.record(other, "demography", DEMOGRAPHY)
    assert set(signing.changes_since_signature([record, unsigned])) == {record.pk}


def test_what_was_changed_or_added_while_reading_is_not_signed(record, doctor, patient):
    old = seen(patient)
    amended(record)
    with pytest.raises(ValidationError, match="changed while you read"):
        sign_visit(record, doctor, seen=old)
    with pytest.raises(ValidationError, match="added or struck out"):
        sign_casebook(patient, doctor, seen={})
    assert not Signature.objects.exists()


def test_a_visit_with_a_draft_or_not_held_is_not_signed(record, doctor, patient):
    build.record(patient, "vitals", {"sbp": "124"}, draft=True)
    with pytest.raises(ValidationError, match="not complete"):
        sign_visit(record, doctor)
    later = patient.visits.get(code="D1")
    with pytest.raises(ValidationError, match="after it was held"), acting(user=doctor):
        signing.sign_visit(visit=later, seen={}, meaning="review", password=build.PASSWORD, by=doctor)


def test_a_wrong_password_signs_neither_the_forms_nor_the_visit(record, doctor):
    with pytest.raises(ValidationError, match="not your password"):
        sign_visit(record, doctor, password="wrong")
    assert not Signature.objects.exists()


def test_nothing_is_signed_after_the_lock(record, doctor, patient):
    with acting(system="test"):
        Patient.objects.filter(pk=patient.pk).update(locked_at=record.created_at)
    for verb in (lambda: sign_visit(record, doctor), lambda: sign_casebook(patient, doctor)):
        with pytest.raises(ValidationError, match="locked"):
            verb()
    with pytest.raises(ValidationError, match="locked"), acting(user=doctor):
        signing.sign_records(records=[record], meaning="review", password=build.PASSWORD, by=doctor)


def address(name: str, trial: Trial, *args: Any) -> str:
    return reverse(f"patients:{name}", args=[trial.slug, *args])


def test_the_signing_page_shows_content_changes_and_open_queries(record, doctor, trial, patient):
    """SIG-04."""
    with acting(user=doctor, role="investigator"):
        signing.sign_records(records=[record], meaning="review", password=build.PASSWORD, by=doctor)
    amended(record)
    monitor = build.user("monitor", trial=trial)
    with acting(user=monitor, role="monitor"):
        threads.raise_query(
            record=record, item="age", text="Is this right?", origin="monitor", by=monitor, role="monitor"
        )
    web = build.client(doctor)
    for page in (
        address("sign", trial, patient.code),
        address("sign-visit", trial, patient.code, "SCR"),
        address("sign-casebook", trial, patient.code),
    ):
        text = web.get(page).content.decode()
        assert "<del>70 kg</del> → <b>80 kg</b> · Nora Nurse: read again" in text
        assert "Is this right?" in text
        assert "165 cm" in text


def test_forms_are_signed_in_bulk_only_with_a_tick_that_the_content_was_reviewed(
    record, doctor, trial, patient
):
    """SIG-04: the count is shown, and each visit must be ticked."""
    web, page = build.client(doctor), address("sign", trial, patient.code)
    assert "1 complete form carries no valid signature" in web.get(page).content.decode()
    sent = {"chosen": [f"{record.pk}:1"], "meaning": "review", "password": build.PASSWORD}
    refused = web.post(page, sent)
    assert refused.status_code == 422
    assert "Tick that you reviewed the content" in refused.content.decode()
    assert f'value="{record.pk}:1" id="form-{record.pk}" checked' in refused.content.decode()
    assert web.post(page, {**sent, "reviewed": ["D99"]}).status_code == 422
    assert web.post(page, {**sent, "reviewed": ["SCR"], "chosen": ["1:99"]}).status_code == 422
    assert not Signature.objects.exists()
    assert web.post(page, {**sent, "reviewed": ["SCR"]}).status_code == 302
    assert Signature.objects.get().meaning == "review"


@pytest.mark.parametrize(("name", "more"), [("sign-visit", ["SCR"]), ("sign-casebook", [])])
def test_a_whole_visit_or_casebook_is_signed_from_its_page(record, doctor, trial, patient, name, more):
    web, page = build.client(doctor), address(name, trial, patient.code, *more)
    shown = web.get(page).content.decode()
    assert "Your signature covers 1 form" in shown
    covers = re.findall(r'name="covers" value="([0-9a-f]{64})"', shown)
    assert len(covers) == (name == "sign-casebook")
    sent = {"seen": f"{record.pk}:1", "meaning": "approval", "password": build.PASSWORD, "covers": covers}
    assert web.post(page, sent).status_code == 422
    assert web.post(page, {**sent, "reviewed": ["SCR"], "seen": "x"}).status_code == 422
    assert web.post(page, {**sent, "reviewed": ["SCR"], "seen": f"{record.pk}:9"}).status_code == 422
    assert web.post(page, {**sent, "reviewed": ["SCR"], "meaning": "agreed"}).status_code == 422
    assert not Signature.objects.exists()
    assert web.post(page, {**sent, "reviewed": ["SCR"]}).status_code == 302
    assert Signature.objects.count() == 2


def test_what_was_invalidated_is_on_the_list_with_who_and_why(record, doctor, trial, patient):
    """SIG-02, SIG-03: in one list, reachable from home."""
    sign_visit(record, doctor)
    sign_casebook(patient, doctor)
    web, page = build.client(doctor), address("to-sign", trial)
    assert "Every complete form is signed" in web.get(page).content.decode()
    amended(record)
    text = web.get(page).content.decode()
    assert text.count("Nora Nurse") == 3
    assert "Changed since it was signed" in text
    assert address("sign-visit", trial, patient.code, "SCR") in text
    assert address("sign-casebook", trial, patient.code) in text
    assert page in web.get(reverse("reports:home", args=[trial.slug])).content.decode()


@pytest.mark.parametrize("why", ["never", "invalidated"])
def test_the_list_is_filtered_by_why_a_form_waits(record, doctor, trial, patient, why):
    if why == "invalidated":
        sign_visit(record, doctor)
        amended(record)
    web = build.client(doctor)
    other = {"never": "invalidated", "invalidated": "never"}[why]
    assert "Demography" in web.get(address("to-sign", trial) + f"?why={why}").content.decode()
    assert "Demography" not in web.get(address("to-sign", trial) + f"?why={other}").content.decode()


@pytest.mark.parametrize("number", [1, 3])
def test_the_pages_cost_the_same_with_one_and_three(trial, doctor, number, django_assert_num_queries):
    for _ in range(number):
        patient = build.patient(trial=trial)
        build.consent(patient)
        found = build.record(patient, "demography", DEMOGRAPHY)
        held(patient)
        sign_casebook(patient, doctor)
        amended(found)
    web = build.client(doctor)
    web.get(address("to-sign", trial))
    with django_assert_num_queries(7):
        assert web.get(address("to-sign", trial)).status_code == 200


def test_reading_a_signing_page_writes_nothing(record, doctor, trial, patient, django_assert_max_num_queries):
    web = build.client(doctor)
    # The page of the casebook reads all that its signature covers, and its hash.
    bounds = {"sign": 20, "sign-casebook": 45}
    for name, most in bounds.items():
        page = address(name, trial, patient.code)
        web.get(page)
        with django_assert_max_num_queries(most) as captured:
            web.get(page)
        assert not [q for q in captured.captured_queries if not q["sql"].startswith("SELECT")]
