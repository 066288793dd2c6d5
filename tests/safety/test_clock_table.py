"""Every clock of the table, over the changes of the clocks, and the clocks that a change of an event starts."""

import time
from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.reporting_clocks.clock_table import (
    CLOCKS,
    NOTHING,
    ClockKind,
    Reportable,
    clocks_started,
    deadline,
    entered_later,
)
from safety.reporting_clocks.clocks import months_deadline

BRUSSELS = ZoneInfo("Europe/Brussels")
START = datetime(2026, 3, 27, 23, 30, tzinfo=BRUSSELS)
# Started on Friday, 27 March at 23:30, two nights before the clocks go forward.
DUE = {
    ClockKind.SAE: "2026-03-28 23:30:00 CET",
    ClockKind.SUSAR_FATAL: "2026-04-03 23:59:59 CEST",
    ClockKind.SUSAR_FATAL_FOLLOW_UP: "2026-04-04 23:59:59 CEST",
    ClockKind.SUSAR: "2026-04-11 23:59:59 CEST",
    ClockKind.SUSAR_BECAME_FATAL: "2026-04-03 23:59:59 CEST",
    ClockKind.SUSAR_FOLLOW_UP: "2026-04-11 23:59:59 CEST",
    ClockKind.URGENT_MEASURE: "2026-04-03 23:59:59 CEST",
    ClockKind.BENEFIT_RISK: "2026-04-11 23:59:59 CEST",
    ClockKind.SERIOUS_BREACH: "2026-04-03 23:59:59 CEST",
    ClockKind.ANNUAL_REPORT: "2026-05-26 23:59:59 CEST",
    ClockKind.OUT_OF_SPECIFICATION: "2026-03-30 00:30:00 CEST",
    ClockKind.DATA_BREACH: "2026-03-31 00:30:00 CEST",
    ClockKind.RESULTS: "2027-03-27 23:59:59 CET",
    ClockKind.PAEDIATRIC_RESULTS: "2026-09-27 23:59:59 CEST",
}


def local(moment: datetime, zone: ZoneInfo = BRUSSELS) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def due(kind: ClockKind, start: datetime, **options) -> str:
    return local(deadline(kind, start, zone="Europe/Brussels", **options))


def test_the_table_has_every_clock():
    """CLK-01: B.2 of the catalogue; the codes are stored."""
    assert set(CLOCKS) == set(ClockKind) == set(DUE)
    assert [each.value for each in ClockKind] == [
        "sae", "susar_fatal", "susar_fatal_follow_up", "susar", "susar_became_fatal", "susar_follow_up",
        "urgent_measure", "benefit_risk", "serious_breach", "annual_report", "out_of_specification", "data_breach",
        "results", "paediatric_results",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ClockKind)
def test_each_clock_runs_its_length_at_the_site(kind):
    """TIM: days end at midnight of the site, hours are elapsed hours."""
    assert due(kind, START) == DUE[kind]


@pytest.mark.parametrize("kind", ClockKind)
@pytest.mark.parametrize("host", ["UTC", "America/Havana", "Pacific/Kiritimati"])
def test_a_server_in_another_zone_changes_no_deadline(monkeypatch, kind, host):
    """TIM: server moved to UTC or elsewhere; the start told in the zone of the server is the same instant."""
    monkeypatch.setenv("TZ", host)
    time.tzset()
    try:
        found = due(kind, START.astimezone())
    finally:
        monkeypatch.undo()
        time.tzset()

    assert found == DUE[kind]


@pytest.mark.parametrize("kind", [kind for kind, rule in CLOCKS.items() if rule.hours])
def test_a_protocol_may_set_other_hours(kind):
    """SAF-08."""
    assert due(kind, START, hours=12) == "2026-03-28 11:30:00 CET"


def test_hours_of_a_protocol_do_not_change_days():
    assert due(ClockKind.SUSAR, START, hours=12) == DUE[ClockKind.SUSAR]


@pytest.mark.parametrize("kind", ClockKind)
def test_a_start_without_a_zone_is_refused(kind):
    """TIM."""
    with pytest.raises(ValueError, match="zone"):
        deadline(kind, START.replace(tzinfo=None), zone="Europe/Brussels")


@pytest.mark.parametrize(
    ("start", "kind", "ends"),
    [
        # The hour that comes twice: both instants are different starts.
        (datetime(2026, 10, 25, 2, 30, tzinfo=BRUSSELS), ClockKind.SAE, "2026-10-26 01:30:00 CET"),
        (datetime(2026, 10, 25, 2, 30, tzinfo=BRUSSELS, fold=1), ClockKind.SAE, "2026-10-26 02:30:00 CET"),
        (datetime(2026, 10, 25, 2, 30, tzinfo=BRUSSELS), ClockKind.SUSAR_FATAL, "2026-11-01 23:59:59 CET"),
        (datetime(2026, 10, 25, 2, 30, tzinfo=BRUSSELS, fold=1), ClockKind.SUSAR_FATAL, "2026-11-01 23:59:59 CET"),
        (datetime(2026, 10, 24, 23, 40, tzinfo=BRUSSELS), ClockKind.SAE, "2026-10-25 22:40:00 CET"),
        # Leap day, end of month, end of year.
        (datetime(2028, 2, 22, 12, tzinfo=BRUSSELS), ClockKind.SUSAR_FATAL, "2028-02-29 23:59:59 CET"),
        (datetime(2028, 2, 29, 12, tzinfo=BRUSSELS), ClockKind.SUSAR, "2028-03-15 23:59:59 CET"),
        (datetime(2028, 2, 29, 12, tzinfo=BRUSSELS), ClockKind.RESULTS, "2029-02-28 23:59:59 CET"),
        (datetime(2027, 2, 28, 12, tzinfo=BRUSSELS), ClockKind.RESULTS, "2028-02-28 23:59:59 CET"),
        (datetime(2026, 8, 31, 12, tzinfo=BRUSSELS), ClockKind.PAEDIATRIC_RESULTS, "2027-02-28 23:59:59 CET"),
        (datetime(2026, 12, 31, 23, 59, tzinfo=BRUSSELS), ClockKind.SUSAR_FATAL, "2027-01-07 23:59:59 CET"),
        (datetime(2026, 12, 31, 23, 59, tzinfo=BRUSSELS), ClockKind.RESULTS, "2027-12-31 23:59:59 CET"),
        (datetime(2026, 6, 30, 12, tzinfo=BRUSSELS), ClockKind.PAEDIATRIC_RESULTS, "2026-12-30 23:59:59 CET"),
        # Sunday stays Sunday (CLK-03).
        (datetime(2026, 3, 22, 10, tzinfo=BRUSSELS), ClockKind.SUSAR_FATAL, "2026-03-29 23:59:59 CEST"),
        # Already the next day at the site.
        (datetime(2026, 12, 31, 23, 30, tzinfo=UTC), ClockKind.RESULTS, "2028-01-01 23:59:59 CET"),
    ],
)  # fmt: skip
def test_summer_time_leap_days_and_ends_of_years_are_counted_right(start, kind, ends):
    """TIM, CLK-03."""
    assert due(kind, start) == ends


@given(
    start=st.integers(1_546_300_800, 2_050_000_000).map(lambda second: datetime.fromtimestamp(second, UTC)),
    months=st.integers(0, 30),
    zone=st.sampled_from(["Europe/Brussels", "Europe/Madrid", "America/Havana", "Asia/Kolkata"]),
)
def test_months_end_on_the_same_day_or_on_the_last_of_a_shorter_month(start, months, zone):
    """TIM."""
    site = ZoneInfo(zone)
    first, last = (
        start.astimezone(site).date(),
        months_deadline(start, months=months, zone=zone).astimezone(site),
    )

    assert (last.year * 12 + last.month) - (first.year * 12 + first.month) == months
    assert last.day == first.day or (last.day < first.day and (last.date() + timedelta(days=1)).day == 1)
    assert (last + timedelta(microseconds=1)).astimezone(UTC).astimezone(
        site
    ).date() == last.date() + timedelta(days=1)


THREE = (True, False, None)
STATES = [
    Reportable(serious=serious, susar=susar, grave=grave)
    for serious, susar, grave in product(THREE, THREE, (True, False))
]


@pytest.mark.parametrize(("before", "after"), list(product(STATES, STATES)), ids=str)
def test_a_change_starts_the_right_clock(before, after):
    """CLK-04: all 324 changes; nothing starts twice, and undecided starts nothing."""
    expected = set()
    if after.serious is True and before.serious is not True:
        expected.add("sae")
    if after.susar is True:
        if before.susar is not True:
            expected.add("susar_fatal" if after.grave else "susar")
        elif after.grave and not before.grave:
            expected.add("susar_became_fatal")

    assert clocks_started(before, after) == expected


@pytest.mark.parametrize(
    ("before", "after", "started"),
    [
        # To serious; to fatal; to related or to unexpected, both of which make it a SUSAR; and back.
        (Reportable(serious=False), Reportable(serious=True), {"sae"}),
        (Reportable(serious=True), Reportable(serious=True, susar=True), {"susar"}),
        (
            Reportable(serious=True, grave=True),
            Reportable(serious=True, susar=True, grave=True),
            {"susar_fatal"},
        ),
        (
            Reportable(serious=True, susar=True),
            Reportable(serious=True, susar=True, grave=True),
            {"susar_became_fatal"},
        ),
        (Reportable(serious=False), Reportable(serious=True, susar=True, grave=True), {"sae", "susar_fatal"}),
        (Reportable(serious=True, susar=True), Reportable(serious=True, susar=False), set()),
        (Reportable(serious=True), Reportable(serious=False), set()),
    ],
)
def test_the_six_upgrades_and_a_downgrade(before, after, started):
    """CLK-04."""
    assert clocks_started(before, after) == started


@pytest.mark.parametrize("after", STATES, ids=str)
def test_a_new_event_starts_what_it_is(after):
    """CLK-04."""
    kinds = {"sae"} if after.serious else set()
    if after.susar:
        kinds |= {"susar_fatal"} if after.grave else {"susar"}
    assert clocks_started(NOTHING, after) == kinds


@pytest.mark.parametrize(
    ("seconds", "shown"), [(-60, False), (0, False), (59.9, False), (60, True), (86_400, True)]
)
def test_a_report_entered_in_a_later_minute_shows_both_times(seconds, shown):
    """CLK-05: what was typed says when it was made, the server when it was entered."""
    made = datetime(2026, 3, 28, 14, 0, tzinfo=UTC)
    assert entered_later(made, made + timedelta(seconds=seconds)) is shown


def test_both_times_are_compared_as_instants():
    """TIM."""
    made = datetime(2026, 3, 29, 3, 0, tzinfo=BRUSSELS)
    assert not entered_later(made, datetime(2026, 3, 29, 1, 0, 30, tzinfo=UTC))
    assert entered_later(made, datetime(2026, 3, 29, 1, 1, tzinfo=UTC))
