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

    def test_the_envelopes_passed_over_are_named_in_their_order(self):
        uses = [use(3, opened=2), use(2), use(1)]
        assert passed_over(uses) == {3: (1, 2)}

    def test_another_envelope_of_the_same_place_is_not_passed_over(self):
        """A torn one was replaced; when it was torn is recorded later than the opening of the new one."""
        torn = ReserveUse(1, "", 1, None, NIGHT + dt.timedelta(hours=3))
        assert passed_over([torn, ReserveUse(4, "", 1, NIGHT, NIGHT)]) == {}
