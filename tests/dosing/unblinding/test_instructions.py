"""After a recall or a late result: recipients, and one instruction for one patient at a time (ATM-02, BLD-04)."""

import re
from decimal import Decimal

import pytest
from django.core import mail
from django.urls import reverse

from audit.context import acting
from audit.models import AccessEvent
from dosing.allocation.lists import generate_list
from dosing.infusions.administration import record_infusion
from dosing.models import Lot, RecipientsOpening, TreatmentInstruction, Unblinding
from dosing.products.preparing import record_preparation
from dosing.stock.lot_release.release import record_result
from patients.views.participation import casebook_of
from reports.treatment_knowledge.roads import known_by
from tests.support import build
from tests.support.pages.infusions import text_of
from tests.support.study import product_chain as chain
from tests.support.study.bedside import INCLUDED, on, stored
from trials.access import access_to

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]
FACTS = {
    "donor_code": "D-17", "lot": "L-1", "bag": "", "viable_cells": Decimal(70_000_000), "thawed": None,
    "viability_percent": None, "dose_deviation_reason": "", "donor_deviation_reason": "",
}  # fmt: skip
SALINE = {**FACTS, "donor_code": "", "lot": "S-1", "viable_cells": None}
TEXT = "Blood cultures today, then the antibiotic of your choice."


def treated(trial, doctor, count: int = 2, kg: str = "70", cells: int = 70_000_000) -> list:
    """Return patients included and given one infusion each; the lot follows from the arm."""
    patients = [build.enrolled(trial=trial, on=INCLUDED, investigator=doctor) for _each in range(count)]
    maker = build.user("cell_laboratory", trial=trial)
    for patient in patients:
        row = stored(patient, 1)
        with acting(user=doctor, role="investigator", origin="web"):
            facts = on("10-Mar-2026", weight_kg=Decimal(kg))
            given = record_infusion(infusion=row, facts=facts, version=row.version, by=doctor)
        slot = getattr(patient, "allocation", None)
        gives_cells = slot is None or trial.rules.arm(slot.arm).cells
        with acting(user=maker, role="cell_laboratory"):
            made = chain.product(given, {**FACTS, "viable_cells": Decimal(cells)} if gives_cells else SALINE)
            record_preparation(infusion=given, facts=made, version=0, by=maker)
    return patients


@pytest.fixture
def masked(known_day):
    trial = build.trial(build.COVID_MSV)
    with acting(system="test"):
        generate_list(trial=trial, by=None, seed="known")
    return trial


@pytest.fixture
def people(masked):
    roles = ("investigator", "sponsor_safety", "cell_laboratory", "unblinded_monitor", "coordinator")
    return {role: build.user(role, trial=masked, full_name=role) for role in roles}


@pytest.fixture
def recalled(masked, people):
    """Two patients, one of each arm; the lot of cells was recalled."""
    patients = treated(masked, people["investigator"])
    lot = Lot.objects.get(trial=masked, cells=True, bags__movements__infusion__isnull=False)
    chain.decided(lot, "recall", "Sterility")
    taken = {patient.pk: patient.allocation.arm for patient in patients}
    cells = next(each for each in patients if masked.rules.arm(taken[each.pk]).cells)
    other = next(each for each in patients if each != cells)
    return lot, cells, other


def at(name: str, trial, *values) -> str:
    return reverse(f"dosing:{name}", args=[trial.slug, *values])


def send(person, address: str, **changed):
    typed = {"reason": "Recall of the lot", "password": build.PASSWORD, **changed}
    return build.client(person).post(address, typed)


def issue(person, lot, patient, **changed):
    typed = {"text": TEXT, "save_key": "page 1", **changed}
    return send(person, at("instruction-new", lot.trial, patient.code, lot.pk), **typed)


def open_it(person, patient, **changed):
    typed = {"password": build.PASSWORD, "save_key": "open 1", **changed}
    return build.client(person).post(at("instruction", patient.trial, patient.code, 1), typed)


def test_the_laboratory_sees_the_recipients_and_the_unblinded_monitor_on_the_page_of_the_lot(
    recalled, people
):
    lot, cells, other = recalled
    shown = text_of(build.client(people["cell_laboratory"]).get(at("recipients", lot.trial, lot.pk)))
    assert cells.code in shown
    assert other.code not in shown
    assert cells.code in text_of(build.client(people["unblinded_monitor"]).get(at("lot", lot.trial, lot.pk)))


def test_blinded_drug_safety_opens_the_list_with_the_password_and_that_is_recorded_behind_the_treatment(
    recalled, people
):
    """The list is on the answer and on no page afterwards; the record is seen by who may know the treatment only."""
    lot, cells, other = recalled
    safety, address = people["sponsor_safety"], at("recipients", lot.trial, lot.pk)
    before = text_of(build.client(safety).get(address))
    assert cells.code not in before
    assert lot.number not in before
    opened = text_of(send(safety, address))
    assert cells.code in opened
    assert other.code not in opened
    assert cells.code not in text_of(build.client(safety).get(address))
    assert RecipientsOpening.objects.get().patients == [cells.pk]
    assert AccessEvent.objects.filter(kind="treatment_seen", detail__patients=[cells.code]).exists()
    assert not Unblinding.objects.exists()

    def roads(role: str) -> set[str]:
        access = access_to(user=people[role], slug=lot.trial.slug)
        return {line.patient for line in known_by(access) if line.full_name == "sponsor_safety"}

    assert cells.code in roads("unblinded_monitor")
    assert cells.code not in roads("investigator")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"password": "wrong"}, "This is not your password"),
        ({"reason": " "}, "required"),
        ({"password": ""}, "required"),
    ],
)
def test_the_list_is_not_opened_without_password_and_reason(recalled, people, changed, words):
    lot, cells, _other = recalled
    answer = send(people["sponsor_safety"], at("recipients", lot.trial, lot.pk), **changed)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert cells.code not in text_of(answer)
    assert not RecipientsOpening.objects.exists()


def test_a_lot_that_nothing_happened_to_is_not_found(masked, people):
    lot = chain.released(masked)
    for role in ("cell_laboratory", "sponsor_safety"):
        assert build.client(people[role]).get(at("recipients", masked, lot.pk)).status_code == 404
        assert send(people[role], at("recipients", masked, lot.pk)).status_code == 404


def test_a_blinded_person_cannot_learn_by_trying_who_received_the_lot(recalled, people):
    """Before the list is opened, the refusal is the same for every patient."""
    lot, cells, other = recalled
    answers = [issue(people["sponsor_safety"], lot, patient) for patient in (cells, other)]
    assert [answer.status_code for answer in answers] == [422, 422]
    for answer in answers:
        assert "Open the recipients of this lot first" in answer.content.decode()
        assert TEXT in answer.content.decode()
    send(people["sponsor_safety"], at("recipients", lot.trial, lot.pk))
    assert issue(people["sponsor_safety"], lot, other).status_code == 422
    assert issue(people["sponsor_safety"], lot, cells).status_code == 302
    assert TreatmentInstruction.objects.get().patient == cells


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"text": "  "}, "required"),
        ({"reason": ""}, "required"),
        ({"password": "wrong"}, "This is not your password"),
    ],
)
def test_an_instruction_needs_text_reason_and_password(recalled, people, changed, words):
    lot, cells, _other = recalled
    answer = issue(people["cell_laboratory"], lot, cells, **changed)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not TreatmentInstruction.objects.exists()


def test_an_instruction_for_a_patient_who_received_nothing_is_refused(recalled, people):
    lot, _cells, other = recalled
    answer = issue(people["cell_laboratory"], lot, other)
    assert answer.status_code == 422
    assert f"{other.code} received nothing of this lot" in answer.content.decode()


def test_a_double_click_issues_once(recalled, people):
    """REL-13."""
    lot, cells, _other = recalled
    for _again in range(2):
        assert issue(people["cell_laboratory"], lot, cells).status_code == 302
    assert TreatmentInstruction.objects.count() == 1


def test_the_investigator_opens_it_with_the_password_and_is_recorded_as_knowing(recalled, people):
    """ATM-02: the recorded road of unblinding; before it, and for the other patient, nothing is told."""
    lot, cells, _other = recalled
    doctor = people["investigator"]
    issue(people["cell_laboratory"], lot, cells)
    notices = text_of(build.client(doctor).get(reverse("reports:notices", args=[lot.trial.slug])))
    assert f"{cells.code}" in notices
    assert "An instruction for treatment waits" in notices
    for words in (lot.number, "D-17", TEXT, *(arm.title.in_language("en") for arm in lot.trial.rules.arms)):
        assert words not in notices
    waits, casebook = "An instruction for the treatment of this patient waits", casebook_of(cells)
    assert waits in text_of(build.client(doctor).get(casebook))
    assert waits not in text_of(build.client(people["coordinator"]).get(casebook))
    closed = text_of(build.client(doctor).get(at("instruction", lot.trial, cells.code, 1)))
    assert TEXT not in closed
    assert TEXT not in text_of(open_it(doctor, cells, password="wrong"))
    assert not Unblinding.objects.exists()
    opened = open_it(doctor, cells)
    assert opened.status_code == 200
    assert TEXT in text_of(opened)
    row = Unblinding.objects.get()
    assert (row.patient, row.category, row.learned, row.known_to) == (cells, "instruction", "product", doctor)
    found = TreatmentInstruction.objects.get()
    assert (found.opened_by, found.opened_at is not None) == (doctor, True)
    after = text_of(build.client(doctor).get(reverse("reports:notices", args=[lot.trial.slug])))
    assert "An instruction for treatment waits" not in after
    assert waits not in text_of(build.client(doctor).get(casebook))
    assert TEXT not in text_of(build.client(doctor).get(at("instruction", lot.trial, cells.code, 1)))


def test_a_reload_of_the_opened_instruction_shows_nothing_and_can_be_opened_anew(recalled, people):
    lot, cells, _other = recalled
    issue(people["cell_laboratory"], lot, cells)
    open_it(people["investigator"], cells)
    again = open_it(people["investigator"], cells)
    assert again.status_code == 422
    assert TEXT not in text_of(again)
    (key,) = re.findall(r'name="save_key" value="([^"]+)"', again.content.decode())
    assert TEXT in text_of(open_it(people["investigator"], cells, save_key=key))
    assert Unblinding.objects.count() == 2


def test_only_an_investigator_opens_and_only_those_who_instruct_issue(recalled, people):
    lot, cells, _other = recalled
    issue(people["cell_laboratory"], lot, cells)
    for role in ("coordinator", "cell_laboratory", "sponsor_safety"):
        assert open_it(people[role], cells).status_code == 403
    for role in ("coordinator", "investigator", "unblinded_monitor"):
        assert issue(people[role], lot, cells, save_key="other").status_code == 403
        assert build.client(people[role]).get(at("instructions", lot.trial)).status_code == 403
    assert TreatmentInstruction.objects.count() == 1


def test_neither_lock_nor_hold_stops_the_investigator(recalled, people):
    lot, cells, _other = recalled
    issue(people["cell_laboratory"], lot, cells)
    with acting(system="test"):
        type(cells).objects.filter(pk=cells.pk).update(locked_at="2026-03-29T10:00Z")
    assert TEXT in text_of(open_it(people["investigator"], cells))


def test_drug_safety_sees_only_the_own_instructions(recalled, people):
    lot, cells, _other = recalled
    issue(people["cell_laboratory"], lot, cells)
    assert cells.code not in text_of(
        build.client(people["sponsor_safety"]).get(at("instructions", lot.trial))
    )
    shown = text_of(build.client(people["cell_laboratory"]).get(at("instructions", lot.trial)))
    assert TEXT in shown
    assert "not opened yet" in shown


def test_the_sponsor_is_told_without_arm_lot_and_text(
    recalled, people, settings, django_capture_on_commit_callbacks
):
    settings.SENDS_MAIL = True
    lot, cells, _other = recalled
    with django_capture_on_commit_callbacks(execute=True):
        issue(people["cell_laboratory"], lot, cells)
        open_it(people["investigator"], cells)
    text = " ".join(message.body for message in mail.outbox)
    for words in (lot.number, TEXT, "D-17", *(arm.title.in_language("en") for arm in lot.trial.rules.arms)):
        assert words not in text


def test_a_late_result_out_of_specification_affects_a_lot_as_a_recall_does(masked, people):
    """ATM-02: the result arrives after the infusion."""
    treated(masked, people["investigator"])
    lot = Lot.objects.get(trial=masked, cells=True, bags__movements__infusion__isnull=False)
    by = people["cell_laboratory"]
    assert build.client(by).get(at("recipients", masked, lot.pk)).status_code == 404
    test = next(
        each for each in masked.rules.product(lot.product, lot.product_version).tests if each.expected
    )
    with acting(user=by, role="cell_laboratory"):
        row = record_result(lot=lot, test=test.code, value="positive", reported_on=masked.today, by=by)
    assert (row.finding, row.late) == ("failed", True)
    assert build.client(by).get(at("recipients", masked, lot.pk)).status_code == 200


def test_in_an_open_trial_the_investigator_reads_it_at_once(trial, doctor):
    (patient,) = treated(trial, doctor, 1, "82.4", 200_000_000)
    lot = Lot.objects.get(trial=trial, bags__movements__infusion__isnull=False)
    chain.decided(lot, "recall", "Sterility")
    assert issue(build.user("cell_laboratory", trial=trial), lot, patient).status_code == 302
    shown = text_of(build.client(doctor).get(at("instruction", trial, patient.code, 1)))
    assert TEXT in shown
    assert "I have read it" in shown
    on_page = build.client(doctor).get(at("infusion", trial, patient.code, 1)).content.decode()
    assert at("instruction", trial, patient.code, 1) in on_page
    assert open_it(doctor, patient).status_code == 200
    assert TreatmentInstruction.objects.get().opened_by == doctor
    assert not Unblinding.objects.exists()
    assert not AccessEvent.objects.filter(kind="treatment_seen").exists()
