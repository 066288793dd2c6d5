"""Persons enter, classify, amend and strike out deviations; locks, signatures and constraints hold."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction

from audit import signatures
from audit.context import acting
from audit.models import Meaning, Signature
from patients.models import Deviation, Patient
from patients.participation.deviation_log.deviation_decisions import StaleDeviation
from patients.review import locks
from protocol.values.moments import Moment
from tests.support import build
from tests.support.study.bedside import INCLUDED, NOW
from tests.support.study.deviations import added, amended, classified, struck_out
from tests.support.study.refusals import refused

pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW)]

TODAY = NOW.date()


@pytest.fixture
def patient(trial, doctor) -> Patient:
    return build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)


@pytest.fixture
def row(patient, nurse) -> Deviation:
    return added(patient, nurse)


class TestEntering:
    def test_it_is_stored_unclassified_with_its_number_and_who_recorded_it(self, row, nurse):
        row.refresh_from_db()
        assert (str(row), row.category, row.occurred_on) == ("D-1", "medication", "2026-03-11")
        assert (row.classification, row.waits, row.recorded_by, row.place) == (
            "unclassified", True, nurse, "",
        )  # fmt: skip

    def test_a_partial_day_is_stored_as_known(self, patient, nurse):
        """DAT-10."""
        assert added(patient, nurse, occurred_on=Moment(2026, 3)).occurred_on == "2026-03"

    def test_a_double_click_enters_one(self, patient, nurse):
        first, second = (added(patient, nurse, save_key="k") for _ in range(2))
        assert (first.pk, Deviation.objects.count()) == (second.pk, 1)

    @pytest.mark.parametrize(
        ("field", "changed"),
        [
            ("category", {"category": "dose"}),
            ("category", {"category": ""}),
            ("description", {"description": " \n"}),
            ("detected_on", {"detected_on": date(2026, 3, 10)}),
            ("detected_on", {"detected_on": TODAY + timedelta(days=1)}),
            ("occurred_on", {"occurred_on": Moment.from_date(TODAY + timedelta(days=1))}),
            ("occurred_on", {"occurred_on": build.moment("11-Mar-2026 10:00")}),
            ("detected_on", {"occurred_on": Moment(2026, 3), "detected_on": date(2026, 2, 28)}),
        ],
    )
    def test_impossible_facts_are_refused_at_their_field(self, patient, nurse, field, changed):
        assert list(refused(added, patient, nurse, **changed)) == [field]
        assert not Deviation.objects.exists()

    def test_the_day_of_the_noticing_may_be_today_and_that_of_the_event(self, patient, nurse):
        row = added(patient, nurse, occurred_on=Moment.from_date(TODAY), detected_on=TODAY)
        assert row.occurred_on == TODAY.isoformat()


class TestClassifying:
    @pytest.mark.parametrize("classification", ["minor", "major", "reportable"])
    def test_a_person_classifies_and_it_waits_no_more(self, row, doctor, classification):
        found = classified(row, doctor, classification, action_taken="Taught again")
        assert (found.classification, found.classified_by, found.classified_at) == (
            classification,
            doctor,
            NOW,
        )
        assert (found.action_taken, found.waits) == ("Taught again", False)

    @pytest.mark.parametrize("classification", ["unclassified", "", "grave"])
    def test_another_class_is_refused(self, row, doctor, classification):
        assert list(refused(classified, row, doctor, classification)) == ["classification"]

    @pytest.mark.parametrize(
        ("classification", "on"),
        [("major", date(2026, 3, 12)), ("reportable", date(2026, 3, 11)), ("reportable", TODAY + timedelta(days=1))],
    )  # fmt: skip
    def test_a_report_needs_a_reportable_deviation_and_a_possible_day(self, row, doctor, classification, on):
        assert list(refused(classified, row, doctor, classification, reported_on=on)) == ["reported_on"]

    @pytest.mark.parametrize("on", [date(2026, 3, 12), TODAY])
    def test_a_reportable_one_is_reported_from_the_day_it_was_noticed(self, row, doctor, on):
        assert classified(row, doctor, "reportable", reported_on=on).reported_on == on

    def test_a_decision_changes_with_a_reason_only(self, row, doctor):
        """AUD-04."""
        row = classified(row, doctor)
        assert list(refused(classified, row, doctor, "major")) == ["reason"]
        row = classified(row, doctor, "major", reason="The sponsor's list says so")
        assert row.history.order_by("-history_id")[0].history_change_reason == "The sponsor's list says so"

    def test_the_day_of_the_report_is_added_without_one_and_keeps_who_classified(self, row, doctor, trial):
        row = classified(row, doctor, "reportable")
        row = classified(row, build.user("investigator", trial=trial), "reportable", reported_on=TODAY)
        assert (row.reported_on, row.classified_by) == (TODAY, doctor)


class TestAmending:
    def test_a_change_needs_a_reason_and_keeps_the_class(self, row, nurse, doctor):
        row = classified(row, doctor)
        assert list(refused(amended, row, nurse, reason=" ", description="Given twice")) == ["reason"]
        row = amended(row, nurse, description="Given twice")
        assert (row.description, row.classification) == ("Given twice", "minor")

    def test_nothing_changed_is_told(self, row, nurse):
        assert "Nothing was changed" in refused(amended, row, nurse)[""][0]

    def test_the_noticing_does_not_move_behind_the_report(self, row, nurse, doctor):
        row = classified(row, doctor, "reportable", reported_on=date(2026, 3, 12))
        moved = {"detected_on": date(2026, 3, 13)}
        assert list(refused(amended, row, nurse, **moved)) == ["reported_on"]

    def test_an_outdated_page_overwrites_nothing(self, row, nurse, doctor):
        """DAT-11."""
        classified(row, doctor)
        with pytest.raises(StaleDeviation) as stale:
            amended(row, nurse, version=1, description="Other")
        assert stale.value.deviation.classification == "minor"


class TestStrikingOut:
    def test_it_stays_with_number_and_reason(self, row, patient, nurse):
        assert struck_out(row, nurse, " Another patient ").struck_out_reason == "Another patient"
        assert added(patient, nurse).number == 2
        assert [each.struck_out for each in Deviation.objects.order_by("number")] == [True, False]

    def test_it_needs_a_reason(self, row, nurse):
        assert list(refused(struck_out, row, nurse, " ")) == ["reason"]

    def test_nothing_follows_it(self, row, nurse, doctor):
        row = struck_out(row, nurse)
        for step in (lambda: classified(row, doctor), lambda: struck_out(row, nurse)):
            assert "stays as it is" in refused(step)[""][0]


class TestLocks:
    def locked(self, patient: Patient, by, verb) -> None:
        with acting(user=by, role="data_manager"):
            verb(target=Patient.objects.get(pk=patient.pk), reason="All is clean", by=by)

    def test_a_deviation_is_entered_and_classified_under_a_freeze(self, patient, nurse, doctor, manager):
        self.locked(patient, manager, locks.freeze)
        assert classified(added(patient, nurse), doctor).classified

    def test_nothing_is_entered_or_changed_under_a_lock(self, patient, row, nurse, doctor, manager):
        self.locked(patient, manager, locks.lock)
        for step in (lambda: added(patient, nurse), lambda: classified(row, doctor)):
            assert "is locked" in refused(step)[""][0]

    def test_the_database_refuses_it_too(self, patient, row, manager):
        self.locked(patient, manager, locks.lock)
        with acting(system="test"), pytest.raises(IntegrityError, match="locked"), transaction.atomic():
            Deviation.objects.filter(pk=row.pk).update(description="Other")


def test_a_deviation_is_part_of_what_a_signed_casebook_covers(patient, nurse, doctor):
    """SIG-01: a new one, and the class of one, invalidate the signature."""

    def sign() -> int:
        with acting(user=doctor, role="investigator"):
            signed = signatures.sign(
                target=Patient.objects.get(pk=patient.pk), meaning=Meaning.APPROVAL, password=build.PASSWORD,
                by=doctor, zone="Europe/Brussels",
            )  # fmt: skip
        return signed.pk

    def invalid(key: int) -> bool:
        return Signature.objects.get(pk=key).invalidated_at is not None

    first = sign()
    row = added(patient, nurse)
    assert invalid(first)
    second = sign()
    assert not invalid(second)
    classified(row, doctor)
    assert invalid(second)


@pytest.mark.parametrize(
    "wrong",
    [
        {"classification": "minor"},
        {"classified_at": NOW},
        {"reported_on": TODAY},
        {"place": "visit"},
        {"place_key": "D28"},
        {"description": ""},
        {"number": 1},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_the_database_refuses_what_no_verb_stores(row, patient, nurse, wrong):
    columns = {
        "number": 2,
        "occurred_on": "2026",
        "detected_on": TODAY,
        "description": "x",
        "category": "other",
    }
    with acting(system="test"), pytest.raises(IntegrityError), transaction.atomic():
        Deviation.objects.create(patient=patient, **{**columns, **wrong})
    assert Deviation.objects.count() == 1


def test_the_database_keeps_one_in_force_per_place_and_category(patient):
    def store(number: int, **more) -> None:
        columns = {"place": "visit", "place_key": "D28", "category": "visit_window", **more}
        Deviation.objects.create(
            patient=patient, number=number, occurred_on="2026", detected_on=TODAY, description="x", **columns
        )

    with acting(system="test"):
        store(1, struck_out_reason="None")
        store(2)
        store(3, category="assessment")
        store(4, place_key="D60")
        with pytest.raises(IntegrityError), transaction.atomic():
            store(5)
