"""Names and labels fitted to the limits of statistics programs: unique, cut at a word, never in silence (P11-03)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports.formats import sas_transport, spss, stata
from exports.formats.file_limits import FileLimits, fitted_label, fitted_names, shortened

EVERY = {
    "xpt-v5": sas_transport.VERSION_5.limits,
    "xpt": sas_transport.VERSION_8.limits,
    "sav": spss.LIMITS,
    "dta": stata.LIMITS,
}
limits = st.sampled_from(list(EVERY.values()))
columns = st.lists(
    st.one_of(st.from_regex(r"[a-z][a-z0-9_]{0,60}", fullmatch=True), st.text(min_size=1, max_size=50)),
    unique=True,
    max_size=40,
)


@given(limits, columns)
def test_names_are_unique_whatever_the_case_and_every_program_reads_them(limit: FileLimits, names):
    """P11-03."""
    found = fitted_names(names, limit)
    assert list(found) == names
    folded = [name.casefold() for name in found.values()]
    assert len(set(folded)) == len(folded)
    for name in found.values():
        assert re.fullmatch(r"[A-Za-z]([A-Za-z0-9_]*[A-Za-z0-9])?", name)
        assert len(name) <= limit.name
        assert name.casefold() not in limit.reserved


@given(columns)
def test_a_name_that_fits_stays_as_it_is_whatever_stands_before_it(names):
    plain = list(
        dict.fromkeys(name[:32] for name in names if re.fullmatch(r"[a-z][a-z0-9_]*[a-z0-9]", name[:32]))
    )
    plain = [name for name in plain if name not in stata.LIMITS.reserved]
    found = fitted_names([*(f"{name}__and_a_very_long_ending_of_it" for name in plain), *plain], stata.LIMITS)
    assert [found[name] for name in plain] == plain


def test_a_part_of_an_item_is_told_by_its_letter_in_eight_characters():
    names = ["haemoglobin", "haemoglobin__missing", "haemoglobin__reason", "haemoglobin__ref_low", "haemoglo"]
    assert fitted_names(names, EVERY["xpt-v5"]) == {
        "haemoglobin": "HAEMOG_2",
        "haemoglobin__missing": "HAEMOG_M",
        "haemoglobin__reason": "HAEMOG_R",
        "haemoglobin__ref_low": "HAEMOG_3",
        "haemoglo": "HAEMOGLO",
    }


def test_a_word_that_a_program_keeps_for_itself_gets_a_number():
    assert fitted_names(["if", "by"], stata.LIMITS) == {"if": "if_2", "by": "by"}
    assert fitted_names(["if", "by"], spss.LIMITS) == {"if": "if", "by": "by_2"}


def test_a_name_that_stands_twice_is_an_error():
    with pytest.raises(ValueError, match="twice"):
        fitted_names(["a", "a"], stata.LIMITS)


@given(st.text(max_size=400), st.integers(min_value=8, max_value=260), st.booleans())
def test_a_label_is_whole_or_says_that_it_was_shortened(text, most, in_bytes):
    """P11-03."""
    line = " ".join(text.replace("\0", " ").split())
    found = shortened(text, most, in_bytes=in_bytes)
    assert (len(found.encode()) if in_bytes else len(found)) <= most
    if (len(line.encode()) if in_bytes else len(line)) <= most:
        assert found == line
    else:
        assert found.endswith("...")
        assert line.startswith(found.removesuffix("..."))


def test_a_label_is_shortened_at_a_word():
    label = "Partial pressure of arterial oxygen at admission"
    assert fitted_label(label, EVERY["xpt-v5"]) == "Partial pressure of arterial oxygen..."
    assert shortened("ñandú ñandú ñandú", 12, in_bytes=True) == "ñandú..."
    assert shortened("Pneumonoultramicroscopic", 12, in_bytes=True) == "Pneumonou..."
