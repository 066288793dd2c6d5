"""Each number of the lock checklist leads to the exact list of what it counts."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.context import acting
from dosing.models import Infusion, InfusionStep
from patients.models import Patient, Record, Visit
from reports.closing import checklist
from reports.closing.open_rows import ROWS
from safety.models import EventDraft
from tests.support import build
from trials.access import access_to
from trials.models import Trial

pytestmark = pytest.mark.django_db
# Pages of one patient that show the patient's point itself.
OF_PATIENT = {"unverified", "facts_unverified", "casebooks", "criteria", "samples_overdue"}


@pytest.fixture
def manager(trial: Trial) -> Any:
    return build.user("data_manager", trial=trial)


@pytest.fixture
def unfinished(trial: Trial) -> list[Patient]:
    """Two patients with everything that may be open: one in follow-up, and one who died with nothing settled."""
    doctor = build.user("investigator", trial=trial)
    going, dead = (build.enrolled(trial=trial, investigator=doctor) for _ in range(2))
    with acting(system="test"):
        for patient in (going, dead):
            held = Visit.objects.filter(patient=patient, code__in=["INF1", "D14"])
            held.update(state="held", held_on=patient.enrolled_on)
            visit = held.get(code="D14")
            values = {"survival_status": "DEAD", "died_on": f"{patient.enrolled_on}"}
            rows = [("vitals", {"sbp": {"missing": "ND"}, "hr": {"missing": "ND"}}), ("news2", {})]
            for form, stored in [*rows, *([("vital_status", values)] if patient == dead else [])]:
                Record.objects.create(patient=patient, visit=visit, protocol=patient.protocol, form=form,
                                      state="complete", values=stored)  # fmt: skip
            EventDraft.objects.create(trial=trial, patient=patient, number=1, save_key=patient.code, payload={},
                                      term="Fever", first_saved_at=patient.created_at,
                                      saved_at=patient.created_at)  # fmt: skip
        begun = Infusion.objects.get(patient=going, number=1)
        InfusionStep.objects.create(
            infusion=begun,
            kind="started",
            at=timezone.now() - timedelta(days=3),
            recorded_by=doctor,
            save_key="started",
        )
        Patient.objects.filter(pk=dead.pk).update(
            state="ended", ended_on=trial.today, end_reason="death", infusions_omitted=""
        )
    return [going, Patient.objects.get(pk=dead.pk)]


def counted(trial: Trial, person: Any) -> list[checklist.Counted]:
    return checklist.checklist(access_to(user=person, slug=trial.slug))[0]


def test_every_number_leads_to_as_many_rows(trial, manager, unfinished):
    """SIG-03: for all patients and for each; a list of the checklist names one row for each thing counted."""
    desk = build.client(manager)
    points = {each.point.code: each for each in counted(trial, manager)}
    for code in ROWS:
        each = points[code]
        assert each.total, code
        assert len(desk.get(each.point.url(trial.slug)).context["listed"]) == each.total, code
        for patient in unfinished:
            rows = desk.get(each.point.url(trial.slug, patient.code)).context["listed"]
            assert len(rows) == each.by_patient.get(patient.pk, 0), (code, patient.code)
            assert {row.patient for row in rows} <= {patient.code}


def test_every_row_opens(trial, manager, unfinished):
    """SIG-03: each row leads to the page on which it is settled."""
    desk, doctor = build.client(manager), build.client(build.user("investigator", trial=trial))
    for code in ROWS:
        shown = desk.get(reverse("reports:checklist", args=[trial.slug]), {"point": code})
        for row in shown.context["listed"]:
            assert row.url.replace("&", "&amp;") in shown.content.decode()
            assert doctor.get(row.url).status_code == 200, row


def test_every_other_number_leads_to_a_listing_of_that_many_rows(trial, manager, unfinished):
    """SIG-03: queries, drafts, events and deviations have listings of their own."""
    desk = build.client(manager)
    for each in counted(trial, manager):
        if each.point.code in ROWS or each.point.of_patient or not each.total:
            continue
        listing = desk.get(each.point.url(trial.slug)).context["listing"]
        assert (each.point.code, listing.total) == (each.point.code, each.total)


def test_what_has_no_list_of_its_own_is_a_page_of_the_patient(trial, manager, unfinished):
    """SIG-03."""
    found = {each.point.code for each in counted(trial, manager) if each.point.of_patient}
    assert found == OF_PATIENT


def test_an_unknown_point_shows_the_whole_checklist(trial, manager):
    shown = build.client(manager).get(reverse("reports:checklist", args=[trial.slug]), {"point": "nothing"})
    assert shown.context["listed"] is None
