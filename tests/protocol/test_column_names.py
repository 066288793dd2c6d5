"""No data file has two columns of one name, whatever the case, and every file opens on Windows (DAT-10)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.checking.column_names import KEY_COLUMNS, ROW_KEY_COLUMNS, keys_of
from protocol.checking.dictionary import tables
from protocol.checking.loading import load
from protocol.checking.mistakes import problems
from protocol.checking.succession import succession_problems
from protocol.document.document import Protocol
from protocol.document.written_values import DEVICE_NAMES
from tests.support.protocols.shipped import COVID_MSV, LIEGE, ROOT, THIRD, protocol

SMALL = (ROOT / "tests/support/protocols/small.toml").read_text(encoding="utf-8")
ITEM = '  { name = "height", type'
RISKS = '  { name = "risks", type = "choices", label = { en = "Risks" }, choices = [%s] },\n'
CODES = ["A", "a", "MISSING", "missing", "Reason", "reason", "unit", "B", "b"]


def with_item(name: str) -> str:
    """Return the small protocol with one more item in its first form."""
    return SMALL.replace(ITEM, f'  {{ name = "{name}", type = "text", label = {{ en = "X" }} }},\n{ITEM}', 1)


def with_choices(codes: list[str], version: str = "1.0") -> str:
    """Return the small protocol with a multiple choice of these codes in its first form."""
    choices = ", ".join(f'{{ code = "{code}", label = {{ en = "X" }} }}' for code in codes)
    text = SMALL.replace('version = "1.0"', f'version = "{version}"', 1)
    return text.replace(ITEM, RISKS % choices + ITEM, 1)


def said(text: str) -> list[str]:
    return [str(problem) for problem in problems(text)]


def doubled(rules: Protocol) -> dict[str, list[str]]:
    """Return the column names that a table has twice, in any case, by table."""
    found = {}
    for table in tables(rules):
        names = [name.casefold() for name in (*keys_of(table), *table.columns)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            found[table.name] = twice
    return found


@pytest.mark.parametrize("name", KEY_COLUMNS)
def test_an_item_cannot_have_the_name_of_a_key_column(name):
    sentence = f"forms.body.{name}: every row of the data file has a column '{name}': use another name"
    assert said(with_item(name)) == [sentence]


@pytest.mark.parametrize("name", [*KEY_COLUMNS, *ROW_KEY_COLUMNS])
def test_a_column_of_repeating_rows_cannot_have_the_name_of_a_key_column(name):
    text = SMALL.replace('{ name = "mg"', f'{{ name = "{name}"', 1)
    path = f"forms.notes.doses.columns.{name}"
    assert said(text) == [f"{path}: every row of the data file has a column '{name}': use another name"]


def test_only_a_table_of_rows_keeps_the_name_of_its_row_number():
    assert said(with_item("row")) == []


@pytest.mark.parametrize("code", ["missing", "MISSING", "Reason"])
def test_a_choice_cannot_have_the_code_of_the_column_of_the_missing_code(code):
    """Not even where no value may be missing: an amendment may allow it."""
    other = f"risks__{code.lower()}"
    sentence = f"the column 'risks__{code}' would have the name of the column '{other}': use another code"
    for text in (
        with_choices(["A", code]),
        with_choices(["A", code]).replace('"Risks" }', '"Risks" }, missing = []'),
    ):
        assert said(text) == [f"forms.body.risks.choices.{code}: {sentence}"]


def test_two_choices_cannot_differ_in_case_only():
    sentence = "the column 'risks__pos' would have the name of the column 'risks__POS': use another code"
    assert said(with_choices(["POS", "pos", "B"])) == [f"forms.body.risks.choices.pos: {sentence}"]


def test_a_choice_that_stands_twice_is_one_mistake():
    assert said(with_choices(["A", "A"])) == ["forms.body.risks.choices.A: stands 2 times"]


def test_an_amendment_keeps_the_spelling_of_a_code():
    """A data file has the columns of all versions of the protocol."""
    before, after = load(with_choices(["POS", "B"])), load(with_choices(["pos", "B"], "1.1"))
    problem = "forms.body.risks.choices.pos: is POS in version 1.0: keep that spelling"
    assert [str(each) for each in succession_problems(before, after)] == [problem]
    assert succession_problems(before, load(with_choices(["POS", "B", "C"], "1.1"))) == []


@pytest.mark.parametrize("name", ["Sex", "SEX"])
def test_names_in_capitals_are_refused_so_none_differs_in_case_only(name):
    hint = "use lower-case letters, digits and single underscores, like age_years"
    assert f"forms.body.{name}.name: '{name}': {hint}" in said(with_item(name))
    form = SMALL.replace("[forms.body]", f"[forms.{name}]", 1)
    assert any(hint in problem for problem in said(form))


@pytest.mark.parametrize("name", sorted(DEVICE_NAMES))
def test_a_form_cannot_have_the_name_of_a_device(name):
    text = SMALL.replace("[safety]", f'[forms.{name}]\ntitle = {{ en = "X" }}\nitems = [%s]\n[safety]', 1)
    item = '{ name = "answer", type = "text", label = { en = "X" } }'
    sentence = "Windows keeps this name for a device and opens no file of it: use another name"
    assert said(text % item) == [f"forms.{name}: {sentence}"]


@pytest.mark.parametrize(("length", "refused"), [(23, []), (24, ["missing"]), (25, ["missing", "reason"])])
def test_no_column_is_longer_than_statistics_programs_read(length, refused):
    """DAT-10: 32 characters, with the suffix of the missing code and of its reason."""
    name = "x" * length
    assert [sentence.split("'")[1] for sentence in said(with_item(name))] == [
        f"{name}__{part}" for part in refused
    ]
    assert all("read only 32: use a shorter name" in sentence for sentence in said(with_item(name)))


def test_the_devices_are_those_of_windows():
    assert {"con", "prn", "aux", "nul", "com1", "com9", "lpt1", "lpt9"} <= DEVICE_NAMES
    assert len(DEVICE_NAMES) == 22


@given(codes=st.lists(st.sampled_from(CODES), min_size=1, max_size=4, unique=True))
def test_every_multiple_choice_is_refused_or_has_columns_that_differ(codes):
    text = with_choices(codes)
    if not problems(text):
        assert doubled(load(text)) == {}
    else:
        parts = [code.casefold() for code in codes]
        assert len(parts) > len(set(parts)) or {"missing", "reason"} & set(parts)


@pytest.mark.parametrize("slug", [LIEGE, COVID_MSV, THIRD, "walk-1.0", "walk-1.1", "small"])
def test_no_table_of_a_protocol_has_two_columns_of_one_name(slug):
    folder = ROOT / "tests/support/protocols"
    text = (folder / f"{slug}.toml").read_text(encoding="utf-8") if slug[:4] in ("walk", "smal") else ""
    assert doubled(load(text) if text else protocol(slug)) == {}
