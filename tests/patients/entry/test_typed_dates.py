"""A partial date is typed in three inputs, or whole in the first."""

import pytest

from protocol.document.items import Item
from protocol.values.parsing import Clock, parse
from protocol.values.refusals import ValueRefused
from tests.support import build

ONSET = Item(name="onset", type="partial_date", label={"en": "Onset"})
CLOCK = Clock("Europe/Brussels", build.date(2026, 3, 9))


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("9oct25", "2025-10-09"),
        ("09/10/2025", "2025-10-09"),
        ("oct 2025", "2025-10"),
        ("2025", "2025"),
        ("v", "2026-03-09"),
    ],
)
def test_a_whole_date_is_read_from_the_first_part(typed, stored):
    """DAT-05: nothing is added to what was typed."""
    assert parse({"day": typed, "month": "", "year": ""}, ONSET, CLOCK) == stored


@pytest.mark.parametrize("day", ["9", "09", "UNK"])
def test_a_day_alone_is_no_date(day):
    """DAT-05: a day, known or unknown, is no date without month and year."""
    with pytest.raises(ValueRefused):
        parse({"day": day, "month": "", "year": ""}, ONSET, CLOCK)


def test_a_whole_date_beside_other_parts_is_refused():
    """DAT-05: the system does not choose between two dates."""
    with pytest.raises(ValueRefused):
        parse({"day": "9oct25", "month": "03", "year": "2026"}, ONSET, CLOCK)
