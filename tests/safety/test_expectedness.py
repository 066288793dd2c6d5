"""A reaction is expected by the reference safety information in force at its onset, up to the grade listed there."""

from datetime import date
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from protocol.document.design import Safety
from protocol.document.reference_safety import ExpectedReaction, ReferenceSafety
from protocol.values.moments import Moment
from safety.sponsor.expectedness import Expectation, Ground, expectation, in_force, severity

MADRID = "Europe/Madrid"


def reaction(term: str, highest: int, *also: str) -> ExpectedReaction:
    return ExpectedReaction(term=term, highest_grade=highest, also=also)


FIRST = ReferenceSafety(
    version="1", effective=date(2026, 1, 10), terms=(reaction("Pyrexia", 2, "Fever"), reaction("Death", 5))
)
SECOND = ReferenceSafety(
    version="2",
    effective=date(2026, 3, 29),
    terms=(reaction("Pyrexia", 3), reaction("Multi-organ failure", 4)),
)
BOTH = (FIRST, SECOND)


def judged(term: str, grade: int | None, onset: str, references=BOTH, **also) -> Expectation:
    names = (term, *also.get("names", ()))
    return expectation(references, terms=names, severity=grade, onset=Moment.from_iso(onset), zone=MADRID)


@pytest.mark.parametrize(
    ("onset", "versions"),
    [
        ("2026-01-09", [None]),
        ("2026-01-09T23:59+01:00[Europe/Madrid]", [None]),
        ("2026-01-10T00:00+01:00[Europe/Madrid]", ["1"]),
        ("2026-01-10", ["1"]),
        ("2026-03-28", ["1"]),
        ("2026-03-28T23:59+01:00[Europe/Madrid]", ["1"]),
        ("2026-03-29T00:00+01:00[Europe/Madrid]", ["2"]),
        ("2026-03-29", ["2"]),
        ("2031-01-01", ["2"]),
        ("2026-03", ["1", "2"]),
        ("2026-02", ["1"]),
        ("2026-01", [None, "1"]),
        ("2026", [None, "1", "2"]),
        ("2025", [None]),
    ],
)
def test_the_version_in_force_is_the_one_of_the_onset_at_the_site(onset, versions):
    """SAF-05: to the minute on the boundary, in the night the clocks change; a partial onset may lie in several."""
    found = in_force(BOTH, Moment.from_iso(onset), MADRID)

    assert [each and each.version for each in found] == versions


def test_without_reference_safety_information_nothing_is_in_force():
    """SAF-05."""
    assert in_force((), Moment.from_iso("2026-03"), MADRID) == [None]
    assert judged("Pyrexia", 1, "2026-03", ()) == Expectation(None, Ground.NO_REFERENCE, ())


def test_a_version_begins_at_the_midnight_of_the_site():
    """SAF-05: 23:30 UTC on the day before is the new day in Madrid."""
    onset = Moment.from_iso("2026-01-09T23:30+00:00[UTC]")
    assert [each and each.version for each in in_force(BOTH, onset, MADRID)] == ["1"]
    assert [each and each.version for each in in_force(BOTH, onset, "UTC")] == [None]


@pytest.mark.parametrize(
    ("term", "grade", "onset", "expected", "ground"),
    [
        ("Pyrexia", 1, "2026-02-01", True, Ground.WITHIN_GRADE),
        ("Pyrexia", 2, "2026-02-01", True, Ground.WITHIN_GRADE),
        ("Pyrexia", 3, "2026-02-01", False, Ground.ABOVE_GRADE),
        ("Pyrexia", 3, "2026-04-01", True, Ground.WITHIN_GRADE),
        ("Pyrexia", 4, "2026-04-01", False, Ground.ABOVE_GRADE),
        ("  fever ", 2, "2026-02-01", True, Ground.WITHIN_GRADE),
        ("fever", 2, "2026-04-01", False, Ground.NOT_LISTED),
        ("MULTIORGAN Failure", 4, "2026-04-01", True, Ground.WITHIN_GRADE),
        ("Multi-organ failure", 5, "2026-04-01", False, Ground.ABOVE_GRADE),
        ("Rash", 1, "2026-02-01", False, Ground.NOT_LISTED),
        ("Rash", None, "2026-02-01", False, Ground.NOT_LISTED),
        ("Pyrexia", None, "2026-02-01", None, Ground.GRADE_MISSING),
        ("Death", None, "2026-02-01", True, Ground.WITHIN_GRADE),
        ("Death", 5, "2026-02-01", True, Ground.WITHIN_GRADE),
        ("Pyrexia", 1, "2026-01-01", None, Ground.NO_REFERENCE),
        ("Pyrexia", 2, "2026-03", True, Ground.WITHIN_GRADE),
        ("Pyrexia", 3, "2026-03", None, Ground.VERSIONS_DIFFER),
        ("Pyrexia", 4, "2026-03", False, Ground.ABOVE_GRADE),
        ("Rash", 4, "2026-03", False, Ground.NOT_LISTED),
        ("Pyrexia", 1, "2026-01", None, Ground.VERSIONS_DIFFER),
    ],
)
def test_expectedness_follows_from_term_grade_and_version(term, grade, onset, expected, ground):
    """SAF-05: more specific or more severe than listed is unexpected; what is missing decides nothing."""
    found = judged(term, grade, onset)

    assert (found.expected, found.ground) == (expected, ground)


def test_any_name_of_the_event_may_be_the_listed_one():
    """SAF-05: verbatim term and coded term; the highest grade of those listed counts."""
    assert judged("Hot", 3, "2026-04-01", names=["Pyrexia"]).expected is True
    assert judged("Pyrexia", 4, "2026-04-01", names=["Multi-organ failure"]).expected is True


def test_the_versions_that_may_have_been_in_force_are_named():
    """SAF-05."""
    assert judged("Pyrexia", 3, "2026-03").versions == ("1", "2")
    assert judged("Pyrexia", 1, "2026-01").versions == ("1",)
    assert judged("Pyrexia", 1, "2026-02").versions == ("1",)


SEVERITIES = [
    (grade, fatal, threatening, 5 if fatal else (max(grade or 0, 4) if threatening else grade))
    for grade, fatal, threatening in product((None, 1, 3, 4, 5), (True, False), (True, False))
]


@pytest.mark.parametrize(("grade", "fatal", "threatening", "counts_as"), SEVERITIES)
def test_a_fatal_event_counts_as_grade_5_and_a_life_threatening_one_as_4(
    grade, fatal, threatening, counts_as
):
    """SAF-05: fatal and life-threatening reactions are unexpected unless the reference says otherwise."""
    assert severity(grade, fatal=fatal, life_threatening=threatening) == counts_as


@given(
    grade=st.integers(1, 5),
    month=st.sampled_from(["2026-02", "2026-03", "2026-04"]),
    term=st.sampled_from(["Pyrexia", "Fever", "Death", "Multi-organ failure", "Rash"]),
)
def test_a_worse_event_is_never_more_expected(grade, month, term):
    """SAF-05: what is unexpected stays unexpected at a higher grade."""
    if judged(term, grade, month).expected is False:
        assert all(judged(term, worse, month).expected is False for worse in range(grade, 6))


@given(
    day=st.dates(date(2025, 1, 1), date(2027, 12, 31)),
    grade=st.integers(1, 5),
    term=st.sampled_from(["Pyrexia", "Death", "Rash"]),
)
def test_a_month_decides_only_what_all_of_its_days_decide(day, grade, term):
    """SAF-15: a partial onset is an interval, never the first of the month."""
    by_month = judged(term, grade, f"{day:%Y-%m}").expected

    if by_month is not None:
        assert judged(term, grade, day.isoformat()).expected is by_month


class TestProtocolFile:
    """`[[safety.reference]]` of a protocol file."""

    def safety(self, *versions: dict) -> Safety:
        return Safety.model_validate({"ctcae": "5.0", "follow_up_days": 90, "reference": versions})

    def test_the_versions_are_listed_by_their_day(self):
        """SAF-05."""
        found = self.safety(
            {
                "version": "1",
                "effective": date(2026, 1, 1),
                "terms": [{"term": "Pyrexia", "highest_grade": 3}],
            },
            {"version": "2", "effective": date(2026, 1, 2)},
        )
        assert [each.version for each in found.reference] == ["1", "2"]
        assert found.reference[0].terms[0].names == ("Pyrexia",)

    @pytest.mark.parametrize(
        ("versions", "sentence"),
        [
            ([("1", 2), ("2", 1)], "oldest first"),
            ([("1", 1), ("2", 1)], "oldest first"),
            ([("1", 1), ("1", 2)], "name of its own"),
        ],
    )
    def test_versions_that_do_not_follow_each_other_are_refused(self, versions, sentence):
        """SAF-05: one version is in force at a time."""
        with pytest.raises(ValidationError, match=sentence):
            self.safety(*({"version": name, "effective": date(2026, 1, day)} for name, day in versions))

    @pytest.mark.parametrize("grade", [0, 6])
    def test_a_grade_is_1_to_5(self, grade):
        with pytest.raises(ValidationError):
            reaction("Pyrexia", grade)

    def test_a_name_appears_once_in_a_version(self):
        """SAF-05: two limits for one term would contradict each other."""
        with pytest.raises(ValidationError, match="appears once"):
            ReferenceSafety(
                version="1",
                effective=date(2026, 1, 1),
                terms=(reaction("Pyrexia", 2), reaction("Fever", 3, "PYREXIA")),
            )
