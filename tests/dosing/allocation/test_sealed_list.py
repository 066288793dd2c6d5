"""A sealed list from outside fits arms, strata and ratio, or its first wrong line is named (RND-01)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosing.allocation.randomisation import permuted_blocks
from dosing.allocation.sealed_list import MOST_BYTES, read_sealed_list
from protocol.values.refusals import ValueRefused

EVEN = {"cells": 1, "placebo": 1}


def read(text: str, **changed):
    rules = {"strata": [""], "ratio": EVEN, "largest_block": 4, "target": 2}
    return read_sealed_list(text.encode(), **{**rules, **changed})


def lines(*rows: str, header: str = "stratum,position,arm") -> str:
    return "\n".join([header, *rows]) + "\n"


def refusal(text: str, **changed) -> str:
    with pytest.raises(ValueRefused) as refused:
        read(text, **changed)
    return refused.value.sentence()


def test_a_file_is_read_in_its_order():
    places = read(lines(",1,placebo", ",2,cells"))
    assert [(place.stratum, place.position, place.arm, place.kit) for place in places] == [
        ("", 1, "placebo", ""), ("", 2, "cells", ""),
    ]  # fmt: skip


def test_kits_semicolons_a_mark_of_the_encoding_and_blank_last_lines_are_read():
    text = "\ufeffstratum;position;arm;kit\r\n;1;placebo;A-1\r\n;2;cells;B22\r\n;;;\r\n\r\n"
    assert [place.kit for place in read(text)] == ["A-1", "B22"]


def test_strata_count_for_themselves():
    places = read(lines("a,1,cells", "b,1,cells", "a,2,placebo", "b,2,placebo"), strata=["a", "b"])
    assert [(place.stratum, place.position) for place in places] == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([",1,cells", "x,2,placebo"], "Line 3: the trial has no stratum “x”."),
        ([",1,cells", ",3,placebo"], "Line 3: position 2 comes next in this stratum, not “3”."),
        ([",1,cells", ",1,placebo"], "Line 3: position 2 comes next"),
        ([",0,cells"], "Line 2: position 1 comes next"),
        ([",one,cells"], "Line 2: position 1 comes next in this stratum, not “one”."),
        ([",1,cells", ",2,saline"], "Line 3: the trial has no arm with the code “saline”."),
        ([",1,Cells"], "Line 2: the trial has no arm with the code “Cells”."),
        ([",1,cells", ",2,placebo,K-1"], "Line 3: it does not have the 3 cells"),
        ([",1"], "Line 2: it does not have the 3 cells"),
        ([",1,cells", "", ",2,placebo"], "Line 3: it does not have the 3 cells"),
        ([",1,cells", ",2,cells", ",3,cells"], "Line 4: from the first place"),
        ([",1,cells"], "The file has 1 places: the trial needs at least 2."),
    ],
)
def test_the_first_wrong_line_is_named(rows, sentence):
    assert refusal(lines(*rows)).startswith(sentence)


@pytest.mark.parametrize(
    ("kits", "sentence"),
    [
        (("A-1", "A-1"), "Line 3: kit A-1 stands in the file twice."),
        (("A1", "B-1"), "Line 2: a kit number has 3 to 20"),
        (("A" * 21, "B-1"), "Line 2: a kit number has 3 to 20"),
        (("a-1", "B-1"), "Line 2: a kit number has 3 to 20"),
        (("A_1", "B-1"), "Line 2: a kit number has 3 to 20"),
        (("Ä-1", "B-1"), "Line 2: a kit number has 3 to 20"),
    ],
)
def test_a_kit_number_is_used_once_and_can_be_printed(kits, sentence):
    text = lines(f",1,cells,{kits[0]}", f",2,placebo,{kits[1]}", header="stratum,position,arm,kit")
    assert refusal(text).startswith(sentence)


def test_the_longest_and_the_shortest_kit_number_and_none_are_accepted():
    text = lines(
        ",1,cells," + "A" * 20,
        ",2,placebo,B-2",
        ",3,cells,",
        ",4,placebo,",
        header="stratum,position,arm,kit",
    )
    assert [len(place.kit) for place in read(text)] == [20, 3, 0, 0]


def test_each_stratum_has_places():
    assert (
        refusal(lines("a,1,cells", "a,2,placebo"), strata=["a", "b"])
        == "The file has no place for the stratum “b”."
    )


@pytest.mark.parametrize(
    "header", ["", "position,stratum,arm", "stratum,position,arm,kit,more", "stratum,position"]
)
def test_another_header_is_refused(header):
    assert refusal(lines(",1,cells", header=header)).startswith("Line 1: the columns are")


def test_an_empty_file_and_no_text_are_refused():
    assert refusal("").startswith("Line 1")
    with pytest.raises(ValueRefused, match="no CSV file"):
        read_sealed_list(b"\xff\xfe", strata=[""], ratio=EVEN, largest_block=4, target=2)
    assert refusal('stratum,position,arm\n"open,1,cells\n').startswith("This is no CSV file")
    assert MOST_BYTES == 5_000_000


@given(st.text(min_size=1, max_size=10), st.sampled_from([EVEN, {"a": 2, "b": 1}, {"a": 1, "b": 1, "c": 2}]))
def test_every_list_of_permuted_blocks_is_accepted(seed, ratio):
    """RND-01: also one that stops in the middle of a block."""
    whole = sum(ratio.values())
    places = permuted_blocks(seed=seed, stratum="", size=41, block_sizes=[whole, 2 * whole], ratio=ratio)
    text = lines(*(f",{place.position},{place.arm}" for place in places))
    assert len(read(text, ratio=ratio, largest_block=2 * whole)) == len(places)


def test_a_list_of_larger_blocks_than_the_protocol_names_is_refused():
    """RND-01: three of one arm before the first of the other need a block of six."""
    rows = [f",{place},{arm}" for place, arm in enumerate(["cells"] * 3 + ["placebo"] * 3, start=1)]
    assert refusal(lines(*rows)).startswith("Line 4: from the first place")
    assert len(read(lines(*rows), largest_block=6)) == 6


def test_an_unequal_ratio_is_held_too():
    rows = [",1,b", ",2,b"]
    assert refusal(lines(*rows), ratio={"a": 2, "b": 1}, largest_block=3).startswith("Line 3")
