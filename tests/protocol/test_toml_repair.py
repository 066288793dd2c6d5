"""What is read of a file with mistakes of syntax: each mistake with its line, and all that stands around it."""

from typing import Any

import pytest

from protocol.checking import toml_repair
from protocol.checking.shape import Problem
from protocol.checking.toml_repair import MOST_TRIES, Repaired, repaired

GONE = "unreadable-part-of-this-file"
NO_VALUE = "this is no value: a text stands in quotes; a number, true and false without"
NO_EQUALS = 'a name is followed by = and its value, like phase = "II"'
NO_TABLE_END = "the name of a table is closed by ], like [forms.vitals]"
NO_LIST_END = "the list is not closed: a comma between two elements is missing, or ] at the end"
NO_BRACE_END = "the { is not closed: a comma between two keys is missing, or } on the same line"
KEY_TWICE = "this key stands here a second time: keep one of them"
TABLE_TWICE = "this table stands here a second time: keep one of them, or write [[…]] for a list"
TOO_DEEP = "tables and lists are nested deeper than 30 levels: close the brackets that are open"
WITH_MARK = "the file begins with an invisible mark (BOM): save it as UTF-8 without BOM"
DEEP = ".".join("a" * 40)


def read(text: str) -> tuple[dict[str, Any] | None, list[str]]:
    """Return the tables and the mistakes. A part that is missing is either a placeholder or has one inside it."""
    found = repaired(text)
    assert GONE in str(found.raw) or not found.missing
    return found.raw, [str(problem) for problem in found.problems]


def test_a_sound_file_is_read_as_it_is() -> None:
    assert read('a = 1\n[b]\nc = "x"\n') == ({"a": 1, "b": {"c": "x"}}, [])


@pytest.mark.parametrize(
    ("text", "raw", "mistakes"),
    [
        ("a = 1\nb = yes\nc = 3\n", {"a": 1, "b": GONE, "c": 3}, [f"line 2, column 5: {NO_VALUE}"]),
        ("a.b = yes\nc = 3\n", {"a": {"b": GONE}, "c": 3}, [f"line 1, column 7: {NO_VALUE}"]),
        ('phase "II"\nb = 1', {"phase": GONE, "b": 1}, [f"line 1, column 7: {NO_EQUALS}"]),
        ("phase [1]\nb = 1", {"phase": GONE, "b": 1}, [f"line 1, column 7: {NO_EQUALS}"]),
        ("  a = yes # why\nb = 1", {"a": GONE, "b": 1}, [f"line 1, column 7: {NO_VALUE}"]),
        ("\n\na = yes\n\n", {"a": GONE}, [f"line 3, column 5: {NO_VALUE}"]),
        ("a = 1\nword\nb = 2\n", {"a": 1, "b": 2}, [f"line 2, column 5: {NO_EQUALS}"]),
        ('"a b" = yes\nb = 2\n', {"b": 2}, [f"line 1, column 9: {NO_VALUE}"]),
        ("a = { b = 1\n'c d' = 2\n", {"a": GONE, "c d": 2}, [f"line 1, column 12: {NO_BRACE_END}"]),
        ("a = { b = 1\nc = 2\n", {"a": GONE, "c": 2}, [f"line 1, column 12: {NO_BRACE_END}"]),
        (
            "[[a]]\nx = yes\n[[a]]\nx = 1\n",
            {"a": [{"x": GONE}, {"x": 1}]}, [f"line 2, column 5: {NO_VALUE}"],
        ),
    ],
)  # fmt: skip
def test_a_key_whose_value_cannot_be_read_is_left_out_alone(
    text: str, raw: dict[str, Any], mistakes: list[str]
) -> None:
    assert read(text) == (raw, mistakes)


@pytest.mark.parametrize(
    ("text", "raw", "mistake"),
    [
        ("[a\nb = 1\n[c]\nd = 2", {"a": {"b": 1}, "c": {"d": 2}}, f"line 1, column 3: {NO_TABLE_END}"),
        (" [ a . b \nc = 1", {"a": {"b": {"c": 1}}}, f"line 1, column 10: {NO_TABLE_END}"),
        ("[a é]\nc = 1\n", {"a": {"c": 1}}, f"line 1, column 4: {NO_TABLE_END}"),
        (
            "[[a]\nb = 1\n[[a]]\nb = 2",
            {"a": [{"b": 1}, {"b": 2}]}, "line 1, column 4: the name is closed by ]], like [[visits]]",
        ),
    ],
)  # fmt: skip
def test_a_table_whose_name_is_not_closed_keeps_its_keys(
    text: str, raw: dict[str, Any], mistake: str
) -> None:
    assert read(text) == (raw, [mistake])


@pytest.mark.parametrize("line", ["[]", "]", "[é]", "  ]]"])
def test_below_a_table_without_a_name_nothing_can_be_known(line: str) -> None:
    raw, mistakes = read(f"a = 1\n{line}\nb = yes\n")
    assert raw is None
    assert [each.split(",")[0] for each in mistakes] == ["line 2", "line 3"]


LISTS = {
    "one of three": (
        'a = 1\nitems = [\n  { name = "x", type = "t" },\n  { name = "y", type = t },\n  { name = "z" },\n]\nb = 2\n',
        {"a": 1, "items": [{"name": "x", "type": "t"}, {"name": "y", GONE: True}, {"name": "z"}], "b": 2},
        [f"line 4: {NO_VALUE}"],
    ),
    "three, two of which have a code": (
        'items = [\n  { type = t },\n  { code = "y" type = "t" },\n  3,\n  { type = t, id = "q" },\n]\n',
        {"items": [GONE, {"code": "y", GONE: True}, 3, {"id": "q", GONE: True}]},
        [f"line 2: {NO_VALUE}", f"line 3: {NO_BRACE_END}", f"line 5: {NO_VALUE}"],
    ),
    "on the first line": (
        'items = [{ name = "x", t = q },\n  { name = "y" }]\nb = yes',
        {"items": [{"name": "x", GONE: True}, {"name": "y"}], "b": GONE},
        [f"line 1: {NO_VALUE}", f"line 3, column 5: {NO_VALUE}"],
    ),
    "with comments": (
        'items = [\n  { name = "x" }, # first, of [two\n  { name = "y", t = q }, # second\n  # last\n]\nb = 2',
        {"items": [{"name": "x"}, {"name": "y", GONE: True}], "b": 2},
        [f"line 3: {NO_VALUE}"],
    ),
    "a brace that is not closed": (
        'items = [\n  { name = "x",\n  { name = "y" },\n]\nb = 2\n',
        {"items": [{"name": "x", GONE: True}, {"name": "y"}], "b": 2},
        ["line 2: a name has letters, digits and _ only, and no comma stands before }"],
    ),
    "a list in an element": (
        'items = [\n  { name = "x", list = [\n    { code = "A" },\n    { code = B },\n  ] },\n  { name = "y" },\n]\n',
        {"items": [{"name": "x", GONE: True}, {"name": "y"}]},
        [f"line 4: {NO_VALUE}"],
    ),
    "a text that is not closed": (
        'items = [\n  { name = "x", t = "t },\n  { name = "y" },\n]\n',
        {"items": [{"name": "x", GONE: True}, {"name": "y"}]},
        ["line 2: the text or line is not closed: a quote or bracket is missing at its end"],
    ),
    "a long text": (
        'items = [\n  """one, ]\n  two""",\n  yes,\n]\nb = 1\n',
        {"items": ["one, ]\n  two", GONE], "b": 1},
        [f"line 4: {NO_VALUE}"],
    ),
    "elements of two lines": (
        "a = [\n  [1,\n   2],\n  [3,\n   q],\n  4,\n]\nb = yes\n",
        {"a": [[1, 2], GONE, 4], "b": GONE},
        [f"line 5: {NO_VALUE}", f"line 8, column 5: {NO_VALUE}"],
    ),
    "nothing between two commas": (
        "a = [\n  1,,\n  2,\n]\nb = yes\n",
        {"a": [1, GONE, 2], "b": GONE},
        [f"line 2: {NO_VALUE}", f"line 5, column 5: {NO_VALUE}"],
    ),
    "nothing before the last comma": ("a = [\n  1,,\n]\n", {"a": [1, GONE]}, [f"line 2: {NO_VALUE}"]),
    "elements without spaces": ("a = [1,2,\n  no,3]\n", {"a": [1, 2, GONE, 3]}, [f"line 2: {NO_VALUE}"]),
    "a comma that is missing": (
        'a = [\n  { name = "x" }\n  { name = "y" },\n  { name = "z" },\n]\n',
        {"a": [{"name": "x", GONE: True}, {"name": "z"}]},
        [f"line 3: {NO_LIST_END}"],
    ),
    "a list before the next table": (
        'a = [\n  { name = "x" },\n  { name = "y" },\n[b]\nc = 1\n',
        {"a": [{"name": "x"}, {"name": "y"}], "b": {"c": 1}},
        [f"line 1: {NO_LIST_END}"],
    ),
    "a list before the next table with a comment": (
        "a = [\n  1,\n[[b.c]] # next\nd = 1\n", {"a": [1], "b": {"c": [{"d": 1}]}}, [f"line 1: {NO_LIST_END}"],
    ),
    "a list before the next key": (
        "a = 1\nb = [\n  1,\n  2\nc.d = yes\n",
        {"a": 1, "b": [1, 2], "c": {"d": GONE}},
        [f"line 2: {NO_LIST_END}", f"line 5, column 7: {NO_VALUE}"],
    ),
    "texts with commas, brackets and quotes": (
        """a = [
  "x\\"y, ]", "x\\\\", '[x\\', '', "", "a # b", \"\"\"z, ]\"\"\", '''q" ]''', "an, d", no,
  'x', yes, "y", # "
  \"\"\"
  ],\"\"\", 'x\\', no, '''
  [''', 1,
]
b = no
""",
        {
            "a": [
                'x"y, ]', "x\\", "[x\\", "", "", "a # b", "z, ]", 'q" ]', "an, d", GONE,
                "x", GONE, "y", "  ],", "x\\", GONE, "  [", 1,
            ],
            "b": GONE,
        },
        [f"line 2: {NO_VALUE}", f"line 3: {NO_VALUE}", f"line 5: {NO_VALUE}", f"line 8, column 5: {NO_VALUE}"],
    ),
    "long texts with quotes inside and without anything": (
        "a = [\n  \"\"\"a \"\" ]\"\"\", \"\"\"\"\"\", '''''', no,\n  1,\n]\n",
        {"a": ['a "" ]', "", "", GONE, 1]},
        [f"line 2: {NO_VALUE}"],
    ),
    "a long text in braces": (
        'a = [\n  { b = """x\n  y""", c = 1 },\n  no,\n]\n',
        {"a": [{"b": "x\n  y", "c": 1}, GONE]},
        [f"line 4: {NO_VALUE}"],
    ),
    "two braces that are not closed": (
        'a = [\n  { id = "x", b = { c = 1,\n  { name = "y" },\n]\n',
        {"a": [{"id": "x", GONE: True}, {"name": "y"}]},
        ["line 2: a name has letters, digits and _ only, and no comma stands before }"],
    ),
    "a brace that is not closed in a list in a list": (
        "a = [\n  [{ b = 1,\n   { b = 2 }],\n  3,\n]\n",
        {"a": [GONE, 3]},
        ["line 2: a name has letters, digits and _ only, and no comma stands before }"],
    ),
    "a list at the end of the text": ("a = [\n  1,\n  2", {"a": [1, 2]}, [f"line 1: {NO_LIST_END}"]),
    "a list at the end": ("a = [\n  1,\n  2\n", {"a": [1, 2]}, [f"line 1: {NO_LIST_END}"]),
    "more behind the list": (
        "a = [\n  1,\n] 2\nb = 3\n",
        {"a": [1], "b": 3},
        ["line 3, column 3: the value ends here and more follows: quotes or brackets do not match"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_of_a_list_only_the_broken_elements_are_left_out(name: str) -> None:
    text, raw, mistakes = LISTS[name]
    assert read(text) == (raw, mistakes)


@pytest.mark.parametrize(
    ("text", "raw", "line"),
    [
        ('a = """\nline = 1\n[b]\n"""\nc = yes\n', {"a": "line = 1\n[b]\n", "c": GONE}, 5),
        ("a = '''\nline = \"\n'''\nc = yes\n", {"a": 'line = "\n', "c": GONE}, 4),
        ('a = """b""" # [\nc = yes\n', {"a": "b", "c": GONE}, 2),
        ('a = """x\ny""" # [\nc = yes\n', {"a": "x\ny", "c": GONE}, 3),
        ('a = ["""x""", 2]\nc = yes\n', {"a": ["x", 2], "c": GONE}, 2),
        ('a = "x\\"y ["\nb = "x\\\\"\nc = yes\n', {"a": 'x"y [', "b": "x\\", "c": GONE}, 3),
        ("a = 'x\\'\nb = yes\n", {"a": "x\\", "b": GONE}, 2),
        ('a = "x # [ {"\nb = yes\n', {"a": "x # [ {", "b": GONE}, 2),
        ("a = 'x, [ {'\nb = yes\n", {"a": "x, [ {", "b": GONE}, 2),
        ("a = 1 # [ { \"\nb = yes\n", {"a": 1, "b": GONE}, 2),
        ("a = [\n  1, # ]\n  '[',\n]\nb = yes\n", {"a": [1, "["], "b": GONE}, 5),
        ("a = [\n  { b = [\n    1,\n  ] },\n]\nb = yes\n", {"a": [{"b": [1]}], "b": GONE}, 6),
    ],
)  # fmt: skip
def test_brackets_and_quotes_inside_texts_and_comments_open_nothing(
    text: str, raw: dict[str, Any], line: int
) -> None:
    assert read(text) == (raw, [f"line {line}, column 5: {NO_VALUE}"])


def test_a_long_text_that_nobody_closed_does_not_hold_the_rest_of_the_file() -> None:
    told = "line 1: the text is not closed: a quote is missing at its end"
    assert read('a = """\nb = 1\n[c]\nd = 2\n') == ({"a": GONE, "b": 1, "c": {"d": 2}}, [told])


@pytest.mark.parametrize(
    ("text", "raw", "mistake"),
    [
        ("a = 1\nb = 2\na = 3\nc = 4\n", {"a": 1, "b": 2, "c": 4}, f"line 3: {KEY_TWICE}"),
        ("a = 1\n\na = 2\n\n\n", {"a": 1}, f"line 3: {KEY_TWICE}"),
        ("a = 1\nb = 2\na = 3", {"a": 1, "b": 2}, f"line 3: {KEY_TWICE}"),
        ("a = 1\na = [\n  2,\n]\nb = 3\n", {"a": 1, "b": 3}, f"line 2: {KEY_TWICE}"),
        (
            "[t]\na = 1\na = 2\nb = 3\n[u]\nx = 1\n",
            {"t": {"a": 1, "b": 3}, "u": {"x": 1}}, f"line 3: {KEY_TWICE}",
        ),
        (
            "[t]\na = 1\n[u]\nb = 1\n[t]\nc = 2\n[v]\nd = 1\n",
            {"t": {"a": 1}, "u": {"b": 1}, "v": {"d": 1}}, f"line 5: {TABLE_TWICE}",
        ),
        ("[t]\na = 1\n[t]\na = 2\n", {"t": {"a": 1}}, f"line 3: {TABLE_TWICE}"),
        ("[t]\na = 1\n[[t]]\nb = 2\n", {"t": {"a": 1}}, f"line 3: {KEY_TWICE}"),
    ],
)  # fmt: skip
def test_of_a_key_or_table_that_stands_twice_the_first_is_kept(
    text: str, raw: dict[str, Any], mistake: str
) -> None:
    assert read(text) == (raw, [mistake])


def test_several_keys_that_stand_twice_are_all_told_in_the_order_of_the_file() -> None:
    raw, mistakes = read("a = 1\na = 2\na = 3\nb = yes\nc = 1\nc = 2\n")
    assert raw == {"a": 1, "b": GONE, "c": 1}
    assert [each.split(":")[0].split(",")[0] for each in mistakes] == ["line 2", "line 3", "line 4", "line 6"]


@pytest.mark.parametrize("value", ["{ b = [\n  1,\n], c = no }", "[\n  1,\n  no,\n]", '"""\n"""\nx = no'])
def test_a_key_that_stands_twice_below_a_broken_value_of_several_lines_is_told_at_its_line(
    value: str,
) -> None:
    above = value.count("\n") + 1
    raw, mistakes = read(f"a = {value}\nd = 1\nd = 2\ne = 1\nf = 2\n")
    assert raw is not None
    assert (raw["d"], raw["e"], raw["f"]) == (1, 1, 2)
    assert mistakes[1:] == [f"line {above + 2}: {KEY_TWICE}"]


def test_a_value_of_several_lines_that_stands_twice_does_not_move_the_lines_below_it() -> None:
    raw, mistakes = read("a = 1\na = [\n  2,\n]\nb = 3\nb = 4\nc = 5\n")
    assert raw == {"a": 1, "b": 3, "c": 5}
    assert mistakes == [f"line 2: {KEY_TWICE}", f"line 6: {KEY_TWICE}"]


def test_two_mistakes_of_one_line_are_both_told() -> None:
    assert read("\ufeffa = yes\n")[1] == [f"line 1, column 1: {WITH_MARK}", f"line 1, column 5: {NO_VALUE}"]


def test_so_many_repetitions_that_the_file_is_no_longer_read() -> None:
    """Each takes one more reading of the whole file: after twenty-five the rest of the file is not looked at."""
    few = "".join(f"k{number} = 1\nk{number} = 2\n" for number in range(MOST_TRIES - 1))
    assert MOST_TRIES == 25
    assert read(few)[0] is not None
    raw, mistakes = read(f"{few}a = 1\na = 2\n")
    assert raw is None
    assert len(mistakes) == 25


def test_mistakes_after_the_tenth_line_come_in_the_order_of_lines() -> None:
    _raw, mistakes = read("\ufeff" + "\n" * 8 + "a = yes\nb = yes\nc = yes\nb = 1\n")
    assert [each.split(",")[0].split(":")[0] for each in mistakes] == [
        "line 1",
        "line 9",
        "line 10",
        "line 11",
        "line 12",
    ]


@pytest.mark.parametrize(
    ("text", "raw", "mistakes"),
    [
        (f"{DEEP} = 1\nb = 2\n", {"b": 2}, [f"line 1: {TOO_DEEP}"]),
        (f"a = {'[' * 40}{']' * 40}\nb = 2\n", {"a": GONE, "b": 2}, [f"line 1: {TOO_DEEP}"]),
        (f"a = {'[' * 40}\nb = 2\n", {"a": GONE, "b": 2}, [f"line 1: {NO_VALUE}"]),
        (f"[{DEEP}]\nb = 2\n", None, [f"line 1: {TOO_DEEP}"]),
        (f"[{'.'.join('a' * 20)}]\n{'.'.join('b' * 15)} = 1\nc = 2\n", None, []),
    ],
)
def test_what_is_nested_too_deep_is_left_out_and_never_read(
    text: str, raw: dict[str, Any] | None, mistakes: list[str]
) -> None:
    assert read(text) == (raw, mistakes)


def test_the_mark_and_the_line_ends_of_windows_do_not_keep_a_file_from_being_read() -> None:
    assert read("\ufeffa = 1\r\nb = yes\r\nc = 2\r\n") == (
        {"a": 1, "b": GONE, "c": 2},
        [f"line 1, column 1: {WITH_MARK}", f"line 2, column 5: {NO_VALUE}"],
    )


def test_the_missing_parts_are_named_by_their_path() -> None:
    text = (
        "a = yes\n[b]\nc = yes\nd = 1\nlist = [\n  { code = 'x' },\n  { code = \"y\", n = no },\n  { n = no },\n]\n"
        "[[visits]]\ncode = 'S'\nday = no\n"
    )
    found = repaired(text)
    assert found.missing == {"a", "b.c", "b.list.y", "b.list.2", "visits.S.day"}
    assert found.raw is not None
    assert set(found.raw) == {"a", "b", "visits"}


def test_a_repeated_table_is_no_missing_part() -> None:
    found = repaired("[t]\na = 1\n[t]\na = 2\n")
    assert (found.raw, found.missing) == ({"t": {"a": 1}}, frozenset())


@pytest.mark.parametrize(
    ("path", "hidden"),
    [
        ("forms.body", True),
        ("forms.body.items", True),
        ("forms.body.items.weight", True),
        ("forms", True),
        ("forms.bod", False),
        ("forms.body2", False),
        ("form", False),
        ("visits", False),
        ("x.forms.body", False),
    ],
)
def test_a_mistake_at_a_missing_part_or_around_it_may_only_follow_from_it(path: str, hidden: bool) -> None:
    found = Repaired({}, [], frozenset({"forms.body", "arms.cells"}))
    assert found.hides(Problem(path, "unknown")) is hidden
    assert not Repaired({}, []).hides(Problem(path, "unknown"))


def test_the_placeholder_is_no_word_that_a_file_holds() -> None:
    assert toml_repair.PLACEHOLDER == GONE
