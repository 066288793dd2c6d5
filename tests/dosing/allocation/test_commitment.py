"""The published hash proves the list later, and tells nothing of it before (RND-01)."""

import hashlib

from dosing.allocation.commitment import SealedParameters, commitment_of, sealed_text

PARAMETERS = SealedParameters(
    trial="t1",
    algorithm="permuted-blocks-1",
    seed="s",
    block_sizes=[4, 2],
    ratio={"b": 1, "a": 1},
    nonce="ff",
)
PLACES = [("", 2, "b", ""), ("", 1, "a", "K-1")]


def test_the_text_can_be_written_down_by_hand():
    """With no part of Stroma: the form is documented, and changes only under another name."""
    expected = (
        "stroma-allocation-commitment-1\ntrial\tt1\nalgorithm\tpermuted-blocks-1\nseed\ts\nblock_sizes\t2,4\n"
        "ratio\ta:1,b:1\n\t1\ta\tK-1\n\t2\tb\t\nnonce\tff\n"
    )
    assert sealed_text(PARAMETERS, PLACES) == expected
    assert commitment_of(expected) == hashlib.sha256(expected.encode("utf-8")).hexdigest()


def test_the_order_of_the_places_does_not_matter_but_each_of_their_parts_does():
    text = sealed_text(PARAMETERS, PLACES)
    assert sealed_text(PARAMETERS, PLACES[::-1]) == text
    for changed in (
        [("x", 2, "b", ""), PLACES[1]], [("", 3, "b", ""), PLACES[1]], [("", 2, "a", ""), PLACES[1]],
        [("", 2, "b", "K"), PLACES[1]], PLACES[1:],
    ):  # fmt: skip
        assert commitment_of(sealed_text(PARAMETERS, changed)) != commitment_of(text)
