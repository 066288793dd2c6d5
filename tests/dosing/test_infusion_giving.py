"""Recording an infusion as given: the stored facts, and the conditions before it."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dosing.infusions import administration
from dosing.infusions.administration import record_infusion
from dosing.infusions.infusion_checks import Bedside, infusion_refusal
from dosing.models import Infusion
from dosing.signals import infusion_given
from patients.models import Patient
from patients.participation.consents.consent import record_capacity, record_consent
from patients.participation.disposition import end_study
from patients.participation.milestones import milestones
from tests.support import build
from tests.support.build import moment
from tests.support.study.bedside import FIRST, INCLUDED, NOW, SECOND, give, on, stored
from tests.support.study.refusals import refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day", "nurse_acts")]


@pytest.fixture
def patient(trial, known_day):
    return build.enrolled(trial=trial, on=INCLUDED)


class TestGiving:
    def test_an_infusion_is_given_with_what_the_bedside_tells(self, patient, nurse):
        row = give(patient, FIRST, on("10-Mar-2026", premedication="Paracetamol 1 g"), nurse)

        assert stored(patient, FIRST).state == "given"
        assert row.started == "2026-03-10T10:00+01:00[Europe/Brussels]"
        assert row.started_at == datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
        assert (row.weight_kg, row.volume_ml, row.premedication) == (Decimal("82.4"), 100, "Paracetamol 1 g")

    def test_the_first_infusion_is_kept_with_the_patient_and_anchors_visits(self, nurse):
        """Visits anchored to infusion_n are planned again."""
        masked = build.trial(build.COVID_MSV)
        patient = build.enrolled(trial=masked, on=INCLUDED)
        assert patient.visits.get(code="D28").planned_on is None
        fields = {
            name: moment(f"11-Mar-2026 {clock}", "Europe/Madrid")
            for name, clock in (("weight_measured", "08:00"), ("started", "10:00"), ("ended", "10:30"))
        }
        give(patient, FIRST, on("11-Mar-2026", weight_kg=Decimal(70), **fields), nurse)

        assert Patient.objects.get(pk=patient.pk).first_infusion_on == date(2026, 3, 11)
        assert patient.visits.get(code="D28").planned_on == date(2026, 4, 8)

    def test_the_visit_of_the_infusion_was_held_that_day(self, patient, nurse):
        give(patient, FIRST, on("11-Mar-2026"), nurse)

        visit = stored(patient, FIRST).visit
        assert (visit.state, visit.held_on) == ("held", date(2026, 3, 11))

    def test_other_rooms_receive_a_signal(self, patient, nurse):
        heard = []
        infusion_given.connect(
            lambda **told: heard.append(told["infusion"].number), weak=False, dispatch_uid="test"
        )
        try:
            give(patient, FIRST, on("10-Mar-2026"), nurse)
        finally:
            infusion_given.disconnect(dispatch_uid="test")
        assert heard == [1]
        assert [each.label for each in milestones([patient])[patient.pk]] == ["Infusion 1"]

    def test_the_trail_shows_who_recorded_it_and_in_which_role(self, patient, nurse):
        """AUD-01, AUD-02."""
        row = give(patient, FIRST, on("10-Mar-2026"), nurse)
        entry = Infusion.history.filter(id=row.pk).order_by("-history_id").first()

        assert (entry.history_user_name, entry.history_role) == (nurse.username, "coordinator")
        assert (entry.state, entry.history_patient) == ("given", patient.pk)

    def test_in_a_masked_trial_only_the_listener_looks_for_a_product(self, nurse):
        """BLD-01: the result cannot depend on a product that is never read."""
        masked = build.trial(build.COVID_MSV)
        patient = build.enrolled(trial=masked, on=INCLUDED)
        fields = {
            name: moment(f"10-Mar-2026 {clock}", "Europe/Madrid")
            for name, clock in (("weight_measured", "08:00"), ("started", "10:00"), ("ended", "10:30"))
        }
        from dosing.products import preparing as preparing

        infusion_given.disconnect(dispatch_uid="dosing.dose")
        try:
            with CaptureQueriesContext(connection) as captured:
                give(patient, FIRST, on("10-Mar-2026", weight_kg=Decimal(70), **fields), nurse)
        finally:
            infusion_given.connect(preparing.on_infusion_given, dispatch_uid="dosing.dose")
        touched = [
            query["sql"]
            for query in captured
            if "dosing_preparation" in query["sql"] or "slot" in query["sql"]
        ]
        assert touched == []


class TestWhatIsNeededBefore:
    def test_a_patient_in_screening_cannot_be_dosed(self, trial, nurse):
        """P11-06, CEL-14: nothing is given before inclusion."""
        patient = build.eligible(trial=trial, screened_on=INCLUDED)
        row = Infusion.objects.create(patient=patient, number=1, state="planned")
        messages = refused(record_infusion, infusion=row, facts=on("10-Mar-2026"), version=1, by=nurse)
        assert messages == {"": [f"{patient.code} cannot receive an infusion: the status is “Screening”."]}

    def test_nothing_is_given_before_the_day_of_inclusion(self, patient, nurse):
        """P11-06."""
        messages = refused(give, patient, FIRST, on("09-Mar-2026"), nurse)
        assert messages == {
            "started": ["The patient was included on 10-Mar-2026: nothing can be given before."]
        }

    def test_nothing_is_given_after_the_end_of_study(self, patient, nurse):
        end_study(patient=patient, on=date(2026, 3, 12), reason="withdrawal", note="No more", by=nurse)
        messages = refused(give, patient, FIRST, on("13-Mar-2026"), nurse)
        assert messages["started"] == [
            "The study ended for this patient on 12-Mar-2026: nothing can be given after."
        ]

    def test_an_infusion_before_the_end_of_study_can_still_be_recorded(self, patient, nurse):
        end_study(patient=patient, on=date(2026, 3, 12), reason="withdrawal", note="No more", by=nurse)
        assert give(patient, FIRST, on("11-Mar-2026"), nurse).state == "given"

    def test_a_signature_on_the_eligibility_that_does_not_hold_stops_the_infusion(self, patient, nurse):
        """P11-06: no infusion before eligibility is signed."""
        patient.eligibility_decisions.update(group="B")
        messages = refused(give, patient, FIRST, on("10-Mar-2026"), nurse)
        assert "signature on the eligibility does not hold" in messages[""][0]
        assert "signature" in infusion_refusal(stored(patient, FIRST))

    def test_a_consent_given_after_the_start_does_not_cover_it(self, patient, nurse):
        """CEL-14."""
        patient.consents.update(given_at=datetime(2026, 3, 10, 9, 30, tzinfo=UTC))
        messages = refused(give, patient, FIRST, on("10-Mar-2026"), nurse)
        assert messages["started"] == ["No consent had been given at that time."]

    def test_a_patient_who_can_decide_again_confirms_before_the_next_infusion(self, trial, nurse):
        """I6 of the Liège protocol, CEL-14."""
        unable = {"patient_can_consent": "N", "representative_available": "Y"}
        patient = build.enrolled(
            trial=trial, on=INCLUDED, consent_by="legal_representative", eligibility=unable
        )
        record_capacity(patient=patient, regained_on=date(2026, 3, 11), by=nurse)
        assert give(patient, FIRST, on("11-Mar-2026"), nurse).state == "given"
        messages = refused(give, patient, SECOND, on("14-Mar-2026"), nurse)
        assert "own consent comes first" in messages["started"][0]
        record_consent(
            patient=patient, type="patient", version="1.0", given=moment("13-Mar-2026 09:00"), by=nurse
        )
        assert give(patient, SECOND, on("14-Mar-2026"), nurse).state == "given"

    def test_a_patient_in_order_has_no_obstacle(self, patient):
        assert infusion_refusal(stored(patient, FIRST)) == ""
        assert infusion_refusal(stored(patient, SECOND)) == "Infusion 1 is still planned: record it first."

    def test_a_locked_patient_is_not_changed(self, patient, nurse):
        Patient.objects.filter(pk=patient.pk).update(locked_at=NOW)
        messages = refused(give, patient, FIRST, on("10-Mar-2026"), nurse)
        assert messages == {"": [f"{patient.code} is locked: nothing can be changed."]}


def test_the_bedside_knows_no_name_of_the_product():
    """BLD-01: the bedside functions can write only facts that both arms share."""
    product = {"donor_code", "lot", "bag", "viable_cells", "viability_percent", "thawed", "cells_per_kg"}
    assert not product & set(Bedside.__annotations__)
    assert not product & {field.name for field in Infusion._meta.get_fields()}
    assert administration.CLEARED.keys() <= {field.name for field in Infusion._meta.get_fields()}
