"""The allocation list can be generated again from its seed, and each block is balanced."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosing.allocation.randomisation import ALGORITHM, permuted_blocks

EVEN = {"cells": 1, "placebo": 1}
seeds = st.text(min_size=1, max_size=20)
sizes = st.lists(st.sampled_from([2, 4, 6]), min_size=1, max_size=3, unique=True)


def blocks_of(places):
    found = {}
    for place in places:
        found.setdefault(place.block, []).append(place.arm)
    return found


@given(seeds, sizes, st.integers(1, 80))
def test_every_block_holds_the_arms_in_their_ratio(seed, block_sizes, size):
    """RND-01."""
    places = permuted_blocks(
        seed=seed, stratum="", size=size, block_sizes=block_sizes, ratio={"a": 1, "b": 1}
    )
    assert len(places) >= size
    for arms in blocks_of(places).values():
        assert len(arms) in block_sizes
        assert Counter(arms)["a"] == Counter(arms)["b"]


@given(seeds, st.integers(1, 60))
def test_the_same_seed_gives_the_same_list_and_a_longer_one_begins_with_it(seed, size):
    short = permuted_blocks(seed=seed, stratum="A", size=size, block_sizes=[2, 4], ratio=EVEN)
    assert (
        short
        == permuted_blocks(seed=seed, stratum="A", size=size + 40, block_sizes=[4, 2], ratio=EVEN)[
            : len(short)
        ]
    )


@given(seeds, st.integers(1, 100))
def test_the_arms_never_differ_by_more_than_half_a_block(seed, size):
    count = Counter()
    for place in permuted_blocks(seed=seed, stratum="", size=size, block_sizes=[2, 4], ratio=EVEN):
        count[place.arm] += 1
        assert abs(count["cells"] - count["placebo"]) <= 2


@given(seeds)
def test_an_unequal_ratio_is_kept(seed):
    places = permuted_blocks(seed=seed, stratum="", size=30, block_sizes=[3, 6], ratio={"a": 2, "b": 1})
    count = Counter(place.arm for place in places)
    assert count["a"] == 2 * count["b"]


def test_strata_have_lists_of_their_own():
    lists = [
        [p.arm for p in permuted_blocks(seed="s", stratum=name, size=60, block_sizes=[4], ratio=EVEN)]
        for name in "AB"
    ]
    assert lists[0] != lists[1]


def test_positions_run_from_one_without_a_gap():
    places = permuted_blocks(seed="s", stratum="", size=30, block_sizes=[2, 4], ratio=EVEN)
    assert [place.position for place in places] == list(range(1, len(places) + 1))


def test_the_documented_algorithm_gives_the_documented_list():
    """If this list changes, the algorithm has changed and needs a new name."""
    places = permuted_blocks(seed="stroma", stratum="", size=12, block_sizes=[2, 4], ratio=EVEN)
    assert ALGORITHM == "permuted-blocks-1"
    assert "".join(place.arm[0] for place in places) == "cpccppccpppc"


@pytest.mark.parametrize(
    "wrong",
    [
        {"block_sizes": [3]},
        {"block_sizes": []},
        {"block_sizes": [1]},
        {"block_sizes": [0]},
        {"block_sizes": [2, 0]},
        {"seed": ""},
        {"size": 0},
        {"ratio": {}},
    ],
)
def test_a_list_that_cannot_be_balanced_is_refused(wrong):
    good = {"seed": "s", "stratum": "", "size": 4, "block_sizes": [2], "ratio": EVEN}
    with pytest.raises(ValueError, match=r"block sizes|needs a seed"):
        permuted_blocks(**(good | wrong))


def test_a_longer_list_of_one_stratum_is_pinned_too():
    """With three block sizes, one draw more or fewer changes the list."""
    places = permuted_blocks(
        seed="stroma", stratum="demography.sex=F", size=40, block_sizes=[2, 4, 6], ratio=EVEN
    )
    assert "".join(place.arm[0] for place in places) == "pccppcccpcpppcpcppccppcccpppcccpccppcppccp"
    assert [place.block for place in places][:14] == [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3]


def test_every_order_of_a_block_is_equally_likely():
    """Six orders of two and two: over 3,000 seeds each comes 500 times, within four standard deviations."""
    drawn = Counter(
        "".join(
            place.arm[0]
            for place in permuted_blocks(seed=str(number), stratum="", size=4, block_sizes=[4], ratio=EVEN)
        )
        for number in range(3000)
    )
    assert len(drawn) == 6
    assert all(abs(times - 500) < 82 for times in drawn.values())


@pytest.mark.parametrize("ratio", [{"a": 0, "b": 2}, {"a": 1, "b": 0}, {"a": 0, "b": 0}, {"a": -1, "b": 3}])
def test_an_arm_that_nobody_would_get_is_refused(ratio):
    """RND-01: every arm of the protocol has a share."""
    with pytest.raises(ValueError, match="needs a seed, a size and a ratio"):
        permuted_blocks(seed="s", stratum="", size=4, block_sizes=[2], ratio=ratio)


@pytest.mark.parametrize(
    ("block_sizes", "ratio"),
    [([2, 3], EVEN), ([4, 6, 7], EVEN), ([4], {"a": 2, "b": 1}), ([6, 4], {"a": 2, "b": 1})],
)
def test_every_block_size_is_a_multiple_of_the_ratio(block_sizes, ratio):
    """RND-01: one size that does not divide spoils the list, whichever it is."""
    with pytest.raises(ValueError, match=f"block sizes must be multiples of {sum(ratio.values())}"):
        permuted_blocks(seed="s", stratum="", size=4, block_sizes=block_sizes, ratio=ratio)


@given(seeds)
def test_the_order_of_the_arms_in_the_file_does_not_change_the_list(seed):
    """RND-01: the list can be made again from seed, sizes and ratio, however the arms are written down."""
    written, turned = {"placebo": 1, "cells": 2}, {"cells": 2, "placebo": 1}
    one, other = (
        permuted_blocks(seed=seed, stratum="", size=24, block_sizes=[3, 6], ratio=ratio)
        for ratio in (written, turned)
    )
    assert one == other


def test_a_single_place_is_a_whole_block():
    places = permuted_blocks(seed="s", stratum="", size=1, block_sizes=[2], ratio=EVEN)
    assert [(place.position, place.block) for place in places] == [(1, 1), (2, 1)]


def test_a_list_of_one_arm_is_that_arm():
    """The smallest ratio: one share, in blocks of one."""
    places = permuted_blocks(seed="s", stratum="", size=2, block_sizes=[1], ratio={"cells": 1})
    assert [(place.position, place.block, place.arm) for place in places] == [
        (1, 1, "cells"),
        (2, 2, "cells"),
    ]
