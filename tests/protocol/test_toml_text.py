"""The text of a protocol file is read as written, or refused with its place in words of a data manager (DAT-03)."""

from decimal import Decimal

import pytest

from protocol.checking.toml_text import (
    DEEPEST,
    MOST_CHARACTERS,
    TOO_DEEP,
    TOO_LONG,
    WITH_MARK,
    Unreadable,
    tables,
)


def refused(text: str) -> tuple[str, int | None, int | None]:
    """Return message, line and column of the mistake."""
    with pytest.raises(Unreadable) as told:
        tables(text)
    assert str(told.value) == told.value.message
    return told.value.message, told.value.line, told.value.column


def test_numbers_are_the_decimals_that_were_written() -> None:
    """A limit of 0.1 is no binary double."""
    assert tables("a = 0.10\nb = 3\nc = 1e3") == {"a": Decimal("0.10"), "b": 3, "c": Decimal("1e3")}
    assert tables("a = 1e999999999999999999999")["a"].is_nan()


NO_EQUALS = 'a name is followed by = and its value, like phase = "II"'
NO_VALUE = "this is no value: a text stands in quotes; a number, true and false without"
NOT_CLOSED = "the text is not closed: a quote is missing at its end"
TWICE = "this key stands here a second time: keep one of them"
TABLE_TWICE = "this table stands here a second time: keep one of them, or write [[…]] for a list"
CLOSED = "this table was closed by its } already: write the key between its braces"
SIGN = "this sign cannot stand in a file: remove it"
NO_SIGN = "this number of a sign does not exist: write the sign itself"


@pytest.mark.parametrize(
    ("text", "told", "line", "column"),
    [
        ('a = 1\nphase "II"', NO_EQUALS, 2, 7),
        ("= 3", "a line is a [table], name = value, or a comment after #", 1, 1),
        ("a = {b = 1,}", "a name has letters, digits and _ only, and no comma stands before }", 1, 12),
        ("a = 1\n\nb = yes", NO_VALUE, 3, 5),
        ("a = ", NO_VALUE, None, None),
        ("a = [1 2]", "the list is not closed: a comma between two elements is missing, or ] at the end", 1, 8),
        ("a = {b = 1\n", "the { is not closed: a comma between two keys is missing, or } on the same line", 1, 11),
        ('a = "x', NOT_CLOSED, None, None),
        ("a = 'x\ny'", NOT_CLOSED, 1, 7),
        ('a = "x\ny"', "the text or line is not closed: a quote or bracket is missing at its end", 1, 7),
        ('a = "x\x01"', SIGN, 1, 7),
        ("a = 'x\x01'", SIGN, 1, 7),
        ("a = 1 # \x02", SIGN, 1, 9),
        ("a = 1 2", "the value ends here and more follows: quotes or brackets do not match", 1, 7),
        ("[a\nb = 1", "the name of a table is closed by ], like [forms.vitals]", 1, 3),
        ("[[a]\nb = 1", "the name is closed by ]], like [[visits]]", 1, 4),
        ("a = 1\na = 2\n", TWICE, 2, 6),
        ("[a]\n[a]", TABLE_TWICE, 2, 3),
        ("a = {b = 1, b = 2}", "a key stands twice between the braces: keep one of them", 1, 18),
        ("a = {b = 1}\na.c = 2\n", CLOSED, 2, 8),
        ('a = "\\q"', "a backslash in a text is written \\\\, or the text in single quotes", 1, 8),
        ('a = "\\uD800"', NO_SIGN, 1, 12),
        ('a = "\\uZZZZ"', NO_SIGN, 1, 8),
        ("a = 2021-02-31", "this day does not exist: write a date like 2021-02-15", 1, 5),
        ("a = 'x", "a quote or bracket is missing", None, None),
        (f"a = {'9' * 5000}", "this number has too many digits", None, None),
    ],
)  # fmt: skip
def test_the_first_mistake_of_syntax_is_told_with_its_line_and_column(
    text: str, told: str, line: int | None, column: int | None
) -> None:
    assert refused(text) == (told, line, column)


def test_a_file_of_two_million_characters_is_read_and_a_longer_one_is_not() -> None:
    assert MOST_CHARACTERS == 2_000_000
    longest = "#" + "x" * (MOST_CHARACTERS - 1)
    assert tables(longest) == {}
    assert refused(longest + "x") == (TOO_LONG, None, None)


def test_a_mark_at_the_beginning_is_told_at_the_first_sign() -> None:
    assert refused("\ufeffa = 1") == (WITH_MARK, 1, 1)


def nested(levels: int) -> dict[str, str]:
    return {
        "lists": f"a = {'[' * levels}{']' * levels}",
        "braces": f"a = {'{ a = ' * levels}1{' }' * levels}",
        "table": f"[{'.'.join('a' * levels)}]",
        "list of tables": f"[[{'.'.join('a' * (levels - 1))}]]",
    }


@pytest.mark.parametrize("kind", nested(1))
def test_tables_and_lists_are_nested_thirty_levels_deep_and_no_deeper(kind: str) -> None:
    assert DEEPEST == 30
    assert tables(nested(30)[kind])
    assert refused(nested(31)[kind]) == (TOO_DEEP, None, None)
    assert refused(nested(100_000)[kind])[0] == TOO_DEEP


def test_the_deepest_of_several_tables_counts() -> None:
    deep = nested(31)["lists"]
    assert refused(f"z = [1]\n{deep}\nb = [{{ c = 2 }}]") == (TOO_DEEP, None, None)


@pytest.mark.parametrize("part", ["a", '"a b"', "'a'", "a-1", "a "])
def test_a_name_of_very_many_parts_is_refused_before_it_is_read(part: str) -> None:
    """Its time grows with the square of its parts: 20,000 parts would take minutes."""
    assert refused(f"{'.'.join([part] * 20_000)} = 1") == (TOO_DEEP, None, None)
    assert tables(f"{'.'.join([part] * 29)} = 1")
