"""Balance over 10,000 simulated lists (RND-01, ICH E9 2.3.2)."""

from collections import Counter

from dosing.allocation.randomisation import permuted_blocks

LISTS, PATIENTS = 10_000, 24


def test_ten_thousand_lists_are_balanced():
    """The arms never differ by more than two, and no place favours an arm (within five standard deviations)."""
    cells_at, ends, differences = Counter(), Counter(), Counter()
    for number in range(LISTS):
        places = permuted_blocks(
            seed=f"simulated {number}", stratum="", size=PATIENTS, block_sizes=[2, 4],
            ratio={"cells": 1, "placebo": 1},
        )[:PATIENTS]  # fmt: skip
        ahead = 0
        for place in places:
            ahead += 1 if place.arm == "cells" else -1
            cells_at[place.position] += place.arm == "cells"
            differences[abs(ahead)] += 1
        ends[ahead] += 1
    assert max(differences) == 2
    bound = 5 * (LISTS * 0.25) ** 0.5
    assert all(abs(cells_at[place] - LISTS / 2) < bound for place in range(1, PATIENTS + 1))
    # A list of 24 that stops in a block of four ends at most one patient apart on each side, equally often.
    assert set(ends) == {-2, 0, 2}
    assert abs(ends[2] - ends[-2]) < 5 * (ends[2] + ends[-2]) ** 0.5
    assert ends[0] / LISTS > 0.8
