"""Study days, elements and epochs of one subject (SDTM IG 3.4 §4.4.4, §5.3)."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports.sdtm.numbering import numbered
from exports.sdtm.observations import TEXT_LIMIT, Observation, pieces
from exports.sdtm.timeline import FOLLOW_UP, SCREENING, TREATMENT, Timeline, at_or_before, study_day

DAYS = st.dates(date(1990, 1, 1), date(2090, 1, 1))
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1))  # noqa: DTZ001  local times without a zone


def minute(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes")


@given(DAYS, DAYS)
def test_there_is_no_day_zero_and_days_keep_their_distance(day, reference):
    """P11-02: one is added from the day of the first infusion on."""
    number = study_day(day.isoformat(), reference.isoformat())
    assert number != 0
    assert number == (day - reference).days + (1 if day >= reference else 0)


@given(MOMENTS, MOMENTS)
def test_a_study_day_counts_calendar_days_whatever_the_time(moment, reference):
    """P11-02: 23:59 and 00:01 of the next day are one day apart."""
    whole = study_day(minute(moment)[:10], minute(reference)[:10])
    assert study_day(minute(moment), minute(reference)) == whole
    following = study_day(minute(moment + timedelta(days=1)), minute(reference))
    assert following == (1 if whole == -1 else whole + 1)


@pytest.mark.parametrize("moment", ["2026", "2026-03", "", None])
def test_a_partial_date_has_no_study_day(moment):
    """DAT-05: what is not known is not counted."""
    assert study_day(moment, "2026-03-10T10:00") is None
    assert study_day("2026-03-10", moment) is None


TREATED = Timeline(
    consented="2026-03-09T09:00",
    first_dose="2026-03-10T10:00",
    last_dose_end="2026-03-17T11:00",
    treated=True,
    ended="2026-06-08",
)


@pytest.mark.parametrize(
    ("moment", "epoch"),
    [
        ("2026-03-09T08:59", None),
        ("2026-03-09", SCREENING),
        ("2026-03-10T09:59", SCREENING),
        ("2026-03-10T10:00", TREATMENT),
        ("2026-03-10", TREATMENT),
        ("2026-03-17T11:00", FOLLOW_UP),
        ("2026-03-17T10:59", TREATMENT),
        ("2026-06-30", FOLLOW_UP),
        ("2026-03", None),
        ("", None),
    ],
)
def test_an_observation_belongs_to_the_last_element_that_had_begun(moment, epoch):
    """P11-02: a day without a time on which two elements meet belongs to the later one."""
    assert TREATED.epoch(moment) == epoch


def test_elements_follow_each_other_without_a_gap():
    """P11-02: each element begins when the one before it ends."""
    ends = [element.ends for element in TREATED.elements]
    assert [element.starts for element in TREATED.elements][1:] == ends[:-1]
    assert ends[-1] == "2026-06-08"
    failed = Timeline(consented="2026-03-09T09:00", ended="2026-03-10")
    assert [(each.epoch, each.ends) for each in failed.elements] == [(SCREENING, "2026-03-10")]
    going_on = Timeline(
        consented="2026-03-09", first_dose="2026-03-10T10:00", last_dose_end="2026-03-10T11:00"
    )
    assert [(each.epoch, each.ends) for each in going_on.elements][-1] == (TREATMENT, "")


@pytest.mark.parametrize(
    ("moment", "before"),
    [
        ("2026-03-10T10:00", True),
        ("2026-03-10T10:01", False),
        ("2026-03-10", False),
        ("2026-03-09", True),
        ("2026-02", True),
        ("2026-03", False),
    ],
)
def test_a_result_counts_as_baseline_only_if_it_surely_came_first(moment, before):
    """P11-02: a result of the day of the infusion without a time does not count."""
    assert at_or_before(moment, "2026-03-10T10:00") is before


def test_records_are_numbered_in_the_order_of_time():
    """P11-02: --SEQ counts in each data set; the flag of the baseline stands once for each test."""
    times = ["2026-03-12T08:00", "2026-03-09T08:00", "2026-03-10T09:00"]
    rows = [
        Observation("VS", {"VSTESTCD": "HR", "VSORRES": "80", "VSDTC": time}, moment=time) for time in times
    ]
    found = numbered(rows, TREATED)
    assert [(row.values["VSDTC"], row.values["VSSEQ"]) for row in found] == [
        (time, number) for number, time in enumerate(sorted(times), start=1)
    ]
    assert [row.values.get("VSLOBXFL") for row in found] == [None, "Y", None]
    assert [row.values["VSDY"] for row in found] == [-1, 1, 3]


@given(st.text(alphabet="ab é\n", max_size=900))
def test_a_text_in_pieces_loses_no_word(text):
    """P11-02: no piece is longer than a transport file holds."""
    found = list(pieces(text))
    assert all(0 < len(piece) <= TEXT_LIMIT for piece in found)
    assert "".join("".join(found).split()) == "".join(text.split())
