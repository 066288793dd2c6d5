"""Which forms the casebook reads: not those entered in error, not later ones, not those of another patient."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from accounts.models import User
from audit.context import acting
from patients.casebook.casebook import Casebook
from patients.casebook.edit_checks import checked
from patients.casebook.known_values import known_values
from patients.casebook.outdated_scores import outdated, outdated_by_patient, outdated_of
from patients.casebook.range_flags import subject_in, subjects_of
from patients.models import Patient, Record, Visit
from patients.participation.visits import add_unscheduled, hold_visit
from protocol.values.reference_ranges import RangeSubject
from tests.support import build
from trials.models import Trial

pytestmark = [pytest.mark.django_db, pytest.mark.at(datetime(2026, 3, 30, 10, 0, tzinfo=UTC))]

SCREENED = date(2026, 3, 10)
MAN = {"age": "54", "sex": "M", "height": "178", "weight": "82.4"}
SIGNS = {
    "measured_at": "2026-03-10", "rr": "26", "spo2": "92", "sbp": "105", "dbp": "60", "hr": "115", "temp": "38.5",
    "acvpu": "A",
}  # fmt: skip
SUPPORT = {"assessed_at": "2026-03-10", "support": "LOW_FLOW", "o2_flow": "4", "fio2": "30", "ecmo": "N"}


@pytest.fixture
def patient(trial: Trial) -> Patient:
    """A patient in screening with consent, without forms."""
    return consented(trial)


@pytest.fixture
def neighbour(patient: Patient) -> Patient:
    """Another patient of the trial."""
    return consented(patient.trial)


def consented(trial: Trial) -> Patient:
    found = build.patient(trial=trial, screened_on=SCREENED)
    build.consent(found)
    return found


def draft(
    patient: Patient, form: str, values: dict[str, Any], visit: str | None = "SCR", repeat: int = 1
) -> Record:
    return build.record(patient, form, values, visit=visit, repeat=repeat, draft=True)


def extra(patient: Patient, day: int, by: User) -> str:
    """Add an unscheduled visit in March; return its key."""
    with acting(user=by, role="coordinator"):
        return add_unscheduled(patient=patient, on=date(2026, 3, day), reason=f"Day {day}", by=by).key


def opened(patient: Patient) -> Casebook:
    person = build.user("coordinator", trial=patient.trial)
    return Casebook.open(user=person, trial=patient.trial, code=patient.code)


class TestOffered:
    """DAT-01: a value that another form holds is offered beside the empty field, never filled in."""

    def offered(self, patient: Patient, visit: str, form: str = "vitals") -> dict[str, tuple[str, str]]:
        book = opened(patient)
        found = known_values(book, book.place(form, visit))
        return {name: (each.text, each.source) for name, each in found.items()}

    def test_the_weight_of_screening_is_offered_at_a_later_visit(self, patient, nurse):
        draft(patient, "demography", MAN)
        later = extra(patient, 12, nurse)
        assert self.offered(patient, later) == {"weight": ("82.4", "Demography, 10-Mar-2026")}

    def test_at_the_same_visit_too(self, patient):
        draft(patient, "demography", MAN)
        assert self.offered(patient, "SCR") == {"weight": ("82.4", "Demography, 10-Mar-2026")}

    def test_a_form_entered_in_error_offers_nothing(self, patient):
        build.struck_out(draft(patient, "demography", MAN))
        assert self.offered(patient, "SCR") == {}

    def test_a_later_visit_offers_nothing_to_an_earlier_one(self, patient, nurse):
        first, second = extra(patient, 12, nurse), extra(patient, 14, nurse)
        draft(patient, "vitals", {"weight": "90"}, second)
        draft(patient, "vitals", {"weight": "85"}, first)
        assert self.offered(patient, "SCR", "demography") == {}

    def test_the_latest_of_the_earlier_visits_is_offered(self, patient, nurse):
        keys = [extra(patient, day, nurse) for day in (14, 12, 16)]
        for key, weight in zip(keys, ("90", "85", "95"), strict=True):
            draft(patient, "vitals", {"weight": weight}, key)
        with acting(user=nurse, role="coordinator"):
            hold_visit(visit=Visit.objects.select_related("patient").get(patient=patient, code="SCR"),
                       on=date(2026, 3, 15), by=nurse)  # fmt: skip
        assert self.offered(patient, "SCR", "demography") == {"weight": ("90", "Vital signs, 14-Mar-2026")}

    def test_a_missing_value_is_not_offered(self, patient):
        draft(patient, "vitals", {"weight": {"missing": "ND"}, "hr": "70"})
        assert self.offered(patient, "SCR", "demography") == {}

    def test_a_form_offers_nothing_to_itself(self, patient, nurse):
        draft(patient, "vitals", {"weight": "90"})
        assert self.offered(patient, extra(patient, 12, nurse), "vitals") == {}


class TestExpressions:
    def fired(self, patient: Patient, form: str, values: dict[str, Any], visit: str = "SCR") -> set[str]:
        book = opened(patient)
        return {found.check for found in checked(book, book.place(form, visit), values).findings}

    def test_a_weight_is_compared_with_that_of_screening(self, patient):
        draft(patient, "demography", MAN)
        assert "check:VS03" in self.fired(patient, "vitals", {"weight": "95"})
        assert "check:VS03" not in self.fired(patient, "vitals", {"weight": "90"})

    def test_a_form_entered_in_error_is_compared_with_nothing(self, patient):
        build.struck_out(draft(patient, "demography", MAN))
        assert "check:VS03" not in self.fired(patient, "vitals", {"weight": "95"})

    def test_the_form_of_another_patient_is_compared_with_nothing(self, patient, neighbour):
        draft(neighbour, "demography", MAN)
        assert "check:VS03" not in self.fired(patient, "vitals", {"weight": "95"})

    def test_the_form_in_force_is_read_and_not_the_one_it_replaced(self, patient):
        build.struck_out(draft(patient, "demography", MAN))
        draft(patient, "demography", {**MAN, "weight": "95"})
        assert "check:VS03" not in self.fired(patient, "vitals", {"weight": "95"})
        assert "check:VS03" in self.fired(patient, "vitals", {"weight": "82.4"})

    def test_a_row_of_a_log_entered_in_error_is_no_other_row(self, patient, nurse):
        """SE04: a second open episode of the same support is asked about."""
        first = draft(patient, "support_episode", {"kind": "IMV", "ongoing": "Y"}, None)
        book = opened(patient)
        values = {"kind": "IMV", "ongoing": "Y"}
        found = checked(book, book.place("support_episode", None, 2), values)
        assert "check:SE04" in {each.check for each in found.findings}
        build.struck_out(first)
        book = opened(patient)
        found = checked(book, book.place("support_episode", None, 2), values)
        assert "check:SE04" not in {each.check for each in found.findings}


class TestOutdated:
    """A score is outdated when a form it was calculated from changed since."""

    def scored(self, patient: Patient) -> Record:
        draft(patient, "vitals", SIGNS)
        draft(patient, "respiratory_support", SUPPORT)
        score = draft(patient, "news2", {"spo2_scale": "1"})
        assert list(outdated(opened(patient))) == []
        return score

    def worse(self, patient: Patient) -> None:
        """Change the respiratory rate, which the score counts."""
        with acting(system="test", reason="Misread"):
            record = Record.objects.get(patient=patient, form="vitals")
            record.values = {**record.values, "rr": "18"}
            record.save()

    def test_each_patient_has_the_own_outdated_scores(self, trial, patient, neighbour):
        mine, other = self.scored(patient), self.scored(neighbour)
        self.worse(patient)
        rows = list(Record.objects.filter(patient__trial=trial).select_related("protocol"))
        found = outdated_of(trial, rows)

        assert set(found) == {mine.pk}
        assert outdated_by_patient(trial) == {patient.pk: len(found[mine.pk]), neighbour.pk: 0}
        assert other.pk not in found

    def test_a_score_entered_in_error_is_not_outdated(self, trial, patient):
        score = self.scored(patient)
        self.worse(patient)
        assert {each.record.pk for each in outdated(opened(patient))} == {score.pk}
        build.struck_out(score)
        assert list(outdated(opened(patient))) == []
        assert outdated_by_patient(trial) == {patient.pk: 0}

    def test_another_trial_is_not_counted(self, trial, patient):
        consented(build.trial(build.COVID_MSV))
        assert outdated_by_patient(trial) == {}


class TestSexAndAge:
    """LAB-03: reference ranges depend on the patient's own sex and age."""

    def test_each_patient_has_the_own(self, trial, patient, neighbour):
        draft(patient, "demography", MAN)
        draft(neighbour, "demography", {"age": "31", "sex": "F"})
        elsewhere = consented(build.trial(build.COVID_MSV))
        draft(elsewhere, "demography", MAN)

        both = subjects_of(trial)
        assert both == {
            patient.pk: RangeSubject("M", 54, SCREENED),
            neighbour.pk: RangeSubject("F", 31, SCREENED),
        }
        assert subjects_of(trial, [neighbour.pk]) == {neighbour.pk: both[neighbour.pk]}
        assert subjects_of(trial, []) == {}

    def test_the_form_captured_last_counts_and_none_that_was_entered_in_error(self, trial, patient):
        build.struck_out(draft(patient, "demography", MAN))
        assert subjects_of(trial) == {}
        assert subject_in(patient, trial.rules, opened(patient).records) == RangeSubject("", None, SCREENED)
        draft(patient, "demography", {"age": "55", "sex": "F"})
        assert subjects_of(trial)[patient.pk] == RangeSubject("F", 55, SCREENED)
        assert subject_in(patient, trial.rules, opened(patient).records) == RangeSubject("F", 55, SCREENED)


def test_the_rows_of_a_log_are_numbered_on_for_each_patient(patient, neighbour):
    """A number that was struck out is not used again."""
    row = {"kind": "IMV", "ongoing": "Y"}
    for repeat in (1, 2):
        last = draft(patient, "support_episode", row, None, repeat)
    build.struck_out(last)
    draft(patient, "stay", {}, None)

    assert opened(patient).following_row("support_episode") == 3
    assert opened(patient).following_row("stay") == 2
    assert opened(neighbour).following_row("support_episode") == 1


def test_the_visits_are_in_the_order_of_their_days(patient, nurse):
    """An unscheduled visit stands where it took place; one without a day follows its predecessor."""
    late, early = (extra(patient, day, nurse) for day in (20, 12))
    order = [visit.key for visit in opened(patient).ordered_visits()]
    assert order[:2] == ["SCR", "INF1"]
    assert order[-2:] == [early, late]
