"""Which laboratory results are candidates for an adverse event: limits, baseline, corrections (LAB-01 to LAB-06)."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from audit.context import acting
from protocol.checking.loading import load
from safety.laboratory.candidates import CandidateStatus
from tests.support import build
from tests.support.study import graded_results as results
from tests.support.study import reference_ranges
from tests.support.study.deciding_results import decided as decided_on
from tests.support.study.reference_ranges import facts
from trials.laboratories.ranges import correct_range

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]
ALT = "Alanine aminotransferase increased"


@pytest.fixture
def ranges(trial):
    return results.limits(trial)


@pytest.fixture
def infused(trial):
    return results.infused(trial)


def graded(patient) -> list[tuple[str, int]]:
    return [(each.term, int(each.grade)) for each in results.found(patient).candidates if each.grade]


class TestGrades:
    def test_a_result_with_a_grade_is_a_candidate(self, ranges, infused):
        """LAB-06: nothing becomes an adverse event by itself."""
        results.result(infused, "12 08:00", alt="130.0", potassium="4.1")
        assert graded(infused) == [(ALT, 2)]
        assert not infused.adverse_events.exists()

    def test_one_item_is_graded_by_both_of_its_terms(self, ranges, infused):
        results.result(infused, "12 08:00", potassium="3.2")
        results.result(infused, "13 08:00", potassium="6.4")
        assert graded(infused) == [("Hyperkalemia", 3), ("Hypokalemia", 1)]

    def test_a_draft_counts_and_a_form_struck_out_does_not(self, ranges, infused):
        record = results.result(infused, "12 08:00", alt="130.0")
        with acting(system="test", reason="another state"):
            record.state = "draft"
            record.save(update_fields=["state"])
            assert graded(infused) == [(ALT, 2)]
            record.state, record.struck_out_reason = "struck_out", "Another person's form"
            record.save(update_fields=["state", "struck_out_reason"])
        assert graded(infused) == []

    def test_a_missing_or_blank_value_is_no_result(self, ranges, infused):
        results.result(infused, "12 08:00", alt={"missing": "ND"}, potassium="")
        assert results.found(infused).results == 0

    def test_a_result_beyond_a_limit_is_graded_as_an_interval(self, ranges, infused):
        results.result(infused, "12 08:00", alt={"comparator": ">", "limit": "900"})
        results.result(infused, "13 08:00", alt={"comparator": ">", "limit": "300"})
        assert graded(infused) == [(ALT, 4)]
        (refused,) = [each for each in results.found(infused).ungraded if each.term == ALT]
        assert str(refused.reason) == "Cannot grade: >300 ≤30000 may be grade 3 to 4."

    def test_a_value_in_another_unit_is_graded_in_that_of_the_item(self, ranges, infused):
        entered = {"value": "70.0", "entered": "7.0", "unit": "g/dL"}
        results.result(infused, "12 08:00", form="haematology", haemoglobin=entered)
        assert graded(infused) == [("Anemia", 3)]


class TestLimits:
    def test_without_limits_the_result_is_listed_with_the_reason(self, infused):
        """LAB-03: “cannot grade”, never 0; a number that decides alone has its grade."""
        results.result(infused, "12 08:00", alt="500.0")
        results.result(infused, "13 08:00", alt="20.0")
        results.result(infused, "13 09:00", form="haematology", haemoglobin="70.0")
        assert graded(infused) == [("Anemia", 3)]
        told = [(each.term, str(each.reason), each.number) for each in results.found(infused).ungraded]
        assert told == [(ALT, "Cannot grade: no upper limit of the laboratory.", 2)]

    def test_the_limits_of_the_day_of_the_sample_count(self, ranges, infused):
        alt = ranges["biochemistry.alt"]
        reference_ranges.given(
            alt.laboratory,
            "biochemistry.alt",
            unit="U/L",
            upper=Decimal(140),
            effective_from=date(2026, 3, 13),
        )
        results.result(infused, "12 08:00", alt="130.0")
        results.result(infused, "13 08:00", alt="130.0")
        assert [each.result.high for each in results.found(infused).candidates] == [Decimal(40)]


class TestBaseline:
    def test_the_last_value_before_the_first_infusion_is_the_baseline(self, ranges, infused):
        """A baseline of 60 is abnormal: 1.5 times it is grade 1 (v5.0)."""
        results.result(infused, "09 08:00", alt="30.0")
        results.result(infused, "10 09:59", alt="60.0")
        results.result(infused, "12 08:00", alt="89.0")
        results.result(infused, "13 08:00", alt="90.0")
        results.result(infused, "14 08:00", alt="181.0")
        assert graded(infused) == [(ALT, 2), (ALT, 1), (ALT, 1)]
        last, same, baseline = results.found(infused).candidates
        assert (last.worsened, same.worsened, baseline.worsened) == (True, False, False)
        assert (baseline.result.is_baseline, str(last.result.baseline)) == (True, "60.0")

    def test_a_value_at_the_start_of_the_infusion_is_no_baseline(self, ranges, infused):
        results.result(infused, "10 10:00", alt="60.0")
        results.result(infused, "12 08:00", alt="89.0")
        assert graded(infused) == [(ALT, 1), (ALT, 1)]

    def test_before_any_infusion_the_limits_decide(self, trial, ranges):
        patient = build.enrolled(trial=trial, on=results.INCLUDED)
        results.result(patient, "10 08:00", alt="60.0")
        results.result(patient, "12 08:00", alt="89.0")
        assert graded(patient) == [(ALT, 1), (ALT, 1)]

    def test_the_file_may_take_the_day_of_inclusion(self):
        text = build.protocol_text(build.LIEGE)
        assert (
            load(text.replace("[safety]", '[safety]\nbaseline = "inclusion"')).safety.baseline == "inclusion"
        )

    def test_the_day_of_inclusion_belongs_to_the_baseline(self, ranges, infused, monkeypatch):
        safety = infused.trial.rules.safety.model_copy(update={"baseline": "inclusion"})
        monkeypatch.setitem(infused.trial.rules.__dict__, "safety", safety)
        results.result(infused, "10 23:00", alt="60.0")
        results.result(infused, "12 08:00", alt="89.0")
        assert graded(infused) == [(ALT, 1)]


class TestCorrections:
    @pytest.fixture
    def decided(self, ranges, infused, doctor):
        record = results.result(infused, "12 08:00", alt="130.0")
        decided_on(infused, [results.one(infused, record, ALT)], by=doctor)
        return record

    def test_a_corrected_result_opens_its_decision_again(self, decided, infused):
        assert results.one(infused, decided, ALT).status == CandidateStatus.DECIDED
        results.corrected(decided, alt="250.0")
        assert results.one(infused, decided, ALT).status == CandidateStatus.REOPENED

    def test_a_result_corrected_to_a_normal_value_is_looked_at_again(self, decided, infused):
        results.corrected(decided, alt="30.0")
        found = results.one(infused, decided, ALT)
        assert (found.grade, found.status) == (0, CandidateStatus.REOPENED)

    def test_a_corrected_limit_opens_the_decision_again(self, decided, infused, ranges, manager):
        row = ranges["biochemistry.alt"]
        with acting(user=manager, role="data_manager"):
            new = replace(facts("biochemistry.alt", unit="U/L"), upper=Decimal(50))
            correct_range(row=row, facts=new, reason="A slip", by=manager)
        found = results.one(infused, decided, ALT)
        assert (int(found.grade), found.status) == (1, CandidateStatus.REOPENED)

    def test_a_change_of_another_item_changes_nothing(self, decided, infused):
        results.corrected(decided, potassium="4.2")
        assert results.one(infused, decided, ALT).status == CandidateStatus.DECIDED


def test_reading_costs_the_same_number_of_queries_for_any_number_of_results(
    ranges, infused, django_assert_num_queries
):
    for number in (12, 13, 14):
        results.result(infused, f"{number} 08:00", alt="130.0", potassium="6.4")
    with django_assert_num_queries(8):
        assert len(results.found(infused).candidates) == 6
