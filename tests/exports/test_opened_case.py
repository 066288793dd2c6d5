"""E2B(R3) with the treatment: for who opened it for a SUSAR, and for nobody else (BLD-05, ICS-04)."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.context import acting
from audit.models import AccessEvent
from dosing.allocation.slots import arm_of
from dosing.models import Infusion, Preparation
from dosing.unblinding.opening import unblind, unblind_susar
from operation.blinding.readings import differences, shown, undone
from operation.blinding.swapping import as_it_is, swap_arms
from patients.models import Patient
from safety.icsr.case import CaseDrug, DoseGiven, IndividualCase
from safety.icsr.reading import case_of
from safety.icsr.unblinded import OpenedProduct, unblinded
from tests.safety.authority.conftest import again, reported, with_sponsor
from tests.safety.authority.test_authority_report import SCHEMA, completed, sent
from tests.support import build
from tests.support.oracles import schema_errors
from tests.support.pages.blinding import without_times
from tests.support.pages.event_forms import page, text_of
from tests.support.study.bedside import NOW
from tests.support.study.invented_dictionary import invented_dictionary, name_release
from trials.blinding.unblinded_files import LINE
from trials.models import Trial

CELLS = OpenedProduct(name="MSC", substance="MSC", infusions=frozenset({1, 3}), lots={1: "L-1", 3: "L-3"})
CONTROL = OpenedProduct(name="Saline", infusions=frozenset({2}), lots={2: "S-9"})


def blinded_case(*infusions: int) -> IndividualCase:
    doses = tuple(DoseGiven(start=f"2026030{number}", text=f"Infusion {number}") for number in infusions)
    return IndividualCase(
        drugs=(CaseDrug(role="1", name="Study product", blinded=True, doses=doses, action="4"),)
    )


class TestOpening:
    def test_the_drug_is_named_with_the_lot_of_each_infusion(self):
        (drug,) = unblinded(blinded_case(1, 3), [CELLS]).drugs
        assert (drug.name, drug.substances, drug.blinded, drug.action) == ("MSC", ("MSC",), False, "4")
        assert [(dose.start, dose.lot) for dose in drug.doses] == [("20260301", "L-1"), ("20260303", "L-3")]

    def test_a_placebo_has_no_substance(self):
        (drug,) = unblinded(blinded_case(2), [CONTROL]).drugs
        assert (drug.name, drug.substances, [dose.lot for dose in drug.doses]) == ("Saline", (), ["S-9"])

    def test_in_a_crossover_each_product_is_a_drug_of_its_own(self):
        found = unblinded(blinded_case(1, 2), [CELLS, CONTROL])
        assert [(drug.name, [dose.text for dose in drug.doses]) for drug in found.drugs] == [
            ("MSC", ["Infusion 1"]), ("Saline", ["Infusion 2"]),
        ]  # fmt: skip
        assert not found.blinded

    def test_before_the_first_infusion_the_product_of_the_arm_is_named(self):
        assert [drug.name for drug in unblinded(blinded_case(), [CELLS, CONTROL]).drugs] == ["MSC"]

    def test_a_drug_that_was_not_blinded_stays_as_it_is(self):
        other = CaseDrug(role="2", name="Aspirin")
        case = IndividualCase(drugs=(*blinded_case(1).drugs, other))
        assert unblinded(case, [CELLS]).drugs[1] is other

    def test_without_a_treatment_nothing_is_opened(self):
        with pytest.raises(ValueError, match="not known"):
            unblinded(blinded_case(1), [])


@pytest.fixture
def trial(db):
    return build.trial(build.COVID_MSV)


@pytest.fixture
def doctor(trial):
    return build.user("investigator", trial=trial)


@pytest.fixture
def officer(trial):
    return build.user("sponsor_safety", trial=trial)


@pytest.fixture
def event(trial, doctor, officer, monkeypatch):
    """A case with everything that E2B(R3) needs, of a patient who is allocated."""
    name_release(trial, monkeypatch)
    invented_dictionary()
    on = (timezone.now() - timedelta(days=2)).date()
    patient = build.enrolled(trial=trial, on=on, investigator=doctor)
    return completed(again(with_sponsor(reported(patient, doctor), officer)), officer)


def address(event, **query) -> str:
    args = [event.patient.trial.slug, event.patient.code, event.number]
    return reverse("exports:unblinded-e2b", args=args, query=query)


def opened(event, officer) -> None:
    with acting(user=officer, role="sponsor_safety"):
        unblind_susar(
            patient=Patient.objects.get(pk=event.patient_id), reason="Report of a SUSAR", password=build.PASSWORD,
            by=officer, save_key="k",
        )  # fmt: skip


@pytest.mark.django_db
class TestPage:
    def test_who_opened_the_treatment_gets_the_case_with_it(self, event, officer):
        """BLD-05: UNBLINDED in the name and in the file; valid for the schema of ICH."""
        opened(event, officer)
        answer = build.client(officer).get(address(event))
        assert answer.status_code == 200, text_of(answer)
        name = f"UNBLINDED-{event.patient.code}-AE{event.number}-draft.xml"
        assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
        assert f"<!-- {LINE} -->".encode() in answer.content.splitlines()[1]
        case, arm = case_of(answer.content), arm_of(event.patient)
        expected = {"cells": "MSV-allo", "placebo": "Placebo (saline)"}[arm.code]
        assert [(drug.name, drug.blinded) for drug in case.drugs] == [(expected, False)]
        assert schema_errors(answer.content, SCHEMA) == []

    def test_the_lot_of_each_infusion_is_named(self, event, doctor, officer):
        """CTR Annex III: a case of a cell product is traced to its lot."""
        opened(event, officer)
        with acting(system="test"):
            infusion = Infusion.objects.get(patient=event.patient, number=1)
            at, end = (
                build.moment(f"{event.patient.enrolled_on:%d-%b-%Y} {time}") for time in ("10:00", "11:00")
            )
            times = {"started": at.iso, "started_at": at.earliest, "ended": end.iso, "ended_at": end.earliest}
            Infusion.objects.filter(pk=infusion.pk).update(state="given", weight_kg=70, **times)
            Preparation.objects.create(
                infusion=infusion, patient=event.patient, lot="LOT-2207", prepared_by=doctor
            )
        (drug,) = case_of(build.client(officer).get(address(event)).content).drugs
        assert [(dose.text, dose.lot) for dose in drug.doses] == [("Infusion 1", "LOT-2207")]
        blinded_file = build.client(officer).get(page(event, "authority-e2b")).content
        assert b"LOT-2207" not in blinded_file

    def test_all_else_is_as_in_the_blinded_file(self, event, officer):
        opened(event, officer)
        desk = build.client(officer)
        blinded_file = case_of(desk.get(page(event, "authority-e2b")).content)
        (drug,) = case_of(desk.get(address(event)).content).drugs
        assert blinded_file.blinded
        assert (drug.relations, drug.action, drug.indications) == (
            blinded_file.drugs[0].relations, blinded_file.drugs[0].action, blinded_file.drugs[0].indications,
        )  # fmt: skip

    def test_a_report_that_was_sent_keeps_its_number_and_its_words(self, event, officer):
        report = sent(event, officer)
        opened(event, officer)
        answer = build.client(officer).get(address(event, report="0"))
        assert f"AE{event.number}-initial.xml" in answer["Content-Disposition"]
        case = case_of(answer.content)
        assert (case.transmission.batch_number, case.narrative.text) == (report.batch, report.narrative)
        assert case_of(report.message.encode()).blinded
        assert build.client(officer).get(address(event, report="7")).status_code == 404

    def test_drug_safety_that_did_not_open_it_is_told_what_to_do(self, event, officer):
        """Not even a colleague's unblinding opens it for another person."""
        colleague = build.user("sponsor_safety", trial=event.patient.trial)
        opened(event, colleague)
        refused = build.client(officer).get(address(event))
        assert refused.status_code == 422
        assert "You have not opened the treatment of this patient." in text_of(refused)
        assert b"MSV-allo</" not in refused.content

    def test_an_emergency_of_the_investigator_opens_nothing_for_drug_safety(self, event, doctor, officer):
        with acting(user=doctor, role="investigator"):
            unblind(
                patient=Patient.objects.get(pk=event.patient_id), category="emergency", reason="Shock",
                password=build.PASSWORD, by=doctor, save_key="e",
            )  # fmt: skip
        assert build.client(officer).get(address(event)).status_code == 422
        assert build.client(doctor).get(address(event)).status_code == 403

    def test_each_download_is_recorded_as_a_look_at_the_treatment(self, event, officer):
        opened(event, officer)
        before = AccessEvent.objects.count()
        build.client(officer).get(address(event))
        kinds = {row.kind: row for row in AccessEvent.objects.order_by("pk")[before:]}
        assert kinds["treatment_seen"].detail["patients"] == [event.patient.code]
        (file,) = [row for row in kinds.values() if "channel" in row.detail]
        assert (file.detail["treatment"], file.see) == (True, "see_treatment")

    def test_a_case_that_the_authority_would_reject_is_not_made(self, trial, doctor, officer, monkeypatch):
        name_release(trial, monkeypatch)
        on = (timezone.now() - timedelta(days=2)).date()
        patient = build.enrolled(trial=trial, on=on, investigator=doctor)
        event = again(with_sponsor(reported(patient, doctor), officer))
        opened(event, officer)
        refused = build.client(officer).get(address(event))
        assert refused.status_code == 422
        assert not AccessEvent.objects.filter(kind="treatment_seen").exists()

    def test_an_open_trial_has_no_such_file(self, db):
        open_trial = build.trial()
        patient = build.enrolled(trial=open_trial)
        event = build.event(patient=patient)
        safety = build.client(build.user("sponsor_safety", trial=open_trial))
        assert safety.get(address(event)).status_code == 404


@pytest.mark.django_db
@pytest.mark.at(NOW)
@pytest.mark.parametrize(
    "role", ["coordinator", "investigator", "monitor", "sponsor_representative", "sponsor_safety"]
)
def test_after_it_was_sent_nobody_who_is_blinded_sees_another_byte(role, event, officer):
    """BLD-02, BLD-05: the same pages in both arms, also once the file with the treatment was taken."""
    opened(event, officer)
    sent(event, officer)
    slug = event.patient.trial.slug
    pages = [
        page(event), page(event, "sae-reports"), page(event, "authority"), address(event), address(event, report="0"),
        page(event, "authority-e2b") + "?report=0", page(event, "authority-sheet"),
        reverse("register:listing", args=[slug]), reverse("audit:trail", args=[slug]),
        reverse("reports:treatment-known", args=[slug]), reverse("reports:home", args=[slug]),
    ]  # fmt: skip
    reader = build.client(build.user(role, trial=event.patient.trial))

    def seen(trial: Trial, prepare: Callable[[Trial], None]) -> dict[str, bytes]:
        with undone():
            prepare(trial)
            taken = build.client(officer).get(address(event))
            assert taken.status_code == 200
            return {url: without_times(shown(reader.get(url))) for url in pages}

    as_allocated, exchanged = (seen(event.patient.trial, each) for each in (as_it_is, swap_arms))
    assert differences(as_allocated, exchanged) == {}
