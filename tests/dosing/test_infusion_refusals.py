"""Refusals at the bedside: order of infusions, end of study, roles, other trials."""

import pytest
from django.urls import reverse

from audit.context import acting
from dosing.models import Preparation
from patients.participation.disposition import end_study
from tests.support import build
from tests.support.pages.access_matrix import TRIAL_PAGES
from tests.support.pages.infusions import SECOND, bedside, listing, page, product, stored, text_of
from tests.support.study.bedside import INCLUDED
from trials.access import access_to

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]

WRITERS = ("coordinator", "investigator")
READERS = ("cell_laboratory", "monitor", "data_manager", "statistician", "administrator", "inspector")


@pytest.fixture
def patient(trial, known_day):
    return build.enrolled(trial=trial, on=INCLUDED)


class TestWhatIsRefused:
    def test_the_infusions_follow_their_order(self, ward, patient):
        response = ward.post(page(patient, number=2), bedside(SECOND))

        assert response.status_code == 422
        assert "Infusion 1 is still planned: record it first." in text_of(response)

    def test_a_patient_whose_study_ended_receives_nothing_after(self, ward, patient):
        """PRV-03."""
        by = build.user("investigator", trial=patient.trial)
        with acting(user=by, role="investigator"):
            end_study(patient=patient, on=INCLUDED, reason="withdrawal", note="Everything", by=by)
        response = ward.post(page(patient), bedside("12-Mar-2026"))

        assert response.status_code == 422
        assert "study ended" in text_of(response).lower()
        assert stored(patient).state == "planned"

    def test_before_inclusion_there_is_nothing_to_record(self, trial, ward):
        patient = build.eligible(trial=trial, screened_on=INCLUDED)
        for name in ("infusion", "weight", "not-given"):
            assert ward.get(page(patient, name)).status_code == 404
            assert ward.post(page(patient, name), bedside()).status_code == 404

    def test_obstacles_are_shown_before_anything_is_typed(self, ward, patient):
        """P11-06."""
        response = ward.get(page(patient, number=2))

        assert "Infusion 1 is still planned: record it first." in text_of(response)
        assert "form" not in response.context

    @pytest.mark.parametrize("number", ["0", "4", "99999999999999999999", "x", "-1"])
    def test_an_infusion_that_does_not_exist_is_not_found(self, ward, patient, number):
        assert ward.get(page(patient).replace("/1/", f"/{number}/")).status_code == 404


class TestRights:
    @pytest.mark.parametrize("role", READERS)
    def test_who_may_only_read_cannot_write_at_the_bedside(self, trial, patient, role):
        """ACC-01, ACC-02."""
        browser = build.client(build.user(role, trial=trial))
        response = browser.get(page(patient))

        assert response.status_code == 200
        assert "<form" not in text_of(response)
        assert "card entry" not in response.content.decode()
        assert browser.post(page(patient), bedside()).status_code == 403
        for name in ("weight", "not-given"):
            assert browser.get(page(patient, name)).status_code == 403
            assert (
                browser.post(page(patient, name), bedside(reason="other", reason_text="No")).status_code
                == 403
            )
        assert stored(patient).state == "planned"

    @pytest.mark.parametrize("role", [*WRITERS, *READERS[1:]])
    def test_only_the_cell_laboratory_writes_the_product(self, trial, patient, role):
        """ACC-02."""
        browser = build.client(build.user(role, trial=trial))

        assert browser.get(page(patient, "preparation")).status_code == 200
        assert browser.post(page(patient, "preparation"), product()).status_code == 403
        assert browser.post(page(patient, "dose"), {"viable_cells": "200"}).status_code == 403
        assert not Preparation.objects.exists()

    @pytest.mark.parametrize("name", ["infusion", "weight", "not-given", "preparation"])
    def test_another_trials_infusion_does_not_exist(self, patient, name):
        """SEC-02."""
        other = build.trial(build.COVID_MSV)
        for role in ("investigator", "cell_laboratory"):
            person = build.user(role, trial=other)
            stranger, access = build.client(person), access_to(user=person, slug=other.slug)
            assert stranger.get(page(patient, name)).status_code == 404
            mine = page(patient, name).replace("nct04445454", "nct04361942")
            see, change = TRIAL_PAGES[f"dosing:{name}"]
            assert stranger.get(mine).status_code == (404 if access.may(see) else 403)
            assert stranger.post(mine, product() | bedside()).status_code == (
                404 if access.may(change) else 403
            )

    def test_nobody_reads_without_signing_in(self, client, trial, patient):
        """P11-04."""
        for address in (listing(trial), page(patient), page(patient, "preparation")):
            assert "login" in client.get(address).url

    def test_a_page_that_is_only_read_refuses_to_be_posted_to(self, ward, trial):
        assert ward.post(listing(trial)).status_code == 405
        assert ward.post(reverse("dosing:allocation", args=[trial.slug])).status_code == 405

    def test_the_dose_is_only_asked_by_posting(self, laboratory, patient):
        assert laboratory.get(page(patient, "dose")).status_code == 405
