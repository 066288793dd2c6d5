"""The signature on a casebook covers what was recorded at the bedside: steps, observations, checklists, decisions."""

from datetime import timedelta

import pytest

from audit import signatures
from audit.context import acting
from audit.models import Meaning, Signature
from dosing.models import (
    BedsideGap,
    BedsideObservation,
    GiveBefore,
    Infusion,
    InfusionEventCheck,
    InfusionStep,
    StopDecision,
)
from exports.paper.audience import Audience
from exports.paper.patient import PatientPaper
from tests.support import build
from tests.support.pages.entry_pages import words
from tests.support.study.bedside import INCLUDED, NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]


@pytest.fixture
def two(trial, known_day, doctor):
    return [build.enrolled(trial=trial, on=INCLUDED, investigator=doctor) for _each in range(2)]


def columns(patient, doctor, key: str = "1") -> dict:
    infusion = Infusion.objects.get(patient=patient, number=1)
    return {"infusion": infusion, "at": NOW - timedelta(hours=1), "recorded_by": doctor, "save_key": key}


def sign(patient, doctor) -> Signature:
    with acting(user=doctor, role="investigator"):
        return signatures.sign(
            target=patient,
            meaning=Meaning.APPROVAL,
            password=build.PASSWORD,
            by=doctor,
            zone="Europe/Brussels",
        )


def is_valid(signature: Signature) -> bool:
    signature.refresh_from_db()
    return signature.invalidated_at is None


def observation(patient, doctor) -> BedsideObservation:
    return BedsideObservation.objects.create(
        point="start", values={"hr": "80"}, **columns(patient, doctor, "seen")
    )


MAKERS = {
    "a step": lambda patient, doctor: InfusionStep.objects.create(kind="started", **columns(patient, doctor)),
    "an observation": observation,
    "a checklist": lambda patient, doctor: InfusionEventCheck.objects.create(
        hours=6, answers={"arrest": "N"}, **columns(patient, doctor)
    ),
    "a decision": lambda patient, doctor: StopDecision.objects.create(
        observation=BedsideObservation.objects.first() or observation(patient, doctor),
        choice="stop",
        reason="Rash",
        **columns(patient, doctor),
    ),
    "a decision on a gap": lambda patient, doctor: BedsideGap.objects.create(
        gap="time:start", choice="explained", reason="On paper", **columns(patient, doctor)
    ),
}


@pytest.mark.parametrize("what", MAKERS)
def test_what_is_added_at_the_bedside_ends_the_signature_of_this_patient_alone(two, doctor, what):
    """SIG-02: by the database, whatever writes it."""
    with acting(user=doctor, role="investigator"):
        observation(two[0], doctor)
    mine, other = sign(two[0], doctor), sign(two[1], doctor)
    with acting(user=doctor, role="investigator", reason="Added"):
        if what == "an observation":
            BedsideObservation.objects.create(
                point="", values={"hr": "81"}, **columns(two[0], doctor, "more")
            )
        else:
            MAKERS[what](two[0], doctor)
    assert not is_valid(mine)
    assert is_valid(other)


@pytest.mark.parametrize("what", MAKERS)
def test_what_is_struck_out_ends_the_signature_and_leaves_its_content(two, doctor, what):
    with acting(user=doctor, role="investigator"):
        row = MAKERS[what](two[0], doctor)
    before = two[0].signed_content()
    signature = sign(two[0], doctor)
    assert is_valid(signature)
    with acting(user=doctor, role="investigator", reason="Another patient"):
        type(row).objects.filter(pk=row.pk).update(struck_out_reason="Another patient")
    assert not is_valid(signature)
    assert two[0].signed_content() != before


def test_the_content_names_every_step_and_value(two, doctor):
    with acting(user=doctor, role="investigator"):
        for make in MAKERS.values():
            make(two[0], doctor)
    content = two[0].signed_content()
    assert [row["kind"] for row in content["infusion_steps"]] == ["started"]
    assert [row["values"] for row in content["observations"]] == [{"hr": "80"}]
    assert [row["answers"] for row in content["checklists"]] == [{"arrest": "N"}]
    assert [row["choice"] for row in content["stop_decisions"]] == ["stop"]
    assert [row["gap"] for row in content["bedside_gaps"]] == ["time:start"]
    assert signatures.verify(sign(two[0], doctor)) == signatures.SignatureState.VALID


def test_until_when_a_kit_is_given_is_a_plan_and_ends_no_signature(two, doctor):
    """As the planned day of an infusion."""
    signature = sign(two[0], doctor)
    with acting(user=doctor, role="investigator"):
        GiveBefore.objects.create(kit="K", **columns(two[0], doctor))
    assert is_valid(signature)


def test_a_patient_without_bedside_rows_signs_what_was_signed_before_there_were_any(two):
    assert not {"infusion_steps", "observations", "checklists"} & two[0].signed_content().keys()


def signing_page(patient) -> str:
    return f"/trials/{patient.trial.slug}/patients/{patient.code}/sign/casebook/"


def at_the_bedside(patient, doctor) -> None:
    """Record each kind of row, a start that was observed late, and a step that was struck out."""
    with acting(user=doctor, role="investigator"):
        for make in MAKERS.values():
            make(patient, doctor)
        infusion = Infusion.objects.get(patient=patient, number=1)
        mine = {"infusion": infusion, "recorded_by": doctor}
        InfusionStep.objects.create(
            kind="paused", at=NOW - timedelta(minutes=50), reason="Chills", save_key="p", **mine
        )
        wrong = InfusionStep.objects.create(kind="stopped", at=NOW, save_key="s", **mine)
        InfusionStep.objects.filter(pk=wrong.pk).update(struck_out_reason="Another patient")


class TestTheSignerSeesWhatIsSigned:
    def test_on_the_page_that_signs_the_casebook(self, two, doctor):
        """SIG-04, CEL-15: the ledger, the grid with what was missed, the checklist and the decisions."""
        at_the_bedside(two[0], doctor)
        page = words(build.client(doctor).get(signing_page(two[0])))
        for told in (
            "Infusion 1", "Course", "Paused", "Chills", "Observations", "At the start", "Missed",
            "Checklist after 6 hours", "Decisions on proposed stops", "Rash", "Decisions on what is missing",
            "On paper", "Struck out because", "Another patient",
        ):  # fmt: skip
            assert told in page, told
        assert "Chills" not in words(build.client(doctor).get(signing_page(two[1])))

    def test_in_the_casebook_on_paper(self, two, doctor):
        """P11-02."""
        at_the_bedside(two[0], doctor)
        part = PatientPaper(two[0], Audience.nobody(two[0].trial)).content()
        printed = [*part["infusions"], *(each for visit in part["visits"] for each in visit["infusions"])]
        (first,) = [each for each in printed if each["title"] == "Infusion 1"]
        tables = {table["title"]: table for table in first["bedside"]}
        assert [row[1] for row in tables["Course"]["rows"]] == ["Started", "Paused"]
        states = {row[0].partition(" (")[0]: row[1] for row in tables["Observations"]["rows"]}
        assert states["At the start"] == "Taken"
        assert "Missed" in states.values()
        assert [row[2] for row in tables["Struck out"]["rows"]] == ["Another patient"]
        assert all(len(row) == len(table["heads"]) for table in tables.values() for row in table["rows"])

    def test_what_was_recorded_meanwhile_is_read_before_it_is_signed(self, two, doctor):
        """SIG-02: also what is outside the forms; nothing is signed, and the page shows it."""
        web, page = build.client(doctor), signing_page(two[0])
        shown = web.get(page).context
        visits = [visit.key for visit in shown["form"].visits]
        sent = {
            "seen": shown["form"].fingerprint, "covers": shown["covers"], "reviewed": visits,
            "meaning": "approval", "password": build.PASSWORD,
        }  # fmt: skip
        at_the_bedside(two[0], doctor)
        refused = web.post(page, sent)
        assert refused.status_code == 422
        assert "changed while you read" in words(refused)
        assert "Chills" in words(refused)
        without = {name: value for name, value in sent.items() if name != "covers"}
        assert web.post(page, without).status_code == 422
        assert not Signature.objects.filter(target_type="patients.patient").exists()
        assert web.post(page, {**sent, "covers": refused.context["covers"]}).status_code == 302
        assert Signature.objects.filter(target_type="patients.patient").count() == 1
