"""A change in one form is checked in the complete forms whose rules read it: their queries open and close (DAT-04)."""

from datetime import date

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from audit import signatures
from audit.context import acting
from audit.models import Meaning, Signature
from audit.stored_text import StoredText
from patients import signals
from patients.entry.controls import CONTROLS
from patients.models import Consent, Patient, Query, Record
from patients.participation.screening import correct_identity
from protocol.expressions.rules import rules_of
from tests.support import build
from tests.support.pages.entry_pages import address, opened
from tests.support.study.amending import changed
from tests.support.study.locking import hold
from trials.models import Trial

pytestmark = pytest.mark.django_db

WEIGHT = "The weight differs by more than 10 % from screening, and the dose depends on it: weigh again, or confirm."
SEX = "(because “Sex at birth” of “Demography” changed)"
LATE = "The end comes after the death: correct one of the dates, or confirm that both are right."
DEATH = "(because “Date of death” of “Vital status” changed)"
HEPARIN = {
    "name": "Enoxaparin", "category": "ANTICOAGULANT", "given_for": "PROPHYLAXIS", "indication": "Prevention",
    "route": "SUBCUTANEOUS", "started_on": "2026-08-10", "ongoing": "Y",
}  # fmt: skip
DEMOGRAPHY = {"age": "54", "sex": "M", "height": "178", "weight": "82.4"}


def texts(record: Record, *, state: str = "open") -> list[str]:
    """Return the texts of the queries on a form, and for closed ones why they were closed."""
    rows = Query.objects.filter(record=record, state=state).order_by("pk")
    return [str(row.text if state == "open" else row.closed_because) for row in rows]


@pytest.fixture
def weighed(patient: Patient, nurse: User) -> tuple[Record, Record]:
    """Demography with the weight at screening, and complete vital signs with a weight that agrees with it."""
    demography = build.record(patient, "demography", DEMOGRAPHY, by=nurse)
    vitals = {
        "measured_at": f"{patient.screened_on}T09:05+02:00[Europe/Brussels]", "temp": "36.7", "hr": "72", "rr": "18",
        "spo2": "96", "acvpu": "A", "gcs_eye": "4", "gcs_verbal": "5", "gcs_motor": "6", "sbp": "124", "dbp": "76",
        "weight": "82",
    }  # fmt: skip
    return demography, build.record(patient, "vitals", vitals, by=nurse)


class TestTheDoseDependentWeight:
    def test_a_corrected_weight_is_asked_about_where_it_is_compared(self, weighed, nurse) -> None:
        demography, vitals = weighed
        assert texts(vitals) == []
        changed(demography, nurse, weight="60")
        assert texts(vitals) == [f"{WEIGHT} (because “Weight at screening” of “Demography” changed)"]
        assert Query.objects.get(record=vitals).item == "weight"

    def test_it_is_settled_when_the_weight_is_corrected_back(self, weighed, nurse) -> None:
        demography, vitals = weighed
        changed(demography, nurse, weight="60")
        changed(demography, nurse, weight="82.4")
        assert texts(vitals) == []
        assert texts(vitals, state="closed") == [
            "Settled because “Weight at screening” of “Demography” changed."
        ]

    def test_it_is_settled_by_correcting_the_other_weight(self, weighed, nurse) -> None:
        demography, vitals = weighed
        changed(demography, nurse, weight="60")
        changed(vitals, nurse, weight="61")
        assert texts(vitals, state="closed") == ["The value was corrected."]

    def test_it_is_asked_once_however_often_the_weight_changes(self, weighed, nurse) -> None:
        demography, vitals = weighed
        for weight in ("60", "59", "58"):
            changed(demography, nurse, weight=weight)
        assert len(texts(vitals)) == 1

    @pytest.mark.parametrize(("weight", "asks"), [("74.6", False), ("74.5", True)])
    def test_ten_per_cent_is_the_limit(self, weighed, nurse, weight, asks) -> None:
        """82 kg is 110 % of 74.545 kg."""
        demography, vitals = weighed
        changed(demography, nurse, weight=weight)
        assert bool(texts(vitals)) is asks

    def test_another_item_of_the_form_asks_nothing(self, weighed, nurse) -> None:
        demography, _vitals = weighed
        changed(demography, nurse, height="170")
        assert not Query.objects.exists()

    def test_a_draft_is_not_asked_about(self, patient, nurse) -> None:
        demography = build.record(patient, "demography", DEMOGRAPHY, by=nurse)
        build.record(patient, "vitals", {"weight": "82"}, draft=True, by=nurse)
        changed(demography, nurse, weight="60")
        assert not Query.objects.exists()

    def test_the_query_speaks_the_readers_language(self, weighed, nurse) -> None:
        demography, vitals = weighed
        changed(demography, nurse, weight="60")
        text = Query.objects.get(record=vitals).text
        assert isinstance(text, StoredText)
        assert text.in_language("fr").startswith("Le poids diffère de plus de 10 % de la sélection")
        assert "Poids à la sélection" in text.in_language("fr")

    def test_the_system_asks_not_the_person(self, weighed, nurse) -> None:
        """AUD-10: the trail names the edit checks, acting for the person who saved."""
        demography, vitals = weighed
        changed(demography, nurse, weight="60")
        row = Query.history.filter(record_id=vitals.pk).get()
        assert row.history_user_name == f"system:checks for {nurse.username}"


class TestSkippedForms:
    @pytest.fixture
    def pregnancy(self, patient: Patient, nurse: User) -> tuple[Record, Record]:
        woman = build.record(patient, "demography", {**DEMOGRAPHY, "sex": "F"}, by=nurse)
        test = {"childbearing_potential": "N"}
        return woman, build.record(patient, "pregnancy_test", test, by=nurse)

    def test_the_pregnancy_form_of_a_man_is_asked_about(self, pregnancy, nurse) -> None:
        demography, test = pregnancy
        changed(demography, nurse, sex="M")
        assert texts(test) == [
            f"There is an answer, but this is not asked any more: correct the form or strike it out {SEX}"
        ]
        assert Record.objects.get(pk=test.pk).values == {"childbearing_potential": "N"}

    def test_striking_the_pregnancy_form_out_settles_it(self, pregnancy, nurse) -> None:
        demography, test = pregnancy
        changed(demography, nurse, sex="M")
        build.struck_out(Record.objects.get(pk=test.pk), by=nurse)
        assert texts(test) == []

    def test_what_a_woman_is_asked_after_all_is_told(self, patient, nurse) -> None:
        demography = build.record(patient, "demography", DEMOGRAPHY, by=nurse)
        test = build.record(patient, "pregnancy_test", {}, by=nurse)
        changed(demography, nurse, sex="F")
        assert texts(test) == [f"This is asked now and has no answer {SEX}"]


class TestDeath:
    """A death entered after the rows that go on beyond it."""

    def dead(self, patient: Patient, nurse: User, day: date) -> Record:
        answers = {
            "survival_status": "DEAD",
            "died_on": day.isoformat(),
            "death_cause": "CARDIAC",
            "contact_by": "RECORD",
        }
        return build.record(patient, "vital_status", answers, visit="D7", by=nurse)

    @pytest.fixture
    def treated(self, trial, doctor) -> Patient:
        return build.enrolled(trial=trial, on=date(2026, 8, 10), investigator=doctor)

    def test_a_medicine_that_goes_on_is_asked_about(self, treated, nurse) -> None:
        medicine = build.record(treated, "medication", HEPARIN, visit=None, by=nurse)
        self.dead(treated, nurse, date(2026, 8, 17))
        assert texts(medicine) == [
            "The patient has died: enter the end, or confirm that it was still going on. "
            + DEATH.replace("Date of death", "Status")
        ]

    def test_a_medicine_that_ends_after_the_death_is_asked_about(self, treated, nurse) -> None:
        late = {**HEPARIN, "ongoing": "N", "ended_on": "2026-08-18"}
        medicine = build.record(treated, "medication", late, visit=None, by=nurse)
        death = self.dead(treated, nurse, date(2026, 8, 17))
        assert texts(medicine) == [f"{LATE} {DEATH}"]
        changed(death, nurse, died_on="2026-08-18")
        assert texts(medicine) == []

    def test_a_month_that_may_lie_before_the_death_is_not(self, treated, nurse) -> None:
        """A partial date decides only what the whole month decides."""
        medicine = build.record(
            treated, "medication", {**HEPARIN, "ongoing": "N", "ended_on": "2026-08"}, visit=None, by=nurse
        )
        self.dead(treated, nurse, date(2026, 8, 17))
        assert texts(medicine) == []

    def test_striking_out_the_death_settles_it(self, treated, nurse) -> None:
        medicine = build.record(treated, "medication", HEPARIN, visit=None, by=nurse)
        death = self.dead(treated, nurse, date(2026, 8, 17))
        build.struck_out(death, by=nurse)
        assert texts(medicine) == []

    def test_the_scale_of_the_same_visit_is_judged_with_the_death_and_no_other(self, treated, nurse) -> None:
        """WC02 of Liège reads `here(vital_status.survival_status)`: the scale of another visit does not see it."""
        scales = [
            build.record(treated, "who_cps", {"score": "6"}, visit=visit, draft=True)
            for visit in ("SCR", "D7")
        ]
        with acting(system="test"):
            Record.objects.filter(form="who_cps").update(state="complete", completed_at=timezone.now())
        rules = rules_of(treated.protocol.rules)
        assert rules.form("who_cps").readers["vital_status.survival_status"].when == {"here"}
        assert rules.form("medication").readers["vital_status.survival_status"].when == {"now"}
        death = self.dead(treated, nurse, date(2026, 8, 17))
        assert [len(texts(scale)) for scale in scales] == [0, 1]
        build.struck_out(death, by=nurse)
        assert [len(texts(scale)) for scale in scales] == [0, 0]

    def test_a_row_of_a_log_is_judged_with_the_death(self, treated, nurse) -> None:
        """ST07 reads the rows of the logs: a row added after the death asks at the vital status too."""
        death = self.dead(treated, nurse, date(2026, 8, 17))
        with acting(user=nurse, role="coordinator"):
            row = build.record(
                treated, "stay", {"kind": "ICU", "ongoing": "Y"}, visit=None, draft=True,
                by=nurse,
            )  # fmt: skip
        assert len(texts(death)) == 1
        assert texts(death)[0].endswith("(because the rows of “Hospital and intensive care” changed)")
        build.struck_out(row, by=nurse)
        assert texts(death) == []


class TestLockedAndSigned:
    def test_a_locked_form_is_asked_about_and_stays_as_it_is(self, weighed, nurse, manager) -> None:
        demography, vitals = weighed
        hold("lock", "record", vitals, manager)
        before = Record.objects.filter(pk=vitals.pk).values().get()
        changed(demography, nurse, weight="60")
        assert len(texts(vitals)) == 1
        assert Record.objects.filter(pk=vitals.pk).values().get() == before
        changed(demography, nurse, weight="82.4")
        assert texts(vitals) == []

    def test_no_signature_falls_on_a_form_that_only_contradicts(self, weighed, nurse, doctor) -> None:
        demography, vitals = weighed
        with acting(user=doctor, role="investigator"):
            signatures.sign(
                target=vitals, meaning=Meaning.APPROVAL, password=build.PASSWORD, by=doctor, zone="UTC"
            )
        changed(demography, nurse, weight="60")
        assert len(texts(vitals)) == 1
        assert Signature.objects.get().invalidated_at is None


class TestFacts:
    def test_a_consent_corrected_to_a_later_hour_is_judged_in_what_came_before_it(
        self, trial, doctor
    ) -> None:
        """EL01 compares the first procedure of the trial with the first consent."""
        procedure = f"{trial.today}T10:00+02:00[Europe/Brussels]"
        answers = {"study_procedure_done": "Y", "first_procedure_at": procedure}
        patient = build.assessable(trial=trial, screened_on=trial.today, by=doctor, eligibility=answers)
        eligibility = Record.objects.get(patient=patient, form="eligibility")
        for clock, asks in (("10:00", False), ("10:01", True), ("09:00", False)):
            given = build.moment(f"{trial.today:%d-%b-%Y} {clock}")
            with acting(user=doctor, role="investigator"):
                Consent.objects.filter(patient=patient).update(given=given.iso, given_at=given.earliest)
                signals.announce(patient=patient, names=["subject.first_consent_at"], by=doctor)
            assert bool(texts(eligibility)) is asks
        assert "(because “First consent given on” changed)" in str(Query.objects.get(record=eligibility).text)


class TestTheDateOfBirth:
    """The age of 54 in the form, compared with the date of birth, whichever of the two is corrected."""

    AGE = "This age does not agree with the date of birth. Check both."

    @pytest.fixture
    def born(self, trial: Trial, nurse: User) -> Patient:
        """A patient screened on 14 September 2026 at the age of 54."""
        patient = build.patient(trial=trial, by=nurse, screened_on=date(2026, 9, 14), birth_date="1972-03-12")
        build.consent(patient, by=nurse)
        build.record(patient, "demography", DEMOGRAPHY, by=nurse)
        return patient

    def corrected(self, patient: Patient, nurse: User, birth_date: str) -> list[str]:
        with acting(user=nurse, role="coordinator"):
            identity = {"name": "", "hospital_number": "", "contact": "", "birth_date": birth_date}
            correct_identity(patient=patient, identity=identity, reason="Misread", by=nurse)
        return texts(Record.objects.get(patient=patient, form="demography"))

    def test_a_corrected_date_of_birth_asks_and_settles(self, born, nurse) -> None:
        assert self.corrected(born, nurse, "1972") == []
        assert self.corrected(born, nurse, "12-Mar-1962") == [f"{self.AGE} (because “Date of birth” changed)"]
        assert self.corrected(born, nurse, "12-Mar-1972") == []

    @pytest.mark.parametrize(("day", "asks"), [("14-Sep-1971", True), ("15-Sep-1971", False)])
    def test_the_birthday_decides(self, born, nurse, day, asks) -> None:
        """Who is 55 on the day of screening was born on 14 September 1971; one day later it is 54."""
        assert bool(self.corrected(born, nurse, day)) is asks

    def test_a_locked_patient_is_corrected_without_a_query(self, born, nurse, manager) -> None:
        with acting(user=manager, role="data_manager"):
            Patient.objects.filter(pk=born.pk).update(locked_at=timezone.now())
        assert self.corrected(born, nurse, "12-Mar-1962") == []


@pytest.mark.parametrize("forms", [1, 3])
def test_a_save_that_judges_other_forms_costs_at_most_fourteen_statements(
    desk: Client, patient: Patient, nurse: User, weighed: tuple[Record, Record], forms: int
) -> None:
    """However many other forms the patient has."""
    for form in ("haematology", "biochemistry")[: forms - 1]:
        build.record(patient, form, {}, draft=True, by=nurse)
    where = {"form": "demography"}
    control = opened(desk, patient, **where)
    answers = {**DEMOGRAPHY, "weight": "60", CONTROLS.action: CONTROLS.next, CONTROLS.reason: "transcription"}
    with CaptureQueriesContext(connection) as spent:
        assert desk.post(address(patient, **where), {**control, **answers}).status_code == 302
    assert Query.objects.filter(state="open").count() == 1
    assert len(spent) <= 14, "\n".join(query["sql"][-170:] for query in spent)


@pytest.mark.parametrize("rows", [2, 56])
def test_a_death_judged_in_every_row_of_a_log_and_its_samples_costs_at_most_fifteen_statements(
    desk: Client, trial: Trial, nurse: User, doctor: User, rows: int
) -> None:
    """However many rows the log has, and although two of them are asked about."""
    patient = build.enrolled(trial=trial, on=date(2026, 8, 10), investigator=doctor)
    with acting(system="test"):
        patient.visits.filter(code="D7").update(state="held", held_on=date(2026, 8, 17))
    first = build.record(patient, "medication", HEPARIN, visit=None, by=nurse)
    ended = {**HEPARIN, "ongoing": "N", "ended_on": "2026-08-11"}
    with acting(system="test"):
        Record.objects.bulk_create(
            Record(
                patient=patient, protocol=first.protocol, form="medication", repeat=number, state="complete",
                values=HEPARIN if number == 2 else ended, completed_at=first.completed_at,
            )
            for number in range(2, rows + 1)
        )  # fmt: skip
    where = {"form": "vital_status", "visit": "D7"}
    dead = {
        "survival_status": "DEAD",
        "died_on": "16-Aug-2026",
        "contact_by": "RECORD",
        "death_cause": "CARDIAC",
    }
    posted = {**opened(desk, patient, **where), **dead, CONTROLS.action: CONTROLS.next}
    with CaptureQueriesContext(connection) as spent:
        assert desk.post(address(patient, **where), posted).status_code == 302
    asked = Query.objects.filter(record__form="medication", state="open").order_by("pk")
    assert list(asked.values_list("record__repeat", flat=True)) == [1, 2]
    assert len(spent) <= 15, "\n".join(query["sql"][:170] for query in spent)
