"""A repeated visit is written out as visits of its own, each with code, title and day (ATM-06)."""

import pytest

from protocol.document.repeated_visits import MOST_TIMES, repetition_mistake, written_out

WEEKLY = {
    "code": "W",
    "title": {"en": "Week {number}", "fr": "Semaine", "nl": 7},
    "kind": "follow_up",
    "anchor": "inclusion",
    "day": 7,
    "every": 7,
    "times": 3,
    "forms": ["vitals"],
}
ONCE = {"code": "SCR", "kind": "screening", "title": {"en": "Screening {number}"}}


def test_each_visit_has_its_own_code_title_and_day_and_all_else_of_the_repeated_one():
    found = written_out({"trial": {"id": "T"}, "visits": [ONCE, WEEKLY]})
    assert found["trial"] == {"id": "T"}
    assert found["visits"] == [
        ONCE,
        *(
            {
                "code": f"W{number}",
                "title": {"en": f"Week {number}", "fr": f"Semaine {number}", "nl": 7},
                "kind": "follow_up",
                "anchor": "inclusion",
                "day": day,
                "forms": ["vitals"],
            }
            for number, day in ((1, 7), (2, 14), (3, 21))
        ),
    ]


@pytest.mark.parametrize("raw", [{}, {"visits": "W"}, {"visits": None, "trial": 1}])
def test_a_file_without_a_list_of_visits_stays_as_it_is(raw):
    assert written_out(raw) == raw


@pytest.mark.parametrize("wrong", ["W1", 5, None, ONCE, {**WEEKLY, "times": 0}, {**WEEKLY, "every": "7"}])
def test_what_is_no_repeated_visit_or_a_wrong_one_stays_as_it_is(wrong):
    assert written_out({"visits": [wrong]}) == {"visits": [wrong]}


def test_a_title_that_is_no_table_of_languages_stays_as_it_is():
    found = written_out({"visits": [{**WEEKLY, "title": "Week {number}"}]})["visits"]
    assert [visit["title"] for visit in found] == ["Week {number}"] * 3


@pytest.mark.parametrize(
    "changed",
    [{}, {"times": 1}, {"every": 1}, {"times": MOST_TIMES}, {"day": 0}, {"code": "A" * 17}],
)
def test_a_right_repetition_has_no_mistake(changed):
    assert repetition_mistake({**WEEKLY, **changed}) == ""
    assert repetition_mistake(ONCE) == ""


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"every": None}, "has both"),
        ({"times": None}, "has both"),
        ({"times": 0}, "whole numbers from 1"),
        ({"every": 0}, "whole numbers from 1"),
        ({"every": True}, "whole numbers from 1"),
        ({"times": 2.5}, "whole numbers from 1"),
        ({"times": MOST_TIMES + 1}, f"at most {MOST_TIMES}"),
        ({"kind": "infusion"}, "only a visit of kind follow_up"),
        ({"day": None}, "has a day"),
        ({"code": "A" * 18}, "at most 17 letters"),
        ({"code": "W-"}, "at most 17 letters"),
        ({"code": ""}, "at most 17 letters"),
    ],
)
def test_a_wrong_repetition_is_told(changed, told):
    assert told in repetition_mistake({**WEEKLY, **changed})
