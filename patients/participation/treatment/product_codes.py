"""Codes of the product of a trial that rooms above provide: a blinded text must not hold one (ICS-04).

They are those of the whole trial, whoever got what: that a text holds one tells nothing about its patient.
"""

from collections.abc import Callable, Iterable

from trials.models import Trial

# Return the numbers of lots, bags, donors, donations, cell banks and kits of a trial.
Codes = Callable[[Trial], Iterable[str]]
code_providers: list[Codes] = []
# A shorter number would be found in any time or dose.
LEAST_DIGITS, LEAST_SIGNS = 5, 3


def product_codes(trial: Trial) -> set[str]:
    """Return the codes of the product that are long enough to be told from other words. One query per provider."""
    found = {code.strip() for provider in code_providers for code in provider(trial)}
    return {code for code in found if len(code) >= (LEAST_DIGITS if code.isdecimal() else LEAST_SIGNS)}
