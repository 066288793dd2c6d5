"""At its limit every shipped check and criterion decides by the exact value, in every unit and at every precision.

DAT-03: binary doubles missed 615 of 3,402 pairs at the limit of ten per cent of the weight, and said no to a P/F of
exactly 300 in 65 of 791 pairs.
"""

from random import Random

import pytest

from protocol.expressions.compiled import Undetermined
from protocol.expressions.syntax import Call, walk
from tests.support.protocols.boundaries import NOT_OF_NUMBERS, around, boundary, comparisons, drawn, item_of
from tests.support.protocols.shipped import COVID_MSV, LIEGE, protocol

DRAWS = 12
# Computed with 28 digits, so that no typed value meets such a limit exactly.
ROUNDED = frozenset({"pow", "sqrt", "log"})


def functions(comparison) -> set[str]:
    return {node.function for node in walk(comparison.node) if isinstance(node, Call)}


def of_numbers(slug):
    return [each for each in comparisons(protocol(slug)) if not functions(each) & (NOT_OF_NUMBERS | ROUNDED)]


CASES = [
    pytest.param(comparison, name, id=f"{slug} {comparison.where} {number} {name}")
    for slug in (LIEGE, COVID_MSV)
    for number, comparison in enumerate(of_numbers(slug))
    for name in comparison.reads
]


@pytest.mark.parametrize(("comparison", "name"), CASES)
def test_the_comparison_turns_exactly_at_its_boundary(comparison, name):
    rng, item, expression = (
        Random(f"{comparison.where} {name}"),
        item_of(comparison, name),
        comparison.engine(),
    )
    answers: set[bool] = set()
    for _draw in range(DRAWS if len(comparison.reads) > 1 else 1):
        others = drawn(comparison, rng, name)
        exact = {path: typed.exact for path, typed in others.items()}
        at = boundary(comparison, name, exact)
        for typed in around(item, at) if at is not None else ():
            stored = {path: each.stored for path, each in others.items()} | {name: typed.stored}
            try:
                expected = comparison.truth(exact | {name: typed.exact})
            except ZeroDivisionError:
                assert isinstance(expression.evaluate(stored), Undetermined)
                continue
            assert expression.evaluate(stored) is expected, (typed, others)
            answers.add(expected)

    # Nothing below zero can be typed, so one side of a limit at zero may be out of reach.
    assert answers == {True, False} or (at == 0 and answers)


def test_every_comparison_of_numbers_is_tried():
    """What is left out reads dates and counts, or a power."""
    left = [
        each
        for slug in (LIEGE, COVID_MSV)
        for each in comparisons(protocol(slug))
        if each not in of_numbers(slug)
    ]
    assert CASES
    assert all(functions(each) & (NOT_OF_NUMBERS | ROUNDED) for each in left)
