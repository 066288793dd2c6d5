"""Values of a protocol file are taken as they are written, within bounds that every page, column and calendar holds."""

import re

import pytest
from pydantic import TypeAdapter

from dosing.models import AllocationSlot, Infusion, Preparation
from patients.models import Consent, EligibilityDecision, Patient, Query, Record, Visit
from protocol.checking.mistakes import problems
from protocol.checking.shape import keys_at
from protocol.document import design, dosing, items, written_values
from safety.models import AdverseEvent
from tests.support.protocols.shipped import ROOT

SMALL = (ROOT / "tests/support/protocols/small.toml").read_text(encoding="utf-8")


def said(old: str, new: str) -> list[str]:
    """Return the mistakes of the small protocol after one replacement."""
    assert old in SMALL
    return [str(problem) for problem in problems(SMALL.replace(old, new, 1))]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("target = 10", 'target = "10"', "trial.target: should be a whole number without quotes, like 20"),
        ("target = 10", "target = 10.0", "trial.target: should be a whole number without quotes, like 20"),
        ("target = 10", "target = true", "trial.target: should be a whole number without quotes, like 20"),
        ("target = 10", "target = 1e400", "trial.target: should be a whole number without quotes, like 20"),
        ("target = 10", "target = 100001", "trial.target: should be 100000 or less"),
        ("target = 10", "target = 0", "trial.target: should be 1 or more"),
        ("cells = true", 'cells = "yes"', "arms.cells.cells: should be true or false, without quotes"),
        ("cells = false", "cells = 0", "arms.saline.cells: should be true or false, without quotes"),
        ("required = false", 'required = "no"', "forms.notes.remark.required: should be true or false, without quotes"),
        ("hard = [20, 300]", 'hard = ["20", 300]', "forms.body.weight.hard.0: should be a number without quotes"),
        ("hard = [20, 300]", "hard = [20, inf]", "forms.body.weight.hard.1: is not a number that can be compared"),
        ("hard = [20, 300]", "hard = [20, nan]", "forms.body.weight.hard.1: is not a number that can be compared"),
        (
            "hard = [20, 300]", "hard = [20, 1e999999999999999999999]",
            "forms.body.weight.hard.1: is not a number that can be compared",
        ),
        (
            "hard = [20, 300]", "hard = [20, 1e15]",
            "forms.body.weight.hard.1: is too large: at most 15 digits before the point",
        ),
        (
            "hard = [20, 300]", "hard = [0.0000000001, 300]",
            "forms.body.weight.hard.0: has too many decimals: at most 9",
        ),
        (
            'target = "2e6"', "target = 1e400",
            "dosing.cells_per_kg.target: is too large: at most 15 digits before the point",
        ),
        ('target = "2e6"', 'target = "lots"', 'dosing.cells_per_kg.target: should be a number, like "1.5e6"'),
        ("follow_up_days = 28\nsite", "follow_up_days = 999999\nsite", "trial.follow_up_days: should be 36525 or less"),
        ("day = 3\n", "day = 99999999999\n", "visits.INF2.day: should be 36525 or less"),
        ("day = 3\n", 'day = "3"\n', "visits.INF2.day: should be a whole number without quotes, like 20"),
        ("window = [0, 1]", "window = [0, 999999999]", "visits.INF2.window.1: should be 36525 or less"),
        ("window_days = 28", "window_days = 999999999", None),
        ("decimals = 1", "decimals = 1.5", "forms.body.weight.decimals: should be a whole number"),
        ('short_title = "X"', 'short_title = "X\\ny"', "trial.short_title: has a line break"),
        ('short_title = "X"', 'short_title = "X\\u202Ey"', "trial.short_title: has the sign U+202E"),
        ('{ en = "Height" }', '{ en = "Hei\\u0000ght" }', "forms.body.height.label.en: has the sign U+0000"),
        ('versions = ["1.0", "1.1"]', f'versions = ["{"1" * 41}"]', "consent.versions.0: has more than 40 characters"),
        ('id = "B1"', f'id = "{"B" * 41}"', None),
        ('code = "saline"', f'code = "s{"a" * 40}"', None),
        ('logs = ["notes"]', "", ["doubt"]),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_type_or_out_of_bounds_is_refused_at_its_key(
    old: str, new: str, told: str | list[str] | None
) -> None:
    """DAT-09: nothing is stored that a page, a column or the calendar cannot hold."""
    found = said(old, new)
    if told == ["doubt"]:
        assert found == []
    elif told is None:
        assert found
    else:
        assert any(line.startswith(told) for line in found), found


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("LIE/{number:03d}", "letters, digits, - _ . and the number once"),
        ("{number:0999999999d}", "at most nine digits wide"),
        ("LIE-{number:010d}", "at most nine digits wide"),
        ("LIE {number}", "letters, digits, - _ . and the number once"),
        ("LIE-{number}-{number}", "the number once"),
        ("LIE-{number!r}", "the number once"),
        ("LIE-{number.real}", "the number once"),
        ("{number:x}", "the number once"),
        ("LIE-{0}", "the number once"),
        ("LIE-{", "the number once"),
        ("é{number}", "letters, digits"),
        (".{number}", "begin and end it with a letter or a digit"),
        ("A{number}.", "begin and end it with a letter or a digit"),
        ("COM{number}", "Windows keeps for a device"),
        ("AVERYLONGPREFIX-{number:05d}", "would be longer than 20 characters"),
        ("LIE", "every subject would get the same code"),
    ],
)
def test_a_subject_code_is_part_of_an_address_and_the_name_of_a_file(pattern: str, told: str) -> None:
    """PRV-02: the code of a subject is on every page of the subject; the first screening must not break them."""
    (line,) = said('"X-{number:02d}"', f'"{pattern}"')
    assert line.startswith("trial.subject_code: ")
    assert told in line


@pytest.mark.parametrize(
    "pattern", ["LIE-{number:03d}", "{number}", "G{number:04d}", "A.b_{number:3d}", "X{number:3}x"]
)
def test_a_usual_subject_code_is_accepted(pattern: str) -> None:
    padded = re.search(r":[1-9]", pattern)
    found = said('"X-{number:02d}"', f'"{pattern}"')
    # A width without a zero pads with blanks, which no address holds.
    assert bool(found) == bool(padded)


def test_dates_have_no_quotes_and_lie_in_this_century_or_the_last() -> None:
    approved = f"{SMALL}\n[approval]\nethics = "
    for text, told in [
        ("9999-12-31", "approval.ethics: 9999-12-31: the year lies between 1900 and 2100"),
        ('"2021-02-15"', "approval.ethics: should be a date like 2021-02-15"),
        ("2021-02-15T10:00:00Z", "approval.ethics: should be a date like 2021-02-15"),
        ("20210215", "approval.ethics: should be a date like 2021-02-15"),
    ]:
        (problem,) = problems(approved + text)
        assert str(problem).startswith(told)
    assert problems(f"{approved}2021-02-15") == []


def test_a_recruitment_of_999_999_999_months_is_refused() -> None:
    found = said("target = 10", 'target = 10\nrecruitment = { from = "9999-12", months = 999999999 }')
    assert found == [
        "trial.recruitment.from: '9999-12': write a month like 2020-06",
        "trial.recruitment.months: should be 1200 or less",
    ]


def test_only_a_key_that_exists_at_that_place_is_suggested() -> None:
    """`severity` is a key of a check, `window` of a visit: neither is offered elsewhere."""
    assert said("phase = ", "seveerity = 1\nphase = ") == ["trial.seveerity: unknown key"]
    assert said("day = 3\n", "windw = [0, 1]\nday = 3\n") == [
        "visits.INF2.windw: unknown key: did you mean 'window'?"
    ]
    assert said("phase = ", "windw = 1\nphase = ") == ["trial.windw: unknown key"]
    assert said('code = "F", label', 'code = "F", lable = 1, label') == [
        "forms.body.sex.choices.F.lable: unknown key: did you mean 'label'?"
    ]


def test_the_keys_of_a_place_are_those_of_its_table() -> None:
    assert "window" in keys_at(("visits", 3))
    assert "factor" in keys_at(("forms", "body", "groups", 0, "items", 2, "units", 0))
    assert "lowest" in keys_at(("dosing", "cells_per_kg"))
    assert keys_at(("trial", "title")) == []
    # A form may have the name of a key of forms.
    assert "checks" in keys_at(("forms", "title"))


def test_an_allocation_list_of_millions_is_refused() -> None:
    codes = ", ".join(f'{{ code = "C{number}", label = {{ en = "C" }} }}' for number in range(300))
    text = SMALL.replace("target = 10", "target = 1000", 1).replace(
        '{ code = "F", label = { en = "F" } },', f'{{ code = "F", label = {{ en = "F" }} }}, {codes},', 1
    )
    assert [str(problem) for problem in problems(text)] == [
        "allocation.strata: the list would have 604000 places, at most 200000 are drawn: use fewer strata"
    ]


COLUMNS = [
    (design.ConsentPlan, "versions", Consent, "version"),
    (design.Arm, "code", AllocationSlot, "arm"),
    (design.Group, "code", Patient, "group"),
    (design.Group, "code", EligibilityDecision, "group"),
    (design.ProtocolVisit, "code", Visit, "code"),
    (design.Coded, "code", AdverseEvent, "aesi"),
    (items.Check, "id", Query, "check_id"),
    (items.Item, "name", Query, "item"),
    (items.Form, "code", Record, "form"),
]


@pytest.mark.parametrize(("part", "key", "model", "column"), COLUMNS)
def test_a_code_of_the_file_fits_its_column_of_the_database(part, key, model, column) -> None:
    """PostgreSQL refuses a text that is longer than its column: the file is refused before."""
    described = TypeAdapter(part).json_schema()
    properties = described.get("properties") or described["$defs"][part.__name__]["properties"]
    accepted = properties[key].get("items", properties[key])["maxLength"]
    assert accepted <= model._meta.get_field(column).max_length


def test_a_dose_of_the_file_fits_its_columns() -> None:
    for model, column, most in [
        (Preparation, "cells_per_kg", dosing.MOST_CELLS_PER_KG),
        (Infusion, "volume_ml", 100_000 - 1),
    ]:
        field = model._meta.get_field(column)
        assert most < 10 ** (field.max_digits - field.decimal_places)
    assert Patient._meta.get_field("code").max_length == written_values.LONGEST_SUBJECT_CODE
