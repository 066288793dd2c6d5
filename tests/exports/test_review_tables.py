"""Criteria, signatures and source verification are tables of an export (P11-02, P11-13)."""

from typing import Any

import pytest
from django.utils import timezone

from audit.context import acting
from audit.models import Meaning, Signature
from audit.signatures import sign
from exports.exporting import tables_of
from patients.models import EligibilityDecision, Mark, Query, Record
from tests.support import build
from trials.models import Trial

pytestmark = pytest.mark.django_db


def rows(trial: Trial, name: str, *, sees_treatment: bool = False) -> list[dict[str, Any]]:
    table = next(each for each in tables_of(trial, sees_treatment=sees_treatment) if each.name == name)
    return [dict(zip(table.header, row, strict=True)) for row in table.rows()]


def signature_of(person: Any, trial: Trial) -> dict[str, Any]:
    return next(row for row in rows(trial, "signatures") if row["signer"] == person.username)


def test_each_criterion_of_a_decision_is_a_row(trial):
    """What was judged, how, and by which answers: nobody has to judge again."""
    patient = build.enrolled(trial=trial)
    decision = EligibilityDecision.objects.get(patient=patient)
    found = rows(trial, "criteria")
    assert [(row["patient"], row["criterion"]) for row in found] == [
        (patient.code, each["id"]) for each in decision.criteria
    ]
    age = next(row for row in found if "demography.age=" in row["inputs"])
    assert (age["kind"], age["allows"], age["needs"], age["deferred_until"]) == ("inclusion", "Y", "", "")
    assert {row["allows"] for row in found} <= {"Y", "N", ""}


def test_a_signature_says_who_signed_what_when_and_whether_it_is_valid(trial, doctor):
    """P11-13: printed name, time and meaning; a change of what was signed invalidates it."""
    patient = build.eligible(trial=trial)
    record = Record.objects.get(patient=patient, form="demography")
    with acting(user=doctor, role="investigator"):
        sign(target=record, meaning=Meaning.REVIEW, password=build.PASSWORD, by=doctor)
    signed = signature_of(doctor, trial)
    assert (signed["patient"], signed["visit"], signed["printed_name"]) == (
        patient.code,
        "SCR",
        doctor.full_name,
    )
    assert (signed["meaning"], signed["about"], signed["invalidated_at"]) == (
        "review",
        "patients.record",
        None,
    )
    with acting(user=doctor, reason="Misread"):
        record.values = {**record.values, "height": "179"}
        record.save()
    changed = signature_of(doctor, trial)
    assert changed["invalidated_at"] is not None
    assert changed["content_hash"] == signed["content_hash"]


def test_a_signature_on_another_row_than_a_form_has_no_form(trial):
    """The keys of all tables are numbers from one on: that of a decision may be that of a form too."""
    patient = build.enrolled(trial=trial)
    decision = EligibilityDecision.objects.get(patient=patient)
    with acting(system="test"):
        on_decision = Signature.objects.get(target_type="patients.eligibilitydecision", target_id=decision.pk)
        record = Record.objects.filter(patient=patient).latest("pk")
        Signature.objects.bulk_create([_copy(on_decision, "patients.eligibilitydecision", record.pk)])
    found = [row for row in rows(trial, "signatures") if row["about"] == "patients.eligibilitydecision"]
    assert [(row["form"], row["visit"], row["repeat"]) for row in found] == [(None, None, None)] * 2


def test_signatures_on_rows_that_reveal_the_arm_are_for_those_who_may_know_it():
    """BLD-03."""
    trial = build.trial(build.COVID_MSV)
    build.enrolled(trial=trial)
    with acting(system="test"):
        shown = Signature.objects.filter(trial_id=trial.pk).first()
        Signature.objects.bulk_create([_copy(shown, "dosing.preparation")])
    assert "dosing.preparation" not in {row["about"] for row in rows(trial, "signatures")}
    assert "dosing.preparation" in {row["about"] for row in rows(trial, "signatures", sees_treatment=True)}


def _copy(signature: Any, target_type: str, target_id: int = 1) -> Signature:
    columns = {field.attname: getattr(signature, field.attname) for field in Signature._meta.concrete_fields}
    return Signature(**{**columns, "id": None, "target_type": target_type, "target_id": target_id})


def test_a_mark_says_who_compared_what_with_the_source(trial, people):
    """On an item of a form, and on a fact of an event."""
    patient = build.eligible(trial=trial)
    event = build.event(patient=patient, term="Fever")
    record = Record.objects.get(patient=patient, form="demography")
    monitor = people["monitor"]
    with acting(user=monitor, role="monitor"):
        for target in (
            {"record": record, "version": record.version, "item": "height"},
            {"target": Query.Target.ADVERSE_EVENT, "target_id": event.pk, "item": "term"},
        ):
            Mark.objects.create(
                patient=patient,
                kind=Mark.Kind.VERIFICATION,
                by=monitor,
                role="monitor",
                at=timezone.now(),
                **target,
            )
    on_form, on_event = rows(trial, "verification")
    assert (on_form["form"], on_form["visit"], on_form["item"]) == ("demography", "SCR", "height")
    assert (on_event["about"], on_event["about_number"], on_event["item"]) == (
        "adverse_event",
        event.number,
        "term",
    )
    assert {on_form["marked_by"], on_event["marked_by"]} == {monitor.full_name}
