"""Permuted blocks from a seed: anybody can generate the list again from its documented parameters (RND-01).

Algorithm `permuted-blocks-1`: for each stratum a Mersenne Twister (Python's `random.Random`, version 2 seeding) is
seeded with the text `seed|stratum`. Blocks follow one another until there are enough positions. The size of a block
is drawn with `randrange` among the sizes in ascending order. The block contains each arm in the protocol's ratio, arms
in alphabetical order, and is permuted by Fisher–Yates from the last position down, each draw by `randrange`. `shuffle`
and `choice` are not used, because their implementation may change between versions of Python. No Django.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

ALGORITHM = "permuted-blocks-1"


@dataclass(frozen=True, slots=True)
class ListPosition:
    """One position of the list: number in its stratum and number of its block, both from 1, and the arm."""

    stratum: str
    position: int
    block: int
    arm: str


def permuted_blocks(
    *, seed: str, stratum: str, size: int, block_sizes: Sequence[int], ratio: Mapping[str, int]
) -> list[ListPosition]:
    """Return at least `size` positions of one stratum, in whole blocks.

    Raises ValueError without a seed, a positive size or a positive ratio, and for a block size that is not a multiple
    of the sum of the ratio.
    """
    whole = sum(ratio.values())
    if not seed or size < 1 or whole < 1 or any(share < 1 for share in ratio.values()):
        raise ValueError("a list needs a seed, a size and a ratio")
    if not block_sizes or any(each < whole or each % whole for each in block_sizes):
        raise ValueError(f"block sizes must be multiples of {whole}")
    places: list[ListPosition] = []
    for number, arms in enumerate(_blocks(f"{seed}|{stratum}", sorted(block_sizes), ratio), start=1):
        if len(places) >= size:
            break
        first = len(places) + 1
        places += [ListPosition(stratum, first + offset, number, arm) for offset, arm in enumerate(arms)]
    return places


def _blocks(seed: str, block_sizes: Sequence[int], ratio: Mapping[str, int]) -> Iterator[list[str]]:
    draw = Random(seed)
    whole = sum(ratio.values())
    while True:
        times = block_sizes[draw.randrange(len(block_sizes))] // whole
        arms = [arm for arm in sorted(ratio) for _share in range(ratio[arm] * times)]
        for last in range(len(arms) - 1, 0, -1):
            other = draw.randrange(last + 1)
            arms[last], arms[other] = arms[other], arms[last]
        yield arms
