"""What a sent form is read as: no input that no page makes, rows by their ids, stored values checked again."""

from typing import Any

import pytest
from django.http import QueryDict

from patients.entry import answers
from protocol.values.parsing import Clock, NotOffered, ValueRefused
from protocol.values.row_ids import is_row_id
from tests.support.protocols.every_type import EVERY_TYPE, VALUES

CLOCK = Clock("Europe/Brussels")


@pytest.mark.parametrize(
    "sent",
    [
        "colour=red",
        "count-unit=kg&count=1",
        "count-x=1",
        "count-0-a=1",
        "sex=X",
        "sex=F&sex=M",
        "signs=A&signs=Z",
        "agreed=maybe",
        "hb=1&hb-unit=mol",
        "count-missing=LOST",
        "twice=9",
        "twice-missing=ND",
        "series-0-colour=red",
        "series-x-sbp=1",
        "series-999-sbp=1",
        "series-0=1",
        "series-0-sbp-unit=kg&series-0-sbp=1",
        "series-0-point=T9",
        "at=9oct25 14:05&at-offset=%2B9",
        "colour-confirm=yes",
        "series-0-colour-confirm=yes",
    ],
)
def test_an_input_that_no_page_makes_is_distinguished(sent: str) -> None:
    """DAT-04: a forged request is not treated as a typing error."""
    with pytest.raises(NotOffered):
        answers.read(EVERY_TYPE, dict(QueryDict(sent).lists()), CLOCK)


def test_empty_and_removed_rows_fall_away_and_errors_stay_with_their_row() -> None:
    sent = QueryDict(
        "series-0-sbp=1&series-1-sbp=&series-2-sbp=2&series-2-remove=1&series-3-sbp=x&series-5-sbp=5"
        "&series-0-_row=r00000001&series-1-_row=r00000002&series-5-_row="
    )
    found = answers.read(EVERY_TYPE, dict(sent.lists()), CLOCK)
    new = found.rows["series"][5]
    assert is_row_id(new)
    assert found.values == {"series": [{"_row": "r00000001", "sbp": "1"}, {"_row": new, "sbp": "5"}]}
    assert list(found.refused) == ["series-3-sbp"]
    assert found.sent_path(f"series-{new}-sbp") == "series-5-sbp"
    assert sorted(found.rows["series"]) == [0, 1, 3, 5]


def test_a_new_row_of_one_page_gets_the_same_id_at_each_reading() -> None:
    """REL-13: a second click on one page finds the row of the first; on another page the row is another."""
    first, again, other = (
        answers.read(EVERY_TYPE, {"series-0-sbp": ["1"], "_key": [key]}, CLOCK).values["series"]
        for key in ("a", "a", "b")
    )
    assert first == again
    assert first != other


def test_a_table_is_either_filled_or_missing_and_has_its_most_rows() -> None:
    def read(sent: str) -> answers.Answers:
        return answers.read(EVERY_TYPE, dict(QueryDict(sent).lists()), CLOCK)

    assert read("series-missing=ND&series-reason=no+time").values == {
        "series": {"missing": "ND", "reason": "no time"}
    }
    assert str(read("series-missing=ND&series-0-sbp=1").refused["series"]).startswith("Give either the rows")
    many = "&".join(f"series-{row}-sbp=1" for row in range(13))
    assert str(read(many).refused["series"]) == "At most 12 rows are kept."


def test_a_confirmation_follows_its_row_to_where_it_is_stored() -> None:
    found = answers.read(
        EVERY_TYPE,
        dict(QueryDict("series-4-sbp=9&series-4-sbp-confirm=seen&weight-confirm=+").lists()),
        CLOCK,
    )
    assert found.confirmations == {f"series-{found.rows['series'][4]}-sbp": "seen"}


@pytest.mark.parametrize("value", [{"series": [{"colour": "1"}]}, {"colour": "1"}])
def test_a_stored_value_of_an_unknown_item_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(NotOffered):
        answers.check(EVERY_TYPE, value)


@pytest.mark.parametrize(
    "value", [{"series": [{"sbp": "1,5"}]}, {"count": 5}, {"sex": ["F"]}, {"signs": "A"}]
)
def test_a_stored_value_of_another_shape_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ValueRefused):
        answers.check(EVERY_TYPE, value)


def test_every_stored_value_passes_its_own_check() -> None:
    assert answers.check(EVERY_TYPE, VALUES) == VALUES
