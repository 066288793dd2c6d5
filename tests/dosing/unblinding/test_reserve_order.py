"""The order in which reserve envelopes were opened (BKP-02)."""

import datetime as dt

import pytest

from dosing.envelopes.reserve_order import ReserveUse, passed_over

NIGHT = dt.datetime(2026, 9, 1, 22, 0, tzinfo=dt.UTC)


def use(number, *, opened=None, gone=None, stratum=""):
    hour = lambda each: None if each is None else NIGHT + dt.timedelta(hours=each)  # noqa: E731
    return ReserveUse(number, stratum, number, hour(opened), hour(gone if gone is not None else opened))


class TestTheOrder:
    @pytest.mark.parametrize(
        ("uses", "found"),
        [
            ([use(1, opened=1), use(2, opened=2), use(3)], {}),
            ([use(1), use(2, opened=2)], {2: (1,)}),
            ([use(1, opened=3), use(2, opened=2)], {2: (1,)}),
            ([use(1, opened=2), use(2, opened=2)], {}),
            ([use(1, gone=1), use(2, opened=2)], {}),
            ([use(1, gone=3), use(2, opened=2)], {2: (1,)}),
            ([use(1), use(2), use(3, opened=2), use(4, opened=3)], {3: (1, 2), 4: (1, 2)}),
            ([use(1, stratum="A"), use(2, stratum="B", opened=2)], {}),
            ([use(2, opened=1), use(1, gone=0)], {}),
        ],
    )
    def test_an_envelope_that_passes_over_an_earlier_one_of_its_stratum_is_a_finding(self, uses, found):
        assert passed_over(uses) == found
