"""The commitment to an allocation list: a hash that is published before the first patient and proves the list later.

The hash covers a text that anybody can write down again once list and random value are opened, with no part of Stroma:
lines in UTF-8, each ended by a line feed, the last one the 256-bit random value in hexadecimal. Without that value the
hash of a short list could be guessed: there are only so many lists (RND-01). No Django.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

HEADER = "stroma-allocation-commitment-1"


@dataclass(frozen=True, slots=True)
class SealedParameters:
    """The parameters of a list. seed, block_sizes: empty for an uploaded list."""

    trial: str
    algorithm: str
    seed: str
    block_sizes: Sequence[int]
    ratio: Mapping[str, int]
    nonce: str


def sealed_text(parameters: SealedParameters, places: Iterable[tuple[str, int, str, str]]) -> str:
    """Return the text whose hash is published.

    places: stratum, position, arm and kit number ("" without one) of each place, in any order.
    """
    lines = [
        HEADER,
        f"trial\t{parameters.trial}",
        f"algorithm\t{parameters.algorithm}",
        f"seed\t{parameters.seed}",
        f"block_sizes\t{','.join(map(str, sorted(parameters.block_sizes)))}",
        f"ratio\t{','.join(f'{arm}:{share}' for arm, share in sorted(parameters.ratio.items()))}",
        *(f"{stratum}\t{position}\t{arm}\t{kit}" for stratum, position, arm, kit in sorted(places)),
        f"nonce\t{parameters.nonce}",
    ]
    return "".join(f"{line}\n" for line in lines)


def commitment_of(text: str) -> str:
    """Return the SHA-256 of a sealed text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
