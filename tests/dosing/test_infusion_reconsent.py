"""While an amendment's consent is due, what was given may be corrected, and nothing is given (CEL-14, DAT-09)."""

from datetime import date
from decimal import Decimal

import pytest

from audit.context import acting
from dosing.infusions.administration import mark_not_given, record_weight
from dosing.infusions.infusion_checks import infusion_refusal
from patients.models import Patient, Record, Visit
from patients.participation.visits import hold_visit, miss_visit
from tests.support import build
from tests.support.build import moment
from tests.support.pages import infusions
from tests.support.study.bedside import FIRST, INCLUDED, SECOND, give, on, stored
from tests.support.study.refusals import refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day", "nurse_acts")]

DUE = "has to sign version 2.0"


@pytest.fixture
def treated(trial, known_day, nurse):
    """A patient with the first infusion given, and then moved to an amendment whose consent is not signed yet."""
    patient = build.enrolled(trial=trial, on=INCLUDED)
    give(patient, FIRST, on("10-Mar-2026"), nurse)
    build.record(patient, "vitals", {"hr": "72"}, visit="INF1", draft=True, by=nurse)
    with acting(system="test"):
        Patient.objects.filter(pk=patient.pk).update(reconsent_version="2.0")
    return Patient.objects.select_related("trial__protocol", "protocol").get(pk=patient.pk)


class TestWhatWasGiven:
    @pytest.mark.parametrize(
        "changed",
        [
            {"volume_ml": Decimal("95")},
            {"weight_kg": Decimal("82.6")},
            {"ended": moment("10-Mar-2026 11:30")},
        ],
        ids=["volume", "weight", "end"],
    )
    def test_its_facts_are_corrected_with_a_reason(self, treated, nurse, changed):
        row = give(treated, FIRST, on("10-Mar-2026", **changed), nurse, reason="read wrongly")
        assert row.history.latest("history_id").history_change_reason == "read wrongly"
        assert stored(treated, FIRST).visit.held_on == date(2026, 3, 10)

    def test_it_still_needs_a_reason(self, treated, nurse):
        told = refused(give, treated, FIRST, on("10-Mar-2026", volume_ml=Decimal("95")), nurse)
        assert list(told) == ["reason"]

    def test_its_day_is_corrected_together_with_that_of_its_visit(self, treated, nurse):
        give(treated, FIRST, on("11-Mar-2026"), nurse, reason="wrong day")
        assert stored(treated, FIRST).visit.held_on == date(2026, 3, 11)
        assert stored(treated, SECOND).window_from == date(2026, 3, 14)

    def test_it_is_corrected_on_its_page(self, treated, ward):
        row = stored(treated, FIRST)
        assert infusion_refusal(row) == ""
        typed = infusions.bedside(
            volume_ml="95", reason="other", reason_text="read wrongly", version=str(row.version)
        )
        assert ward.post(infusions.page(treated), typed).status_code == 302
        assert stored(treated, FIRST).volume_ml == Decimal("95")

    def test_it_is_taken_back_if_it_was_another_patients(self, treated, nurse):
        row = stored(treated, FIRST)
        mark_not_given(infusion=row, reason="Another patient", version=row.version, by=nurse)
        assert stored(treated, FIRST).state == "not_given"

    def test_the_day_of_its_visit_is_corrected_alone(self, treated, nurse):
        visit = Visit.objects.get(patient=treated, code="INF1")
        assert hold_visit(visit=visit, on=date(2026, 3, 11), reason="Typo", by=nurse).held_on == date(
            2026, 3, 11
        )

    def test_it_is_corrected_although_its_visit_was_not_noted_as_held(self, treated, nurse):
        """The infusion says that the visit took place: to note it is no new treatment."""
        with acting(system="test"):
            Record.objects.filter(visit__code="INF1").update(state="struck_out", struck_out_reason="A test")
        visit = Visit.objects.get(patient=treated, code="INF1")
        miss_visit(visit=visit, reason="By mistake", by=nurse)
        give(treated, FIRST, on("10-Mar-2026", volume_ml=Decimal("95")), nurse, reason="read wrongly")
        visit.refresh_from_db()
        assert (visit.state, visit.held_on) == ("held", date(2026, 3, 10))


class TestWhatIsNew:
    def test_the_next_infusion_waits_for_the_consent(self, treated, nurse):
        assert DUE in refused(give, treated, SECOND, on("13-Mar-2026"), nurse)[""][0]
        assert stored(treated, SECOND).state == "planned"

    def test_its_weight_waits_too(self, treated, nurse):
        row = stored(treated, SECOND)
        told = refused(
            record_weight,
            infusion=row,
            weight_kg=Decimal("82"),
            weight_measured=moment("13-Mar-2026 08:00"),
            version=row.version,
            by=nurse,
        )
        assert DUE in told[""][0]

    def test_one_marked_as_not_given_is_not_given_by_a_correction(self, treated, nurse):
        """Otherwise two steps would give what one step may not."""
        row = stored(treated, SECOND)
        mark_not_given(infusion=row, reason="No cells", version=row.version, by=nurse)
        told = refused(give, treated, SECOND, on("13-Mar-2026"), nurse, reason="given after all")
        assert DUE in told[""][0]

    def test_a_visit_to_come_is_not_held(self, treated, nurse):
        told = refused(
            hold_visit, visit=Visit.objects.get(patient=treated, code="INF2"), on=date(2026, 3, 13), by=nurse
        )
        assert DUE in told[""][0]

    def test_the_page_of_the_next_one_says_what_it_waits_for(self, treated, ward):
        assert DUE in infusions.text_of(ward.get(infusions.page(treated, number=SECOND)))
