"""An adverse event is amended with a reason, reported to the sponsor or struck out; no change is overwritten unseen."""

import re

import pytest

from audit.context import acting
from safety.models import AdverseEvent
from safety.reporting import amend_event
from tests.support import build
from tests.support.build import moment
from tests.support.pages.event_forms import day, listing, new, page, serious, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def event(patient, doctor):
    return build.event(patient=patient, by=doctor)


class TestAmending:
    def amended(self, event, patient, **changed) -> dict:
        fields = {
            "term": "Fever", "onset": day(patient, 2), "ongoing": "Y", "end": "", "grade": "1",
            "seriousness": ["none_of_these"], "aware": "", "serious_aware": "", "causality": "unlikely",
            "outcome": "recovering", "action_taken": "none", "aesi": "none", "description": "",
            "version": str(event.version), "reason": "new_information", "reason_text": "",
        }  # fmt: skip
        return fields | changed

    def test_the_form_holds_what_was_answered(self, web, event, patient):
        form = web.get(page(event, "amend")).context["form"]

        assert form["term"].value() == "Fever"
        assert form["onset"].value() == day(patient, 2)
        assert form["seriousness"].value() == ["none_of_these"]
        assert form["version"].value() == 1

    def test_sending_the_form_back_unchanged_changes_nothing(self, web, event, patient):
        """Every shown value is read back as the same value."""
        response = web.post(page(event, "amend"), self.amended(event, patient))

        assert response.status_code == 422
        assert "Nothing was changed" in text_of(response)

    def test_a_change_is_stored_with_its_reason(self, web, event, patient):
        """AUD-04."""
        posted = self.amended(event, patient, grade="3", reason_text="seen at the visit")
        assert web.post(page(event, "amend"), posted).status_code == 302
        event.refresh_from_db()

        assert (event.grade, event.version) == (3, 2)
        assert (
            str(event.history.latest("history_id").history_change_reason)
            == "New information: seen at the visit"
        )

    @pytest.mark.parametrize(
        "told", [{"reason": ""}, {"reason": "other"}, {"reason": "other", "reason_text": "  "}]
    )
    def test_a_change_without_a_reason_is_refused(self, web, event, patient, told):
        """AUD-04."""
        response = web.post(page(event, "amend"), self.amended(event, patient, grade="3", **told))
        event.refresh_from_db()

        assert response.status_code == 422
        assert event.grade == 1

    def test_an_upgrade_asks_when_the_site_learned_that_it_is_serious(self, web, event, patient):
        """CLK-04."""
        upgraded = self.amended(
            event, patient, seriousness=["hospitalisation"], aware=f"{day(patient, 3)} 08:00"
        )
        response = web.post(page(event, "amend"), upgraded)
        assert list(response.context["form"].errors) == ["serious_aware"]

        upgraded["serious_aware"] = f"{day(patient, 5)} 17:00"
        assert web.post(page(event, "amend"), upgraded).status_code == 302
        event.refresh_from_db()
        assert event.due_at == moment(f"{day(patient, 6)} 17:00").earliest

    def test_the_slower_of_two_people_sees_both_values_and_nothing_is_overwritten(
        self, web, event, patient, doctor
    ):
        """DAT-11."""
        with acting(user=doctor, role="investigator"):
            amend_event(event=event, changes={"grade": 2}, reason="Seen", version=1, by=doctor)
        posted = self.amended(event, patient, grade="3", term="High fever")
        response = web.post(page(event, "amend"), posted)
        event.refresh_from_db()
        shown = text_of(response)

        assert response.status_code == 409
        assert (event.grade, event.term, event.version) == (2, "Fever", 2)
        assert re.search(r"Stored now 2 Moderate You typed 3 Severe", shown)
        assert re.search(r"Stored now Fever You typed High fever", shown)
        assert doctor.full_name in shown
        assert response.context["form"]["version"].value() == "2"

    def test_after_looking_the_slower_person_can_decide(self, web, event, patient, doctor):
        """DAT-11: the second submission has the version that the conflict page showed."""
        with acting(user=doctor, role="investigator"):
            amend_event(event=event, changes={"grade": 2}, reason="Seen", version=1, by=doctor)
        again = self.amended(event, patient, grade="3", version="2")

        assert web.post(page(event, "amend"), again).status_code == 302
        event.refresh_from_db()
        assert event.grade == 3

    @pytest.mark.parametrize("version", ["", "x", "0", "99", str(2**70)])
    def test_a_forged_version_changes_nothing(self, web, event, patient, version):
        response = web.post(page(event, "amend"), self.amended(event, patient, grade="3", version=version))
        event.refresh_from_db()

        assert response.status_code in {409, 422}
        assert event.grade == 1

    def test_the_causality_stays_when_a_coordinator_changes_something_else(self, trial, event, patient):
        web = build.client(build.user("coordinator", trial=trial))
        web.post(page(event, "amend"), self.amended(event, patient, grade="3", causality="definite"))
        event.refresh_from_db()

        assert (event.grade, event.causality) == (3, "unlikely")


class TestClosingSteps:
    def test_the_report_to_the_sponsor_stops_the_clock(self, web, patient):
        web.post(new(patient), serious(patient))
        event = AdverseEvent.objects.get()
        posted = {"at": f"{day(patient, 3)} 18:00", "late_reason": "", "version": "1"}

        assert web.get(page(event, "sponsor")).status_code == 200
        assert web.post(page(event, "sponsor"), posted).status_code == 302
        assert "reported in time" in text_of(web.get(page(event)))

    def test_a_late_report_without_a_reason_is_refused(self, web, patient):
        """CLK-05."""
        web.post(new(patient), serious(patient))
        event = AdverseEvent.objects.get()
        posted = {"at": f"{day(patient, 5)} 18:00", "late_reason": "", "version": "1"}
        response = web.post(page(event, "sponsor"), posted)

        assert response.status_code == 422
        assert "after the deadline" in str(response.context["form"].errors["late_reason"])

    def test_an_event_entered_in_error_stays_visible_and_offers_nothing_more(self, web, trial, event):
        """SAF-09."""
        posted = {"reason": "Belongs to another patient", "version": "1"}
        assert web.post(page(event, "strike-out"), posted).status_code == 302
        shown = text_of(web.get(page(event)))

        assert "Belongs to another patient" in shown
        assert "Review and sign" not in shown
        assert "Entered in error" in text_of(web.get(listing(trial)))

    def test_a_step_on_an_event_that_changed_meanwhile_is_refused(self, web, event, doctor):
        with acting(user=doctor, role="investigator"):
            amend_event(event=event, changes={"grade": 2}, reason="Seen", version=1, by=doctor)
        response = web.post(page(event, "strike-out"), {"reason": "Twice", "version": "1"})

        assert response.status_code == 422
        assert "changed while you typed" in text_of(response)
