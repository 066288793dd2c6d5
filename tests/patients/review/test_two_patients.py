"""Locks, marks and signatures of one patient beside the open work of another."""

from datetime import UTC, date, datetime

import pytest
import time_machine
from django.core.exceptions import ValidationError

from accounts.models import User
from audit.context import acting
from audit.models import Signature
from audit.signatures import sign
from patients.models import DataLock, Mark, Patient, Record, Visit
from patients.participation.visits import add_unscheduled, hold_visit
from patients.queries import threads
from patients.review import locks, medical_review, signatures, source_verification
from patients.review.marks import SeenVersion
from tests.support import build
from tests.support.study.entered_forms import DEMOGRAPHY
from trials.models import Trial

pytestmark = [pytest.mark.django_db, pytest.mark.at(datetime(2026, 3, 30, 10, 0, tzinfo=UTC))]

SCREENED = date(2026, 3, 10)
PLANNED = ("age", "sex", "height", "weight")


def screened(trial: Trial, by: User) -> Patient:
    """Create a patient whose screening visit was held, with a complete demography."""
    patient = build.patient(trial=trial, by=by, screened_on=SCREENED)
    build.consent(patient, by=by)
    visit = Visit.objects.select_related("patient").get(patient=patient, code="SCR")
    with acting(user=by, role="coordinator"):
        hold_visit(visit=visit, on=SCREENED, by=by)
    build.record(patient, "demography", DEMOGRAPHY, by=by)
    return patient


@pytest.fixture
def patient(trial: Trial, nurse: User) -> Patient:
    return screened(trial, nurse)


@pytest.fixture
def neighbour(patient: Patient, nurse: User) -> Patient:
    """Another patient of the trial, on the same day, with a draft and an open query."""
    other = screened(patient.trial, nurse)
    build.record(other, "vitals", {"sbp": "124"}, draft=True, by=nurse)
    asked(record_of(other), build.user("monitor", trial=patient.trial))
    return other


def record_of(patient: Patient, form: str = "demography") -> Record:
    return Record.objects.select_related("patient__trial", "visit").get(patient=patient, form=form)


def asked(record: Record, by: User) -> None:
    with acting(user=by, role="monitor"):
        threads.raise_query(record=record, item="age", text="Sure?", origin="monitor", by=by, role="monitor")


def verify(record: Record, by: User, *items: str) -> int:
    seen = [SeenVersion(record.pk, record.version, items or PLANNED)]
    with acting(user=by, role="monitor"):
        return source_verification.verify(patient=record.patient, seen=seen, by=by, role="monitor")


class TestLocks:
    @pytest.mark.parametrize("level", ["record", "visit", "patient"])
    def test_the_draft_and_the_query_of_another_patient_hold_up_no_lock(
        self, patient, neighbour, manager, level
    ):
        """ACC-08: only what lies below the lock must be settled."""
        mine = record_of(patient)
        target = {"record": mine, "visit": mine.visit, "patient": patient}[level]
        with acting(user=manager, role="data_manager"):
            made = locks.lock(target=target, reason="Clean", by=manager)

        assert (made.level, made.patient_id) == (level, patient.pk)
        assert not DataLock.objects.exclude(patient=patient).exists()
        assert record_of(neighbour).patient.locked_at is None

    @pytest.mark.parametrize("level", ["record", "visit", "patient"])
    def test_a_query_below_the_lock_holds_it_up(self, patient, monitor, manager, level):
        mine = record_of(patient)
        asked(mine, monitor)
        target = {"record": mine, "visit": mine.visit, "patient": patient}[level]
        with acting(user=manager), pytest.raises(ValidationError, match="1 query is not closed yet"):
            locks.lock(target=target, reason="Clean", by=manager)

    @pytest.mark.parametrize("level", ["visit", "patient"])
    def test_a_draft_below_the_lock_holds_it_up(self, patient, nurse, manager, level):
        build.record(patient, "vitals", {"sbp": "124"}, draft=True, by=nurse)
        target = {"visit": record_of(patient).visit, "patient": patient}[level]
        with acting(user=manager), pytest.raises(ValidationError, match="1 draft must be completed"):
            locks.lock(target=target, reason="Clean", by=manager)

    def test_a_draft_elsewhere_in_the_patient_holds_up_the_lock_of_no_form(self, patient, nurse, manager):
        build.record(patient, "vitals", {"sbp": "124"}, draft=True, by=nurse)
        with acting(user=manager, role="data_manager"):
            assert locks.lock(target=record_of(patient), reason="Clean", by=manager).level == "record"

    def test_a_form_entered_in_error_is_no_draft(self, patient, nurse, manager):
        build.struck_out(build.record(patient, "vitals", {"sbp": "124"}, draft=True, by=nurse), by=nurse)
        with acting(user=manager, role="data_manager"):
            assert locks.lock(target=patient, reason="Clean", by=manager).level == "patient"

    def test_a_lock_that_was_released_is_not_in_force_and_another_ones_never_is(
        self, patient, neighbour, manager
    ):
        with acting(user=manager, role="data_manager"):
            locks.freeze(target=patient, reason="Interim", by=manager)
        other = Patient.objects.get(pk=neighbour.pk)
        assert locks.lock_in_force(other, DataLock.Kind.FREEZE) is None
        assert locks.lock_in_force(patient, DataLock.Kind.LOCK) is None
        with acting(user=manager, role="data_manager"):
            with pytest.raises(ValidationError, match="not frozen"):
                locks.release_freeze(target=other, reason="x", by=manager)
            locks.release_freeze(target=patient, reason="Done", by=manager)

        assert locks.lock_in_force(patient, DataLock.Kind.FREEZE) is None

    def test_the_freeze_of_a_visit_is_not_that_of_its_patient_or_its_form(self, patient, manager):
        mine = record_of(patient)
        with acting(user=manager, role="data_manager"):
            made = locks.freeze(target=mine.visit, reason="Interim", by=manager)

        assert locks.lock_in_force(mine.visit, DataLock.Kind.FREEZE) == made
        assert locks.lock_in_force(mine, DataLock.Kind.FREEZE) is None
        assert locks.lock_in_force(patient, DataLock.Kind.FREEZE) is None


class TestMarks:
    def test_verifying_one_patient_verifies_no_other(self, patient, neighbour, monitor):
        assert verify(record_of(patient), monitor) == 1

        assert record_of(patient).verified_at is not None
        assert record_of(neighbour).verified_at is None
        assert source_verification.verified_items(neighbour) == {}
        assert source_verification.verified_items(patient) == {record_of(patient).pk: set(PLANNED)}

    def test_withdrawing_takes_the_marks_of_that_form_alone(self, patient, neighbour, monitor):
        verify(record_of(patient), monitor)
        verify(record_of(neighbour), monitor)
        with acting(user=monitor, role="monitor"):
            done = source_verification.withdraw(record=record_of(patient), reason="Wrong file", by=monitor)

        assert done == len(PLANNED)
        assert (record_of(patient).verified_at, source_verification.verified_items(patient)) == (None, {})
        assert record_of(neighbour).verified_at is not None
        assert Mark.objects.filter(patient=neighbour, undone_at=None).count() == len(PLANNED)

    def test_a_verification_is_no_medical_review_and_the_other_way_round(
        self, patient, neighbour, monitor, doctor
    ):
        mine = record_of(patient)
        verify(mine, monitor)
        assert medical_review.reviews(patient) == {}
        with acting(user=doctor, role="investigator"):
            medical_review.review(
                patient=patient,
                seen=[SeenVersion(mine.pk, mine.version, ("",))],
                by=doctor,
                role="investigator",
            )
            assert source_verification.verified_items(patient) == {mine.pk: set(PLANNED)}
            assert set(medical_review.reviews(patient)) == {mine.pk}
            assert medical_review.reviews(neighbour) == {}
            medical_review.withdraw(record=mine, reason="Read again", by=doctor)

        assert medical_review.reviews(patient) == {}
        assert source_verification.verified_items(patient) == {mine.pk: set(PLANNED)}
        assert record_of(patient).verified_at is not None

    def test_what_waits_for_verification_is_complete_planned_and_of_this_trial(
        self, trial, patient, neighbour, monitor, nurse
    ):
        other = build.trial(build.COVID_MSV)
        elsewhere = build.patient(trial=other, screened_on=SCREENED)
        build.consent(elsewhere)
        build.record(elsewhere, "demography", DEMOGRAPHY)
        struck = screened(trial, nurse)
        build.struck_out(record_of(struck), by=nurse)
        verify(record_of(patient), monitor)

        waiting = source_verification.waiting(trial)
        assert [(row.patient_id, row.form) for row in waiting] == [(neighbour.pk, "demography")]

    def test_a_form_verified_as_a_whole_waits_for_no_item(self, patient, monitor):
        mine = record_of(patient)
        assert verify(mine, monitor, "") == 1
        assert source_verification.to_verify(mine, {""}) == ()
        assert source_verification.to_verify(mine, {"age"}) == PLANNED[1:]
        assert source_verification.verified_items(patient) == {mine.pk: {""}}

    def test_verifying_again_counts_no_form_twice(self, patient, monitor):
        verify(record_of(patient), monitor)
        before = record_of(patient).verified_at
        with time_machine.travel(datetime(2026, 3, 30, 11, 0, tzinfo=UTC), tick=False):
            assert verify(record_of(patient), monitor) == 0
        assert record_of(patient).verified_at == before

    def test_one_unknown_item_among_known_ones_is_refused(self, patient, monitor):
        with pytest.raises(ValidationError, match="has no such item"):
            verify(record_of(patient), monitor, "age", "shoe_size")
        assert not Mark.objects.exists()

    def test_the_forms_that_wait_are_counted_by_patient(self, trial, patient, neighbour, monitor):
        verify(record_of(patient), monitor)
        waiting = source_verification.count_of(source_verification.waiting(trial))
        rows = Patient.objects.filter(trial=trial).annotate(n=waiting).order_by("pk")
        assert list(rows.values_list("pk", "n")) == [(patient.pk, 0), (neighbour.pk, 1)]


class TestSignatures:
    def sign(self, patient: Patient, by: User, seen: dict[int, int] | None = None) -> Signature:
        told = (
            {row.pk: row.version for row in Record.objects.filter(patient=patient)} if seen is None else seen
        )
        with acting(user=by, role="investigator"):
            return signatures.sign_visit(
                visit=Visit.objects.get(patient=patient, code="SCR"), seen=told, meaning="review",
                password=build.PASSWORD, by=by,
            )  # fmt: skip

    def test_a_visit_is_signed_without_the_forms_of_another_patient(self, patient, neighbour, doctor):
        self.sign(patient, doctor)

        assert signatures.unsigned(patient) == []
        assert [row.form for row in signatures.unsigned(neighbour)] == ["demography"]
        assert set(Signature.objects.values_list("patient_id", flat=True)) == {patient.pk}

    def test_the_forms_of_another_visit_are_not_signed_with_it(self, patient, nurse, doctor):
        later = Visit.objects.select_related("patient").get(patient=patient, code="SCR")
        with acting(user=nurse, role="coordinator"):
            extra = add_unscheduled(patient=later.patient, on=date(2026, 3, 12), reason="Fever", by=nurse)
        form = patient.protocol.rules.unscheduled.forms[0].form
        draft = build.record(patient, form, {}, visit=extra.key, draft=True, by=nurse)
        mine = record_of(patient)
        self.sign(patient, doctor, {mine.pk: mine.version})

        assert Signature.objects.filter(target_type="patients.record").get().target_id == mine.pk
        assert not Signature.objects.filter(target_id=draft.pk, target_type="patients.record").exists()

    def test_a_form_entered_in_error_is_neither_read_nor_signed(self, patient, nurse, doctor):
        struck = build.struck_out(
            build.record(patient, "vitals", {"sbp": "124"}, draft=True, by=nurse), by=nurse
        )
        mine = record_of(patient)
        with pytest.raises(ValidationError, match="added or struck out"):
            self.sign(patient, doctor)
        self.sign(patient, doctor, {mine.pk: mine.version})

        assert struck.pk not in {row.pk for row in signatures.in_force(patient)}
        assert Signature.objects.filter(target_type="patients.record").get().target_id == mine.pk

    def test_a_form_never_signed_has_no_changes_though_its_visit_was(self, patient, doctor):
        mine = record_of(patient)
        with acting(user=doctor, role="investigator"):
            sign(target=mine.visit, meaning="review", password=build.PASSWORD, by=doctor, zone="UTC")
        assert signatures.changes_since_signature([mine]) == {}

    def test_a_form_that_is_signed_is_not_signed_again_with_its_visit(self, patient, doctor):
        mine = record_of(patient)
        with acting(user=doctor, role="investigator"):
            signatures.sign_records(records=[mine], meaning="review", password=build.PASSWORD, by=doctor)
        self.sign(patient, doctor, {mine.pk: mine.version})
        assert Signature.objects.filter(target_type="patients.record").count() == 1
        assert Signature.objects.filter(target_type="patients.visit").count() == 1

    def test_forms_are_read_in_the_order_of_the_visits_and_logs_last(self, patient, nurse):
        with acting(user=nurse, role="coordinator"):
            extra = add_unscheduled(patient=patient, on=date(2026, 3, 12), reason="Fever", by=nurse)
        for repeat in (1, 2):
            build.record(patient, "procedure", {}, visit=None, repeat=repeat, draft=True, by=nurse)
        build.record(patient, "vitals", {"hr": "70"}, visit=extra.key, draft=True, by=nurse)
        build.record(patient, "vitals", {"hr": "71"}, draft=True, by=nurse)
        found = [
            (row.visit.key if row.visit else "", row.form, row.repeat) for row in signatures.in_force(patient)
        ]
        assert found == [
            ("SCR", "demography", 1), ("SCR", "vitals", 1), ("UNS", "vitals", 1), ("", "procedure", 1),
            ("", "procedure", 2),
        ]  # fmt: skip

    @pytest.mark.parametrize("level", ["record", "visit", "patient"])
    def test_nothing_below_a_lock_is_signed(self, patient, manager, doctor, level):
        mine = record_of(patient)
        target = {"record": mine, "visit": mine.visit, "patient": patient}[level]
        with acting(user=manager, role="data_manager"):
            locks.lock(target=target, reason="Clean", by=manager)
        with pytest.raises(ValidationError, match="is locked"), acting(user=doctor):
            signatures.sign_records(records=[mine], meaning="review", password=build.PASSWORD, by=doctor)
        if level != "record":
            with pytest.raises(ValidationError, match="is locked"):
                self.sign(patient, doctor, {mine.pk: mine.version})
        assert not Signature.objects.exists()

    def test_a_draft_or_a_form_that_changed_is_not_signed_nor_are_the_others(self, patient, nurse, doctor):
        mine = record_of(patient)
        draft = build.record(patient, "vitals", {"hr": "71"}, draft=True, by=nurse)
        stale = record_of(patient)
        stale.version += 1
        for chosen, sentence in (
            ([mine, draft], "not complete"),
            ([stale], "was changed"),
            ([], "at least one"),
        ):
            with pytest.raises(ValidationError, match=sentence), acting(user=doctor, role="investigator"):
                signatures.sign_records(records=chosen, meaning="review", password=build.PASSWORD, by=doctor)
        assert not Signature.objects.exists()
