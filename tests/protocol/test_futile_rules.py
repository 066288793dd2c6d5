"""A rule that can never be true, never fire, never be asked or never be decided is a mistake or a doubt (DAT-03)."""

import pytest

from protocol.checking.mistakes import examined
from tests.support.protocols.shipped import COVID_MSV, LIEGE, ROOT, THIRD, path_of

SMALL = (ROOT / "tests/support/protocols/small.toml").read_text(encoding="utf-8")
CONFIRMED = """
[[confirmed]]
key = "{key}"
reason = "Kept for the next amendment"
by = "A. Martin"
on = 2021-02-18
"""


def text_with(*changes: tuple[str, str]) -> str:
    text = SMALL
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def mistakes(*changes: tuple[str, str]) -> list[str]:
    return [str(problem) for problem in examined(text_with(*changes)).mistakes]


def doubts(*changes: tuple[str, str]) -> list[str]:
    found = examined(text_with(*changes))
    assert found.mistakes == []
    return [str(problem) for problem in found.doubts]


def check(violated: str) -> tuple[str, str]:
    """Return the replacement of the condition of the check on the body mass index."""
    return '"bmi > 60.0"', f'"{violated}"'


def test_the_shipped_protocols_hold_no_rule_that_comes_to_nothing() -> None:
    for slug in (LIEGE, COVID_MSV, THIRD):
        found = examined(path_of(slug).read_text(encoding="utf-8"))
        assert (found.mistakes, found.doubts) == ([], [])


CONTRADICTIONS = [
    "weight > 100.0 && weight < 50.0",
    "weight >= 100.0 && !(weight >= 100.0)",
    "weight > 100.0 && weight <= 100.0",
    "height > 150.0 && height < 151.0",
    "weight < height && weight > height",
    "weight - height > 5.0 && weight - height < 5.0",
    "sex == 'F' && sex == 'M'",
    "sex in ['F'] && sex != 'F'",
    "!(sex == 'F' || sex != 'F')",
    "weight > 300.0 && (height < 10.0 && height > 20.0)",
    "pregnant == 'Y' && sex == 'M'",
    "(sex == 'F' ? weight : height) > 5.0 && weight > 90.0 && weight < 80.0",
    "weight == 5.0 && weight == 6.0",
    "weight in [1.0, 2.0] && weight > 2.0",
    "count(weight > 5.0, height > 5.0) > 2.0",
    "abs(weight) < 0.0",
]


@pytest.mark.parametrize("violated", CONTRADICTIONS)
def test_a_condition_whose_parts_contradict_each_other_is_a_mistake(violated: str) -> None:
    assert mistakes(check(violated)) == [
        "forms.body.checks.B1.violated: can never be true: its conditions contradict each other"
    ]


@pytest.mark.parametrize(
    "violated",
    [
        "weight > 100.0 || weight < 50.0",
        "weight > 100.0 && height < 50.0",
        "weight >= 100.0 && weight <= 100.0",
        "weight < height",
        "sex == 'F' && pregnant == 'Y'",
        "weight > 299.0",
        "weight >= 300.0",
        "weight / height > 1000.0",
        "height > 150.0 && height < 152.0",
        "weight * 2.0 > 599.0",
        "previous(weight) > 100.0 && weight < 50.0",
        "weight != 50.0",
        "first_known(weight, height) > 250.0",
    ],
)
def test_a_condition_that_some_answers_meet_is_no_doubt(violated: str) -> None:
    assert doubts(check(violated)) == []


@pytest.mark.parametrize(
    ("violated", "told"),
    [
        ("weight > 300.0", "(weight from 20 to 300)"),
        ("weight < 20.0", "(weight from 20 to 300)"),
        ("weight + 1.0 > 301.0", "(weight from 20 to 300)"),
        ("weight * 2.0 > 600.0", "(weight from 20 to 300)"),
        ("sex != 'F' && sex != 'M'", "items that it reads"),
        ("!(sex in ['F', 'M'])", "items that it reads"),
        ("false", "is false: the rule is switched off"),
    ],
)
def test_a_condition_that_only_limits_and_codes_rule_out_is_a_doubt(violated: str, told: str) -> None:
    (line,) = doubts(check(violated))
    assert line.startswith("forms.body.checks.B1.violated: ")
    assert told in line


@pytest.mark.parametrize(
    "violated", ["true", "weight > 10.0", "sex in ['F', 'M']", "weight > 5.0 || weight <= 5.0"]
)
def test_a_check_that_fires_for_every_answer_is_a_doubt(violated: str) -> None:
    assert doubts(check(violated)) == [
        "forms.body.checks.B1.violated: is never false: the check fires for every answer"
    ]


def test_an_item_that_is_never_asked_is_a_mistake() -> None:
    never = ("shown_when = \"sex == 'F'\"", "shown_when = \"sex == 'F' && sex == 'M'\"")
    assert mistakes(never) == [
        "forms.body.pregnant.shown_when: can never be true: its conditions contradict each other"
    ]


def test_a_column_that_is_never_asked_is_a_mistake() -> None:
    column = (
        'label = { en = "Dose" }, unit = "mg"',
        'label = { en = "Dose" }, unit = "mg", shown_when = "mg > 1.0 && mg < 0.5"',
    )
    # A column whose condition reads itself is a mistake of its own; the cycle is told by the other column.
    other = ('name = "on", type = "partial_date"', 'name = "units", type = "decimal"')
    condition = ('"mg > 1.0 && mg < 0.5"', '"units > 1.0 && units < 0.5"')
    assert mistakes(column, other, condition) == [
        "forms.notes.doses.columns.mg.shown_when: can never be true: its conditions contradict each other"
    ]


def test_a_condition_over_rows_that_no_row_meets_is_a_mistake() -> None:
    rows = (
        "required = false, max_length",
        'required = false, shown_when = "doses.exists(d, d.mg > 5.0 && d.mg < 2.0)", max_length',
    )
    assert mistakes(rows) == [
        "forms.notes.remark.shown_when: can never be true: its conditions contradict each other"
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("!definition.heavy && body.sex in ['F', 'M']", "body.weight > 400.0", "I1.met: can never be true"),
        ("!definition.heavy && body.sex in ['F', 'M']", "body.weight > 4.0 && body.weight < 3.0", "I1.met: can never"),
        ("body.pregnant == 'Y'", "body.weight > 10.0", "E1.present: can never be false: nobody could be included"),
        ("body.pregnant == 'Y'", "body.weight / 0.0 > 1.0", "E1.present: can never be false: nobody could be included"),
        ("body.pregnant == 'Y'", "visit.code == 'S'", "E1.present: visit.code has no value when"),
        ("body.pregnant == 'Y'", "here(body.pregnant) == 'Y'", "E1.present: here(…) has no value"),
        ("body.pregnant == 'Y'", "previous(body.pregnant) == 'Y'", "E1.present: previous(…) has no value"),
        ("body.pregnant == 'Y'", "logs.notes.exists(n, n.remark == 'x')", "E1.present: logs.notes has no value"),
        (
            "body.pregnant == 'Y'", "days(subject.first_infusion_on, subject.screened_on) > 1.0",
            "E1.present: subject.first_infusion_on has no value before inclusion",
        ),
    ],
)  # fmt: skip
def test_a_criterion_that_keeps_everybody_out_is_a_mistake(old: str, new: str, told: str) -> None:
    (line,) = mistakes((old, new))
    assert line.startswith(f"eligibility.{told}")


def test_a_criterion_that_keeps_nobody_out_is_a_doubt() -> None:
    assert doubts(("!definition.heavy && body.sex in ['F', 'M']", "body.weight > 10.0")) == [
        "eligibility.I1.met: is always true: it keeps nobody out"
    ]


def test_a_group_to_which_nobody_belongs_is_a_mistake() -> None:
    group = '[[groups]]\ncode = "A"\ntitle = { en = "A" }\nmember = "body.weight > 300.0"\n[[visits]]'
    (line,) = mistakes(("[[visits]]", group))
    assert line.startswith("groups.A.member: can never be true")
    assert line.endswith("nobody would belong to the group")


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("visit.code == 'S'", "visit.code never has a value in a log"),
        (
            "here(body.weight) > 5.0",
            "here(body.weight) never has a value in a log: a log belongs to no visit",
        ),
        ("days(visit.on, subject.screened_on) > 1.0", "visit.on never has a value in a log"),
    ],
)
def test_what_has_no_value_in_a_log_is_a_mistake_there(condition: str, told: str) -> None:
    changed = ("required = false, max_length", f'required = false, shown_when = "{condition}", max_length')
    assert mistakes(changed) == [f"forms.notes.remark.shown_when: {told}"]


def test_hours_between_days_are_a_mistake_and_not_undetermined_for_ever() -> None:
    """A hard check on hours of a day would never fire."""
    for reading in ("subject.screened_on", "subject.inclusion_on", "'2021-02-03'"):
        (line,) = mistakes(check(f"hours(subject.consent_at, {reading}) > 48.0"))
        assert line.endswith("hours takes date and time, this is a date: write days(a, b) for days")


def test_a_written_day_that_no_calendar_has_is_a_mistake_at_its_column() -> None:
    assert mistakes(check("before(subject.screened_on, '2021-02-31')")) == [
        "forms.body.checks.B1.violated: column 29: '2021-02-31' is no day of the calendar"
    ]
    (line,) = mistakes(check("before(subject.screened_on, '9999-02')"))
    assert line.endswith("'9999-02': the year lies between 1900 and 2100")


def test_a_form_that_nobody_is_asked_for_is_a_doubt() -> None:
    assert doubts(('logs = ["notes"]', "")) == [
        "forms.notes: is never asked: no visit, no unscheduled visit and no log has this form"
    ]


def test_a_doubt_that_a_person_confirmed_is_not_told_again() -> None:
    text = text_with(('logs = ["notes"]', "")) + CONFIRMED.format(key="forms.notes")
    found = examined(text)
    assert (found.mistakes, found.doubts) == ([], [])
    assert found.protocol is not None
    assert found.protocol.confirmed[0].by == "A. Martin"


def test_a_confirmation_of_something_that_is_not_doubted_is_a_mistake() -> None:
    """Whoever mends the rule takes the confirmation out: it would hide the next doubt at this key."""
    found = examined(SMALL + CONFIRMED.format(key="forms.notes"))
    assert [str(problem) for problem in found.mistakes] == [
        "confirmed.forms.notes: nothing is doubted at this key: take the confirmation out"
    ]


def test_an_item_that_waits_for_a_value_calculated_from_it_is_never_asked() -> None:
    """The index needs the weight, the weight is asked once the index is known: neither ever is."""
    waits = ("hard = [20, 300]", 'shown_when = "bmi > 5.0", hard = [20, 300]')
    assert mistakes(waits, ('"bmi > 60.0"', '"height > 300.0"')) == [
        "forms.body.weight.shown_when: can never be true: its conditions contradict each other",
    ]


def test_a_stratum_that_is_asked_after_the_allocation_is_a_mistake() -> None:
    """RND-01: the arm is drawn when the eligibility is signed."""
    later = (
        'forms = ["body"]\n[[visits]]\ncode = "INF2"',
        'forms = ["body", "later"]\n[[visits]]\ncode = "INF2"',
    )
    form = (
        "[safety]",
        (
            '[forms.later]\ntitle = { en = "Later" }\n'
            'items = [{ name = "side", type = "yes_no", label = { en = "S" } }]\n[safety]'
        ),
    )
    assert mistakes(later, form, ('["body.sex"]', '["later.side"]')) == [
        "allocation.strata: 'later.side' is asked after the allocation: no visit before inclusion has 'later'"
    ]


def test_a_visit_that_is_never_held_on_a_day_of_its_infusion_is_a_doubt() -> None:
    """Every infusion would be a deviation."""
    assert doubts(("interval_days = [3, 4]", "interval_days = [7, 9]")) == [
        "visits.INF2.day: is 3 to 4 days after infusion_1, its infusion 7 to 9 days: no day fits both"
    ]
    assert doubts(("first_infusion_within_days = [0, 1]", "first_infusion_within_days = [2, 3]")) == [
        "visits.INF1.day: is 1 to 1 days after inclusion, its infusion 2 to 3 days: no day fits both"
    ]
    assert doubts(("interval_days = [3, 4]", "interval_days = [4, 9]")) == []
