"""Product and allocation on pages: which roles see them, in a masked and in an open trial (BLD-01, RND-01)."""

import pytest
from django.urls import reverse

from audit.models import AccessEvent
from dosing.models import AllocationList, AllocationSlot, Preparation
from tests.support import build
from tests.support.pages.infusions import errors_of, listing, page, product, text_of, weighed
from tests.support.study.bedside import INCLUDED

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]


@pytest.fixture
def patient(trial, known_day):
    return build.enrolled(trial=trial, on=INCLUDED)


class TestTheMaskedTrial:
    @pytest.fixture
    def masked(self):
        return build.trial(build.COVID_MSV)

    @pytest.fixture
    def arms(self, masked):
        """Return a patient of each arm, by arm, with the weight of the day recorded."""
        ward = build.client(build.user("coordinator", trial=masked))
        found = {}
        while len(found) < 2:
            patient = build.enrolled(trial=masked, on=INCLUDED)
            found[AllocationSlot.objects.get(patient=patient).arm] = patient
            ward.post(page(patient, "weight"), weighed(weight_kg="70"))
        return found

    def test_an_arm_without_cells_takes_zero_cells(self, masked, arms):
        laboratory = build.client(build.user("cell_laboratory", trial=masked))
        placebo = arms["placebo"]
        none = product(viable_cells="0", donor_code="", viability_percent="", thawed="")
        response = laboratory.post(page(placebo, "preparation"), none, follow=True)

        assert (Preparation.objects.get().viable_cells, Preparation.objects.get().dose_finding) == (0, "")
        assert "receives no cells" in text_of(response)
        assert "Placebo" in text_of(response)

    def test_cells_for_an_arm_without_cells_are_refused(self, masked, arms):
        laboratory = build.client(build.user("cell_laboratory", trial=masked))
        messages = errors_of(
            laboratory.post(page(arms["placebo"], "preparation"), product(viable_cells="70"))
        )

        assert "receives no cells" in messages["viable_cells"]

    @pytest.mark.parametrize(
        "role", ["coordinator", "investigator", "monitor", "data_manager", "administrator"]
    )
    @pytest.mark.parametrize("recorded", [False, True])
    def test_a_blinded_role_is_refused_alike_whatever_the_arm_and_whatever_is_stored(
        self, masked, arms, role, recorded
    ):
        """BLD-01, BLD-02."""
        laboratory = build.client(build.user("cell_laboratory", trial=masked))
        if recorded:
            laboratory.post(page(arms["cells"], "preparation"), product(viable_cells="70"))
        browser = build.client(build.user(role, trial=masked))
        for patient in arms.values():
            for number in (1, 2):
                assert browser.get(page(patient, "preparation", number)).status_code == 403
                assert browser.post(page(patient, "preparation", number), product()).status_code == 403
                assert browser.post(page(patient, "dose", number), {"viable_cells": "7"}).status_code == 403
        assert browser.get(reverse("dosing:allocation", args=[masked.slug])).status_code == 403

    def test_the_bedside_page_of_a_blinded_role_knows_no_product(self, masked, arms):
        """BLD-01."""
        laboratory = build.client(build.user("cell_laboratory", trial=masked))
        laboratory.post(page(arms["cells"], "preparation"), product(viable_cells="70"))
        browser = build.client(build.user("coordinator", trial=masked))
        response = browser.get(page(arms["cells"]))

        assert "product" not in response.context
        assert "L-1" not in text_of(response)
        assert "Product" not in text_of(browser.get(listing(masked)))

    @pytest.mark.parametrize("where", ["infusion", "preparation", "listing", "allocation"])
    def test_reading_the_treatment_leaves_an_event_that_only_the_unblinded_read(self, masked, arms, where):
        """AUD-08, BLD-03."""
        address = (
            page(arms["cells"], where)
            if where in {"infusion", "preparation"}
            else (reverse(f"dosing:{where}", args=[masked.slug]))
        )
        laboratory = build.client(build.user("cell_laboratory", trial=masked))
        laboratory.post(page(arms["cells"], "preparation"), product(viable_cells="70"))
        seen = AccessEvent.objects.filter(kind="treatment_seen", role="inspector")
        build.client(build.user("monitor", trial=masked)).get(address)
        assert not seen.exists()
        build.client(build.user("inspector", trial=masked)).get(address)

        assert [event.see for event in seen] == ["see_treatment"]

    def test_the_listing_leads_the_unblinded_to_the_allocation_list(self, masked, arms):
        for role, there in (("statistician", True), ("coordinator", False)):
            html = build.client(build.user(role, trial=masked)).get(listing(masked)).content.decode()
            assert (f'href="{reverse("dosing:allocation", args=[masked.slug])}"' in html) is there

    def test_the_unblinded_read_how_the_list_was_made_and_who_holds_which_place(self, masked, arms):
        """RND-01."""
        browser = build.client(build.user("statistician", trial=masked))
        made = AllocationList.objects.get()
        address = reverse("dosing:allocation", args=[masked.slug])
        shown = text_of(browser.get(address, {"taken": "yes"}))

        for words in (
            "permuted-blocks-1",
            "concealed until the trial is locked",
            "2, 4",
            "MSV-allo",
            "Placebo",
            *(each.code for each in arms.values()),
        ):
            assert words in shown
        assert made.seed not in shown
        assert browser.get(address, {"taken": "no"}).context["listing"].total > 0


class TestTheOpenTrial:
    def test_reading_a_product_that_everybody_knows_leaves_no_event(self, ward, patient):
        ward.get(page(patient))
        ward.get(page(patient, "preparation"))

        assert not AccessEvent.objects.filter(kind="treatment_seen").exists()

    def test_a_trial_that_does_not_randomise_says_so(self, ward, trial):
        response = ward.get(reverse("dosing:allocation", args=[trial.slug]))
        assert "This trial has no allocation" in text_of(response)

    def test_before_the_first_signature_there_is_no_list(self):
        masked = build.trial(build.COVID_MSV)
        browser = build.client(build.user("statistician", trial=masked))
        response = browser.get(reverse("dosing:allocation", args=[masked.slug]))

        assert "first signs that a patient is eligible" in text_of(response)
