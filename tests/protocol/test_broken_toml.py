"""A file with mistakes of syntax is read as far as it goes: every mistake at once, in words of a data manager."""

import pytest

from protocol.checking.mistakes import problems
from tests.support.protocols.shipped import LIEGE, ROOT, path_of

SMALL = (ROOT / "tests/support/protocols/small.toml").read_text(encoding="utf-8")


def damaged(*changes: tuple[str, str]) -> list[str]:
    """Return the mistakes of the small protocol after some replacements."""
    text = SMALL
    for old, new in changes:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    return [str(problem) for problem in problems(text)]


def line_of(text: str) -> int:
    return SMALL[: SMALL.index(text)].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('phase = "II"', 'phase = "II', "quote"),
        ('phase = "II"', "phase = II", "this is no value: a text stands in quotes"),
        ('phase = "II"', 'phase "II"', "a name is followed by = and its value"),
        ('phase = "II"', 'phase = "II" "III"', "the value ends here and more follows"),
        ('phase = "II"', "phase = yes", "this is no value"),
        ('phase = "II"', 'phase = "I\\I"', "a backslash in a text is written"),
        ("[safety]", "[safety", "the name of a table is closed by ]"),
        ("target = 10", "target = 10\ntarget = 11", "this key stands here a second time"),
        ("target = 10", f"target = {'9' * 5000}", "this number has too many digits"),
        ("window = [0, 1]", "window = [0, 1", None),
        ("target = 10", "target = 10\nopened = 2021-02-31", "this day does not exist"),
    ],
)
def test_a_mistake_of_syntax_is_told_in_words_with_its_line(old: str, new: str, told: str | None) -> None:
    found = damaged((old, new))
    (line,) = [each for each in found if each.startswith("line ")]
    # The second of two lines with one key is the one to take out.
    assert line.startswith(f"line {line_of(old) + new.count(chr(10))}")
    assert told is None or told in line
    assert found == [line]


def test_every_mistake_of_syntax_is_told_at_once_with_the_other_mistakes() -> None:
    """One missing quote hides neither another one nor a wrong unit."""
    found = damaged(
        ('phase = "II"', 'phase = "II'),
        ('present = "body.pregnant', "present = body.pregnant"),
        ('unit = "cm"', 'unit = "ell"'),
        ('forms = ["body"]', 'forms = ["boody"]'),
        ("ctcae =", "ctcae"),
    )
    assert [each for each in found if each.startswith("line ")] == [
        each for each in found[:3] if each.startswith("line ")
    ]
    assert found[3:] == [
        "visits.S.forms: unknown form 'boody'",
        "forms.body.height.unit: unknown unit 'ell'",
    ]


def test_a_broken_item_does_not_hide_the_items_beside_it() -> None:
    found = damaged(
        ('type = "integer", label = { en = "Height" }', 'type = "integer, label = { en = "Height" }'),
        ('"0.45359237"', '"0"'),
    )
    assert len(found) == 2
    assert found[0].startswith(f"line {line_of('name = ' + chr(34) + 'height')}")
    assert found[1] == "forms.body.weight.units.lb.factor: should be more than 0"


def test_what_refers_to_a_broken_part_is_not_told_as_unknown() -> None:
    """The weight cannot be read: dosing, definitions and checks that name it have no mistake of their own."""
    found = damaged(
        ('type = "decimal", label = { en = "Weight" }', 'type = decimal, label = { en = "Weight" }')
    )
    assert len(found) == 1
    assert "this is no value" in found[0]


def test_a_list_that_nobody_closed_ends_where_the_next_table_begins() -> None:
    found = damaged(("] }]\n[safety]", "] }\n[safety]"), ('ctcae = "5.0"', 'ctcae = "5"'))
    assert len(found) == 2
    assert found[1].startswith("safety.ctcae: should be")


@pytest.mark.parametrize("sign", ["[", "{ a = "])
def test_deep_nesting_is_a_mistake_and_no_crash(sign: str) -> None:
    for deep in (40, 100_000):
        (line,) = damaged(("target = 10", f"target = {sign * deep}"))
        assert "nested deeper" in line or "this is no value" in line or "not closed" in line


def test_a_long_dotted_name_is_a_mistake_and_no_crash() -> None:
    found = damaged(("[safety]", "[safety]\n" + "a." * 20_000 + "a = 1"))
    assert len(found) == 1
    assert "nested deeper than 30 levels" in found[0]


def test_a_file_of_many_megabytes_is_not_read() -> None:
    assert [str(problem) for problem in problems("# " + "x" * 3_000_000)] == [
        "file: is longer than 2,000,000 characters: this is no protocol file"
    ]


def test_a_mark_at_the_beginning_of_the_file_is_named() -> None:
    (line,) = [str(problem) for problem in problems("\ufeff" + SMALL)]
    assert "save it as UTF-8 without BOM" in line


def test_a_file_from_windows_has_no_mistake_for_its_line_ends() -> None:
    assert problems(SMALL.replace("\n", "\r\n")) == []


def test_ten_missing_quotes_in_a_long_file_are_ten_mistakes() -> None:
    text = path_of(LIEGE).read_text(encoding="utf-8")
    lines = text.split("\n")
    broken = [number for number, line in enumerate(lines) if line.startswith('title = { en = "')][:10]
    for number in broken:
        lines[number] = lines[number].replace('{ en = "', "{ en = ", 1)
    found = [str(problem) for problem in problems("\n".join(lines))]
    assert [line.split(",")[0] for line in found] == [f"line {number + 1}" for number in broken]
